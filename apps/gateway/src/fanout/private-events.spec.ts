import { PRIVATE_EVENT_TYPES } from '@depthcast/protocol';
import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { SEED_TYPES } from '../transports/event-types.ts';
import { Encoder } from './encoder.ts';
import { Filter } from './filter.ts';
import { TopicTable } from './topics.ts';
import { Window } from './window.ts';

const PLAIN = { ids: 'cursor', chain: false, framing: 'plain' } as const;

const topics = new TopicTable();
const takes = (filter: Filter, text: string) => {
  const topic = topics.intern(text);
  return topic.isPrivate ? filter.owns(topic) : filter.matches(topic.id);
};

describe('a private event', () => {
  it('is given to its account alone, and to no one who names none', () => {
    const alice = new Filter(topics, undefined, undefined, { account: 'alice' });
    const nobody = new Filter(topics);
    for (const type of PRIVATE_EVENT_TYPES) {
      for (const symbol of ['BTCUSD', '']) {
        expect(takes(alice, `${type}:${symbol}:alice`)).toBe(true);
        for (const other of ['bob', 'Alice', 'alice2', '', 'alic']) {
          expect(takes(alice, `${type}:${symbol}:${other}`)).toBe(false);
        }
        expect(takes(nobody, `${type}:${symbol}:alice`)).toBe(false);
      }
      // One that should name an account and does not.
      for (const filter of [alice, nobody])
        expect([takes(filter, `${type}:BTCUSD`), takes(filter, type)]).toEqual([false, false]);
    }
  });

  it('of another type than the private ones is private all the same', () => {
    const alice = new Filter(topics, ['trade', 'market'], undefined, { account: 'alice' });
    expect(takes(alice, 'trade:BTCUSD:alice')).toBe(false);
    expect(takes(alice, 'trade:BTCUSD:bob')).toBe(false);
  });

  it('comes by its types and symbols, and with any symbols when it is of none', () => {
    const filter = new Filter(topics, SEED_TYPES, ['BTCUSD'], { account: 'alice' });
    expect(takes(filter, 'fill:BTCUSD:alice')).toBe(true);
    expect(takes(filter, 'fill:ETHUSD:alice')).toBe(false);
    expect(takes(filter, 'account::alice')).toBe(true);
    expect(takes(filter, 'order_update::alice')).toBe(true);
    expect(takes(filter, 'account::bob')).toBe(false);
    // Not one of the seed's types.
    expect(takes(filter, 'position:BTCUSD:alice')).toBe(false);
  });

  it('is in no stream of named topics', () => {
    expect(takes(Filter.ofNames(topics, ['fill:BTCUSD:alice', 'fill:BTCUSD']), 'fill:BTCUSD:alice')).toBe(false);
    const named = new Filter(topics, undefined, undefined, { names: ['fill:BTCUSD:alice'], account: 'alice' });
    expect(takes(named, 'fill:BTCUSD:alice')).toBe(false);
  });
});

describe('sessions of different accounts', () => {
  const key = (types: readonly string[] | undefined, account?: string) =>
    new Filter(topics, types, undefined, account === undefined ? {} : { account }).key;

  it('share their frames as long as they want nothing private', () => {
    expect(key(['market', 'trade'], 'alice')).toBe(key(['trade', 'market'], 'bob'));
    expect(key(['market'], 'alice')).toBe(key(['market']));
  });

  it('never share them when they do', () => {
    expect(key(SEED_TYPES, 'alice')).not.toBe(key(SEED_TYPES, 'bob'));
    expect(key(undefined, 'alice')).not.toBe(key(undefined, 'bob'));
    expect(key(undefined, 'alice')).not.toBe(key(undefined));
  });

  it('that share a key take the same of all topics', () => {
    const types = fc.option(fc.subarray(['market', 'trade', ...PRIVATE_EVENT_TYPES]), { nil: undefined });
    const symbols = fc.option(fc.subarray(['A', 'B']), { nil: undefined });
    const account = fc.constantFrom('alice', 'bob', undefined);
    const topic = fc
      .tuple(fc.constantFrom('market', 'trade', ...PRIVATE_EVENT_TYPES), fc.constantFrom('A', 'B', ''), account)
      .map(([type, symbol, of]) => (of === undefined ? `${type}:${symbol}` : `${type}:${symbol}:${of}`));
    const filter = fc
      .tuple(types, symbols, account)
      .map(([t, s, a]) => new Filter(topics, t, s, a === undefined ? {} : { account: a }));
    fc.assert(
      fc.property(filter, filter, fc.array(topic), (one, other, texts) => {
        if (one.key !== other.key) return;
        for (const text of texts) expect(takes(one, text)).toBe(takes(other, text));
      }),
      { numRuns: 3_000 },
    );
  });
});

describe('topics of any number of accounts', () => {
  it('are in no table, and are found with their entries in any segment', () => {
    const table = new TopicTable();
    const window = new Window({ bytesMax: 1 << 30, entriesMax: 1e9, segmentBytes: 4_096 });
    const payload = (i: number) => Buffer.from(`{"n":${i}}`);
    table.intern('market:A');
    for (let i = 0; i < 120_000; i++) {
      const topic = table.of(i % 1_000 === 0 ? 'market:A' : `fill:A:user-${i}`, payload(i));
      window.append(1, 0, i, topic, payload(i));
      expect(table.size).toBeLessThanOrEqual(50_001);
    }
    const wanted = [1, 999, 70_001, 119_999];
    for (const n of wanted) {
      const own = new Filter(table, ['fill'], undefined, { account: `user-${n}` });
      const { bytes, frames } = new Encoder().encode(window, 0, window.end, { filter: own, format: PLAIN });
      expect([frames, bytes?.toString()]).toEqual([1, `id: 1-${n}\nevent: fill\ndata: {"n":${n}}\n\n`]);
    }
    const all = new Filter(table, undefined, undefined, { account: 'user-7' });
    expect(new Encoder().encode(window, 0, window.end, { filter: all, format: PLAIN }).frames).toBe(121);
    expect(new Encoder().encode(window, 0, window.end, { filter: new Filter(table), format: PLAIN }).frames).toBe(120);
  });
});
