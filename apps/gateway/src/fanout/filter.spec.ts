import { Market } from '@depthcast/market';
import { type Input, klineIntervals, type UnstampedInput } from '@depthcast/protocol';
import { describe, expect, it } from '@jest/globals';
import { Filter } from './filter.ts';
import { TopicTable } from './topics.ts';

const kline = (interval: string) => Buffer.from(`{"type":"kline","symbol":"A","interval":"${interval}","open_ts":0}`);

describe('a topic', () => {
  it('of klines is one for each interval, of one name on the wire', () => {
    const topics = new TopicTable();
    const parts = klineIntervals.map((interval) => topics.of('kline:A', kline(interval)));
    expect(new Set(parts.map(({ id }) => id)).size).toBe(klineIntervals.length);
    expect(parts.map(({ text }) => text)).toEqual(klineIntervals.map((interval) => `kline:A#${interval}`));
    for (const part of parts) {
      expect(part).toMatchObject({ type: 'kline', symbol: 'A', isPrivate: false });
      expect(part.head.toString()).toBe('event: kline\ndata: ');
      expect(topics.byId(part.id)).toBe(part);
    }
    expect(topics.of('kline:A', kline('1m'))).toBe(parts[0]);
  });

  it('is known by its name alone where it holds one kind of event, or an interval nobody knows', () => {
    const topics = new TopicTable();
    expect(topics.of('trade:A', kline('1m'))).toBe(topics.intern('trade:A'));
    for (const odd of [kline('2m'), Buffer.from('{}'), Buffer.from('"interval":"1m'), Buffer.alloc(0)]) {
      expect(topics.of('kline:A', odd)).toBe(topics.intern('kline:A'));
    }
    expect(topics.of('kline:A:alice', kline('1m'))).toMatchObject({ isPrivate: true, text: 'kline:A:alice' });
    expect(topics.intern('kline:A#1m')).not.toBe(topics.of('kline:A', kline('1m')));
    const size = topics.size;
    for (let i = 0; i < 100; i++) topics.of('kline:A', kline(`${i}x`));
    expect(topics.size).toBe(size);
  });

  it('is found for every kline that the engine writes', () => {
    const topics = new TopicTable();
    const market = new Market();
    const seen = new Map<string, number>();
    let seq = 0;
    const apply = (input: UnstampedInput) => {
      for (const { topic, payload } of market.apply({ ...input, src: 'test', seq: ++seq } as Input)) {
        if (!topic.startsWith('kline:')) continue;
        const { text } = topics.of(topic, Buffer.from(payload));
        expect(text).toBe(`${topic}#${JSON.parse(payload).interval}`);
        seen.set(text, (seen.get(text) ?? 0) + 1);
      }
    };
    const START = 1_704_067_200;
    const at = (second: number) => ({ tsEventUs: second * 1e6, tsRecvUs: second * 1e6 });
    const common = { symbol: 'BTCUSD', ...at(START) };
    apply({
      ...common,
      type: 'symbol',
      venue: 'test',
      tick: '0.1',
      step: '0.1',
      depthRule: 'spot',
      quotes: false,
    } as UnstampedInput);
    for (let i = 0; i < 5; i++) {
      const second = START + i;
      const trade = { type: 'trade', tradeId: i, price: '100.0', qty: '1.0', side: 'BUY' } as const;
      apply({ ...common, ...at(second), ...trade });
      apply({ type: 'clock', second: second + 1, tsRecvUs: (second + 1) * 1e6 });
    }
    expect([...seen.keys()].sort()).toEqual(klineIntervals.map((interval) => `kline:BTCUSD#${interval}`).sort());
  });
});

describe('a filter of names', () => {
  const topics = new TopicTable();
  const filter = Filter.ofNames(topics, ['kline:A#1m', 'trade:B', 'book_change:B']);
  const takes = (text: string, payload = Buffer.from('{}')) => {
    const topic = topics.of(text, payload);
    return topic.isPrivate ? filter.owns(topic) : filter.matches(topic.id);
  };

  it('takes those and nothing else', () => {
    expect(takes('kline:A', kline('1m'))).toBe(true);
    expect(takes('kline:A', kline('5m'))).toBe(false);
    expect(takes('kline:A')).toBe(false);
    expect(takes('kline:B', kline('1m'))).toBe(false);
    expect([takes('trade:B'), takes('book_change:B'), takes('trade:A'), takes('book_change:A')]).toEqual([
      true,
      true,
      false,
      false,
    ]);
    expect([takes('clock'), takes('trade:B:alice'), takes('trade')]).toEqual([false, false, false]);
  });

  it('says so for what is shown, too', () => {
    expect(filter.wantsEvents('kline', 'A', '1m')).toBe(true);
    expect(filter.wantsEvents('kline', 'A', '5m')).toBe(false);
    expect(filter.wantsEvents('kline', 'A')).toBe(false);
    expect(filter.wantsEvents('book_change', 'A')).toBe(false);
    expect(filter.wantsSymbol('A')).toBe(true);
    expect(filter.wantsSymbol('C')).toBe(false);
  });

  it('has a key of its own for the same set in any order, and never that of types and symbols', () => {
    const keys = [['trade:B', 'kline:A#1m', 'book_change:B'], ['trade:B']].map((n) => Filter.ofNames(topics, n).key);
    expect(keys[0]).toBe(filter.key);
    expect(keys[1]).not.toBe(filter.key);
    expect(new Filter(topics, ['trade'], ['B']).key).not.toBe(keys[1]);
    expect(Filter.ofNames(topics, []).matches(topics.intern('trade:B').id)).toBe(false);
  });

  it('of types takes the klines of all intervals', () => {
    const all = new Filter(topics, ['kline'], ['A']);
    for (const interval of klineIntervals) expect(all.matches(topics.of('kline:A', kline(interval)).id)).toBe(true);
    expect(all.wantsEvents('kline', 'A', '12h')).toBe(true);
  });
});
