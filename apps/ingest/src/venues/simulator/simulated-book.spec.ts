import { L2Book } from '@depthcast/book';
import { inputSchema, Scale } from '@depthcast/protocol';
import { describe, expect, it } from '@jest/globals';
import { SimulatedBook } from './simulated-book.ts';
import { symbolProfile } from './symbol-profile.ts';

const US = 1_767_225_600_000_000;
const UPDATES = 5_000;

describe.each(['BTCUSD', 'ETHUSD', 'ADAUSD', 'ANYTHING', '1000PEPE-X'])('the simulated book of %s', (symbol) => {
  it('never crosses, keeps its ids without a hole, and its diffs rebuild it exactly', () => {
    const profile = symbolProfile(symbol);
    const book = new SimulatedBook(profile, 7);
    const start = book.snapshot(US);
    const follower = new L2Book(Scale.ofStep(profile.tick), Scale.ofStep(profile.step));
    follower.replace(start.bids, start.asks);
    expect(start.bids).toHaveLength(200);
    expect(start.asks).toHaveLength(200);
    let last = start.last;
    let trades = 0;
    const broken: string[] = [];
    for (let i = 0; i < UPDATES; i++) {
      for (const input of book.next(US + i)) {
        if (input.type === 'trade') {
          trades++;
          const ladder = input.side === 'BUY' ? follower.asks : follower.bids;
          // What was traded was on offer in the book as it stood.
          const offered = ladder.sizeAt(follower.priceScale.parse(input.price));
          if (offered < Number(input.qty)) broken.push(`${i}: traded ${input.qty} of ${offered}`);
          continue;
        }
        if (input.first !== last + 1 || input.last < input.first) broken.push(`${i}: ${input.first}-${input.last}`);
        last = input.last;
        follower.apply(input.bids, input.asks);
        if (!((follower.spread() ?? 0) > 0)) broken.push(`${i}: crossed`);
        if (Math.min(follower.bids.length, follower.asks.length) < 100) broken.push(`${i}: thin`);
      }
    }
    expect(broken).toEqual([]);
    const end = book.snapshot(US);
    expect(follower.wireLevels('bid')).toEqual(end.bids);
    expect(follower.wireLevels('ask')).toEqual(end.asks);
    expect(end.last).toBe(last);
    expect(trades).toBeGreaterThan(UPDATES / 10);
    const best = follower.priceScale.parse((end.bids[0] as [string, string])[0]);
    expect(Math.abs(best / profile.startTicks - 1)).toBeLessThan(0.25);
  });
});

describe('the simulated book', () => {
  it('is the same for the same seed, and another for another', () => {
    const run = (seed: number): string => {
      const book = new SimulatedBook(symbolProfile('BTCUSD'), seed);
      return JSON.stringify(Array.from({ length: 500 }, (_, i) => book.next(US + i)));
    };
    expect(run(42)).toBe(run(42));
    expect(run(42)).not.toBe(run(43));
  });

  it('gives inputs that the inbox takes', () => {
    const book = new SimulatedBook(symbolProfile('ADAUSD'), 1);
    const inputs = [book.definition(US), book.snapshot(US), ...Array.from({ length: 50 }, () => book.next(US)).flat()];
    for (const [i, input] of inputs.entries()) {
      expect(inputSchema.safeParse({ ...input, src: 'test', seq: i + 1 }).error).toBeUndefined();
    }
    expect(book.definition(US)).toMatchObject({ tick: '0.0001', step: '1', quotes: false, depthRule: 'spot' });
  });

  it('takes from the maker what the trades took, in the diff that follows', () => {
    const book = new SimulatedBook(symbolProfile('ETHUSD'), 3);
    let checked = 0;
    for (let i = 0; i < 5_000; i++) {
      const before = book.snapshot(US);
      const inputs = book.next(US);
      const diff = inputs.at(-1);
      for (const trade of inputs) {
        if (trade.type !== 'trade' || diff?.type !== 'depth') continue;
        const [levels, changed] = trade.side === 'BUY' ? [before.asks, diff.asks] : [before.bids, diff.bids];
        const level = levels.find(([price]) => price === trade.price);
        expect(level).toBeDefined();
        expect(changed.some(([price]) => price === trade.price)).toBe(true);
        checked++;
      }
    }
    expect(checked).toBeGreaterThan(500);
  });
});
