import { z } from 'zod';

/**
 * What stands in the log, one wire-ready JSON object an entry, under the topic `<type>:<SYMBOL>`, `<type>` for
 * events of no symbol, `<type>:<SYMBOL>:<account>` for private ones.
 *
 * `ts_ns` is venue time in nanoseconds, a JSON integer beyond 2^53: {@link parseEvent} gives it as a bigint, and
 * nothing else should JSON.parse it. Prices and sizes are exact decimal text inside strings or number literals.
 */
const tsNs = z.bigint();
const decimal = z.string();
const levels = z.array(z.tuple([decimal, decimal]));

export const bookStatuses = ['buffering', 'synced', 'gap', 'stale'] as const;
export type BookStatus = (typeof bookStatuses)[number];

export const klineIntervals = ['1m', '5m', '15m', '1h', '12h', '1d'] as const;
export type KlineInterval = (typeof klineIntervals)[number];

export const anomalyKinds = ['volume_spike', 'wide_spread', 'large_trade'] as const;
export type AnomalyKind = (typeof anomalyKinds)[number];

export const eventSchemas = {
  /** Last trade price; the mid until there has been a trade. VeloZ seed. */
  market: z.object({ type: z.literal('market'), symbol: z.string(), ts_ns: tsNs, price: z.number() }),
  /** VeloZ seed. `message` is `market_source_error` when a venue is lost. */
  error: z.object({ type: z.literal('error'), ts_ns: tsNs, message: z.string() }),
  /** BBO seed. `timestamp` is the venue's, ms; `serverTimestamp` when ingest received it; latency their difference. */
  bbo: z.object({
    symbol: z.string(),
    bidPrice: decimal,
    bidQty: decimal,
    askPrice: decimal,
    askQty: decimal,
    timestamp: z.int(),
    serverTimestamp: z.int(),
    backendLatency: z.int(),
  }),
  /** `side` is the taker's. */
  trade: z.object({
    type: z.literal('trade'),
    symbol: z.string(),
    ts_ns: tsNs,
    trade_id: z.int(),
    price: z.number(),
    qty: z.number(),
    side: z.enum(['BUY', 'SELL']),
  }),
  /**
   * Levels that changed (`[price, size]`, absolute, size 0 deletes), or all of them when `is_snapshot`. `first`,
   * `last` and `prev` are the venue's update ids. `checksum` (at least once a second a symbol) is the CRC32 of the
   * book after this event: `price:size` of the best 10 levels, bid and ask alternating, joined by `:`.
   */
  book_change: z.object({
    type: z.literal('book_change'),
    symbol: z.string(),
    ts_ns: tsNs,
    is_snapshot: z.boolean(),
    first: z.int(),
    last: z.int(),
    prev: z.int().optional(),
    bids: levels,
    asks: levels,
    checksum: z.int().optional(),
  }),
  /** The full book every 60 s of event time, so that the log's history alone can rebuild any moment. */
  book_snapshot: z.object({
    type: z.literal('book_snapshot'),
    symbol: z.string(),
    ts_ns: tsNs,
    last: z.int(),
    bids: levels,
    asks: levels,
    checksum: z.int(),
  }),
  /** `expected` and `got` are update ids, on a gap. */
  book_status: z.object({
    type: z.literal('book_status'),
    symbol: z.string(),
    ts_ns: tsNs,
    status: z.enum(bookStatuses),
    expected: z.int().optional(),
    got: z.int().optional(),
    reason: z.string().optional(),
  }),
  /**
   * One bar of trades by the venue's own times, `[open_ts, open_ts + interval)`, aligned to 1970; `open_ts` in ms.
   * Each second in which it changed with `closed` false, then once with `closed` true, after which nothing of it
   * changes. `volume` and `buy_volume` (takers that bought) are sizes, `vwap` is absent when nothing was traded: a bar
   * without trades is flat at the close before it. `sma` and `ema` are of 20 closes, this bar's being the newest, and
   * absent until there are 20. `vwap`, `sma`, `ema`: two decimals more than the price has, halves up.
   */
  kline: z.object({
    type: z.literal('kline'),
    symbol: z.string(),
    interval: z.enum(klineIntervals),
    open_ts: z.int(),
    open: z.number(),
    high: z.number(),
    low: z.number(),
    close: z.number(),
    volume: z.number(),
    buy_volume: z.number(),
    trades: z.int(),
    vwap: z.number().optional(),
    sma: z.number().optional(),
    ema: z.number().optional(),
    closed: z.boolean(),
  }),
  /** Each second a symbol, once it has traded. The last price, the size traded in 24 h, event time in ms. */
  ticker: z.object({
    type: z.literal('ticker'),
    symbol: z.string(),
    price: z.number(),
    volume: z.number(),
    timestamp: z.int(),
  }),
  /**
   * Of a synced book, each second in which something in it has changed. `spread` and `mid` are absent while a side is
   * empty; `imbalance` is −1 … 1 over the best 5 levels a side. `vwap`, the volumes and their ratio (null when nothing
   * was sold) are of 24 h, as the ticker's volume is. `late_trades` and `early_trades` count what is in no bar, because
   * its venue time was before what had been closed, or too far beyond event time.
   */
  analytics: z.object({
    type: z.literal('analytics'),
    symbol: z.string(),
    ts_ns: tsNs,
    spread: z.number().optional(),
    mid: z.number().optional(),
    imbalance: z.number(),
    vwap: z.number().optional(),
    buy_volume: z.number(),
    sell_volume: z.number(),
    buy_sell_ratio: z.number().nullable(),
    late_trades: z.int(),
    early_trades: z.int(),
  }),
  /**
   * The first moment of something unusual; nothing more is said until it is over. `value` is what went beyond
   * `threshold`: size traded in a second (`volume_spike`), basis points of the mid (`wide_spread`), size of one trade
   * (`large_trade`).
   */
  anomaly: z.object({
    type: z.literal('anomaly'),
    symbol: z.string(),
    ts_ns: tsNs,
    kind: z.enum(anomalyKinds),
    value: z.number(),
    threshold: z.number(),
  }),
  /** Once a second of event time. When these stop, delivery has stopped. */
  clock: z.object({ type: z.literal('clock'), ts_ns: tsNs, second: z.int() }),
  /** An engine has taken over. */
  engine: z.object({ type: z.literal('engine'), ts_ns: tsNs, version: z.string(), reason: z.string() }),
  /** Offset 0 of every epoch. `previous_tail` is what Redis really held then, null in an empty log. */
  epoch: z.object({
    type: z.literal('epoch'),
    epoch: z.int(),
    previous_tail: z.string().nullable(),
    reason: z.string(),
  }),
} as const;

export type EventType = keyof typeof eventSchemas;
export type EventOf<T extends EventType> = z.infer<(typeof eventSchemas)[T]>;
export const EVENT_TYPES = Object.keys(eventSchemas) as EventType[];

/** Microseconds as the text of a `ts_ns` literal: no Number holds the result, and no JSON number begins with 00. */
export function formatTsNs(us: number): string {
  return us === 0 ? '0' : `${us}000`;
}

/** One event as it goes into the log: the field name and the exact wire bytes, as text. */
export interface LogEvent {
  readonly topic: string;
  readonly payload: string;
}

/** The log's field name of an event. */
export function eventTopic(type: EventType, symbol?: string, account?: string): string {
  if (symbol === undefined) return type;
  return account === undefined ? `${type}:${symbol}` : `${type}:${symbol}:${account}`;
}

export interface Topic {
  readonly type: string;
  readonly symbol?: string;
  readonly account?: string;
}

export function parseTopic(topic: string): Topic {
  const [type = '', symbol, account] = topic.split(':', 3);
  return { type, ...(symbol === undefined ? {} : { symbol }), ...(account === undefined ? {} : { account }) };
}

/**
 * Reads one event's payload; `ts_ns` fields come out as bigints, exact.
 *
 * @throws ZodError or SyntaxError when the payload is not an event of that type.
 */
export function parseEvent<T extends EventType>(type: T, payload: string): EventOf<T> {
  return eventSchemas[type].parse(parsePayload(payload)) as EventOf<T>;
}

/** The payload's JSON with `ts_ns` and `last_ts_ns` as bigints, unchecked. */
export function parsePayload(payload: string): unknown {
  const quoted = payload.replace(/"((?:last_)?ts_ns)":(\d+)/g, '"$1":"$2"');
  return JSON.parse(quoted, (key, value) => (key === 'ts_ns' || key === 'last_ts_ns' ? BigInt(value) : value));
}
