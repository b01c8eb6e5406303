import { z } from 'zod';
import { orderSides, orderStatuses } from './orders.ts';

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
/** `[order_id, price, qty, time of its place in the queue in µs]`, by priority. */
const orders = z.array(z.tuple([z.string(), decimal, decimal, z.int()]));

export const bookStatuses = ['buffering', 'synced', 'gap', 'stale'] as const;
export type BookStatus = (typeof bookStatuses)[number];

export const klineIntervals = ['1m', '5m', '15m', '1h', '12h', '1d'] as const;
export type KlineInterval = (typeof klineIntervals)[number];

export const anomalyKinds = ['volume_spike', 'wide_spread', 'large_trade'] as const;
export type AnomalyKind = (typeof anomalyKinds)[number];

export const eventSchemas = {
  /** Last trade price; the mid until there has been a trade. VeloZ seed. */
  market: z.object({ type: z.literal('market'), symbol: z.string(), ts_ns: tsNs, price: z.number() }),
  /**
   * VeloZ seed. `message` is `market_source_error` when a venue is lost, and begins with `market_source_unreachable` when
   * as many retries in a row as were allowed have been in vain: they go on all the same.
   */
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
    /** Of a book of orders: all of them, as in `book_orders`. */
    bid_orders: orders.optional(),
    ask_orders: orders.optional(),
    orders_checksum: z.int().optional(),
  }),
  /**
   * One change of a book of orders. `A` added behind all others of its price: `qty` is what rests. `M` another price
   * or size: smaller at the same price it keeps its place, else it goes behind the others with this event's time.
   * `C` taken out, `qty` of it were left. `F` `qty` of it were traded; with none left it is gone. `side` is the
   * order's own. `checksum` (at least once a second a symbol, on the last of an input's) is the CRC32 of the book after
   * it: `order_id:price:qty` of the first 10 orders by priority, bid and ask alternating, joined by `:`.
   */
  book_order: z.object({
    type: z.literal('book_order'),
    symbol: z.string(),
    ts_ns: tsNs,
    action: z.enum(['A', 'C', 'M', 'F']),
    order_id: z.string(),
    side: z.enum(orderSides),
    price: decimal,
    qty: decimal,
    checksum: z.int().optional(),
  }),
  /** A whole book of orders that takes the place of what was before: when a venue's order flow begins anew. */
  book_orders: z.object({
    type: z.literal('book_orders'),
    symbol: z.string(),
    ts_ns: tsNs,
    last: z.int(),
    bids: orders,
    asks: orders,
    checksum: z.int(),
  }),
  /** A symbol as its venue defines it, when it is new or has changed. Without `trading` it takes no orders. */
  symbol: z.object({
    type: z.literal('symbol'),
    symbol: z.string(),
    ts_ns: tsNs,
    venue: z.string(),
    /** `levels`: L2, sizes by price. `orders`: L3, matched here. */
    book: z.enum(['levels', 'orders']),
    tick: decimal,
    step: decimal,
    trading: z
      .object({
        base_asset: z.string(),
        quote_asset: z.string(),
        lot: decimal,
        min_qty: decimal,
        max_qty: decimal,
        min_notional: decimal,
      })
      .optional(),
  }),
  /** VeloZ seed, private. An order's status has changed; `reason` is '' or one of `orderReasons`. */
  order_update: z.object({
    type: z.literal('order_update'),
    ts_ns: tsNs,
    client_order_id: z.string(),
    venue_order_id: z.string().optional(),
    status: z.enum(orderStatuses),
    symbol: z.string().optional(),
    side: z.enum(orderSides).optional(),
    qty: z.number().optional(),
    /** The limit; absent at market. */
    price: z.number().optional(),
    reason: z.string().optional(),
  }),
  /** VeloZ seed, private. A part of an order, or all of it, has been traded. */
  fill: z.object({
    type: z.literal('fill'),
    ts_ns: tsNs,
    client_order_id: z.string(),
    symbol: z.string(),
    qty: z.number(),
    price: z.number(),
  }),
  /** VeloZ seed, private. How an order stands; after each `order_update` of it. `avg_price` is 0 before the first fill. */
  order_state: z.object({
    type: z.literal('order_state'),
    client_order_id: z.string(),
    status: z.enum(orderStatuses).optional(),
    symbol: z.string().optional(),
    side: z.enum(orderSides).optional(),
    order_qty: z.number().optional(),
    limit_price: z.number().optional(),
    venue_order_id: z.string().optional(),
    executed_qty: z.number(),
    avg_price: z.number(),
    reason: z.string().optional(),
    last_ts_ns: tsNs,
  }),
  /** VeloZ seed, private. The balances that have changed; all of them when the account is opened. */
  account: z.object({
    type: z.literal('account'),
    ts_ns: tsNs,
    balances: z.array(z.object({ asset: z.string(), free: z.number(), locked: z.number() })),
  }),
  /**
   * Private. What the account's fills in a symbol have come to: `qty` is bought less sold, and may be negative, since
   * what it began with can be sold. `avg_price` is of what is open, 0 when nothing is. In the quote asset.
   */
  position: z.object({
    type: z.literal('position'),
    ts_ns: tsNs,
    symbol: z.string(),
    qty: z.number(),
    avg_price: z.number(),
    realized_pnl: z.number(),
    unrealized_pnl: z.number(),
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

/** Events that are their account's alone. */
export const PRIVATE_EVENT_TYPES = ['order_update', 'fill', 'order_state', 'account', 'position'] as const;

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

/** The log's field name of an event. One of an account and no symbol has two colons: `account::alice`. */
export function eventTopic(type: EventType, symbol?: string, account?: string): string {
  if (account !== undefined) return `${type}:${symbol ?? ''}:${account}`;
  return symbol === undefined ? type : `${type}:${symbol}`;
}

export interface Topic {
  readonly type: string;
  readonly symbol?: string;
  readonly account?: string;
}

export function parseTopic(topic: string): Topic {
  const [type = '', symbol = '', account] = topic.split(':', 3);
  return { type, ...(symbol === '' ? {} : { symbol }), ...(account === undefined ? {} : { account }) };
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
