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
