import type { LogEntry } from '@depthcast/log';
import { EVENT_TYPES, type EventType, eventTopic, formatTsNs, parsePayload } from '@depthcast/protocol';
import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import type { EventColumns } from '../stores/event-row.ts';
import { RowAdapter } from './row-adapter.ts';

const US_MAX = 9_007_199_254_740;
const entry = (topic: string, payload: string, offset = 0): LogEntry => ({
  epoch: 7,
  offset,
  topic,
  payload: Buffer.from(payload),
});

/** Text that could be taken for a time, if it were not read as JSON. */
const nasty = fc.constantFrom(
  '"ts_ns":5',
  '\\"ts_ns":6',
  '"last_ts_ns":7,"timestamp":8',
  'ts_ns',
  '{"ts_ns":9}',
  'é€😀',
);
const string = fc.oneof(fc.string(), nasty);
const price = fc.integer({ min: 0, max: 10 ** 12 }).map((ticks) => ticks / 100);
const decimal = price.map(String);
const us = fc.integer({ min: 0, max: US_MAX });
const symbol = fc.constantFrom('BTCUSD', 'ETHUSDT.P');
const side = fc.constantFrom('BUY', 'SELL');

/** Members of an event beside type and time; JSON text is made of them in their order, the time at some place. */
const members: Record<string, fc.Arbitrary<Record<string, unknown>>> = {
  bbo: fc.record({ bidPrice: decimal, bidQty: decimal, askPrice: decimal, askQty: decimal, backendLatency: fc.nat() }),
  trade: fc.record({ trade_id: fc.nat(), price, qty: price, side }),
  kline: fc.record({
    interval: fc.constantFrom('1m', '1d'),
    open_ts: fc.nat(),
    open: price,
    high: price,
    low: price,
    close: price,
    volume: price,
    closed: fc.boolean(),
  }),
  order_update: fc.record(
    { client_order_id: string, status: string, reason: string, side, qty: price, price },
    { requiredKeys: ['client_order_id', 'status'] },
  ),
  fill: fc.record({ client_order_id: string, qty: price, price }),
  order_state: fc.record(
    { client_order_id: string, status: string, reason: string, side, order_qty: price, limit_price: price },
    { requiredKeys: ['client_order_id'] },
  ),
};
const other = fc.record({
  message: string,
  anything: fc.jsonValue().filter((value) => !/"(last_)?ts_ns"/.test(JSON.stringify(value))),
});

interface Given {
  readonly type: EventType;
  readonly topic: string;
  readonly payload: string;
}

const given: fc.Arbitrary<Given> = fc.constantFrom(...EVENT_TYPES).chain((type) =>
  fc
    .record({ rest: members[type] ?? other, us, symbol, account: fc.option(fc.constant('alice')), at: fc.nat(8) })
    .map(({ rest, us, symbol, account, at }) => {
      const parts = Object.entries(rest).map(([key, value]) => `${JSON.stringify(key)}:${JSON.stringify(value)}`);
      const time = timeText(type, us);
      if (time) parts.splice(at, 0, time);
      const payload = `{${[`"type":"${type}"`, `"symbol":"${symbol}"`, ...parts].join(',')}}`;
      return { type, topic: eventTopic(type, symbol, account ?? undefined), payload };
    }),
);

function timeText(type: EventType, us: number): string | undefined {
  if (type === 'kline' || type === 'epoch') return undefined;
  if (type === 'bbo') return `"timestamp":${Math.floor(us / 1000)},"serverTimestamp":12345`;
  if (type === 'ticker') return `"timestamp":${Math.floor(us / 1000)}`;
  return `"${type === 'order_state' ? 'last_ts_ns' : 'ts_ns'}":${formatTsNs(us)}`;
}

/** The same by plain parsing. */
function model(type: string, payload: string): { tsUs: number | undefined; columns: EventColumns | undefined } {
  // biome-ignore lint/suspicious/noExplicitAny: the model reads what is there.
  const event = parsePayload(payload) as any;
  const ns: bigint | undefined = type === 'order_state' ? event.last_ts_ns : event.ts_ns;
  const ms: number | undefined = type === 'bbo' || type === 'ticker' ? event.timestamp : undefined;
  const tsUs = ms === undefined ? (ns === undefined ? undefined : Number(ns / 1000n)) : ms * 1000;
  const { price, qty, side, status, client_order_id: clientOrderId } = event;
  const columns: Record<string, EventColumns> = {
    bbo: {
      bidPrice: Number(event.bidPrice),
      bidQty: Number(event.bidQty),
      askPrice: Number(event.askPrice),
      askQty: Number(event.askQty),
      latencyMs: event.backendLatency,
    },
    trade: { price, qty, side, tradeId: event.trade_id },
    kline: {
      interval: event.interval,
      openTs: event.open_ts,
      open: event.open,
      high: event.high,
      low: event.low,
      close: event.close,
      volume: event.volume,
      closed: event.closed,
    },
    order_update: { price, qty, side, status, clientOrderId },
    fill: { price, qty, clientOrderId },
    order_state: { price: event.limit_price, qty: event.order_qty, side, status, clientOrderId },
  };
  return { tsUs, columns: columns[type] };
}

describe('RowAdapter', () => {
  it('reads what plain parsing reads, of every type, whatever stands in its texts', () => {
    fc.assert(
      fc.property(fc.array(given, { minLength: 1, maxLength: 20 }), (events) => {
        const adapter = new RowAdapter();
        let tsUs = 0;
        let clockUs = 0;
        for (const [i, { type, topic, payload }] of events.entries()) {
          const row = adapter.row(entry(topic, payload, i));
          const wanted = model(type, payload);
          tsUs = wanted.tsUs ?? tsUs;
          if (type === 'clock') clockUs = Math.max(clockUs, tsUs);
          const [, symbol, account = null] = topic.split(':');
          expect(row).toEqual({
            ...{ epoch: 7, offset: i, type, symbol, account, tsUs, clockUs, payload },
            columns: wanted.columns,
          });
        }
      }),
      { numRuns: 500 },
    );
  });

  it('goes on with the times of the row before it', () => {
    const adapter = new RowAdapter({ tsUs: 30, clockUs: 20 });
    expect(adapter.row(entry('kline:A', '{"interval":"1m"}'))).toMatchObject({ tsUs: 30, clockUs: 20 });
    expect(adapter.row(entry('clock', '{"type":"clock","ts_ns":10000}'))).toMatchObject({ tsUs: 10, clockUs: 20 });
    expect(adapter.row(entry('clock', '{"type":"clock","ts_ns":40000}'))).toMatchObject({ tsUs: 40, clockUs: 40 });
    expect(adapter.row(entry('account::alice', '{"ts_ns":50000}'))).toMatchObject({ symbol: null, account: 'alice' });
  });

  it('takes no other member for the time', () => {
    const row = new RowAdapter().row(entry('trade:A', '{"recv_ts_ns":9000,"ts_ns":7000,"last_ts_ns":8000}'));
    expect(row.tsUs).toBe(7);
  });

  it.each([
    ['is no JSON', 'trade:A', 'by hand'],
    ['is no object', 'trade:A', '"text"'],
    ['has other members', 'bbo:A', '{"bidPrice":{},"bidQty":"","askPrice":"x","timestamp":"soon"}'],
    ['has a time beyond all numbers', 'trade:A', `{"ts_ns":${'9'.repeat(40)}}`],
    ['is of no known type', '__proto__', '{}'],
  ])('stores what %s as it is', (_, topic, payload) => {
    const row = new RowAdapter({ tsUs: 5, clockUs: 5 }).row(entry(topic, payload));
    expect(row).toMatchObject({ payload, tsUs: 5, clockUs: 5 });
    expect(Object.values(row.columns ?? {}).filter((value) => value !== undefined)).toEqual([]);
  });

  it('forgets topics when there are too many, and goes on', () => {
    const adapter = new RowAdapter();
    for (let i = 0; i < 20_001; i++) expect(adapter.row(entry(`fill:A:${i}`, '{}')).account).toBe(String(i));
  });
});
