import { z } from 'zod';
import { timesInForce } from './orders.ts';
import { ACCOUNT_PATTERN, ASSET_PATTERN, FLOW_ORDER_ID_PATTERN, ORDER_ID_PATTERN, SYMBOL_PATTERN } from './symbols.ts';

/**
 * What goes into the inbox, one JSON object an entry, under the topic `<type>:<SYMBOL>` (or `<type>` alone).
 *
 * Every input carries `src` (one per process start of a producer) and `seq` (1, 2, 3 … of that src), so that a
 * producer may send again after any doubt: the engine applies each (src, seq) once. Times are microseconds since
 * 1970, which stay exact in a double until the year 2255; prices and sizes are decimal text.
 */
const timeUs = z.int().nonnegative();
const symbol = z.string().regex(SYMBOL_PATTERN);
const decimal = z.string();
const levels = z.array(z.tuple([decimal, decimal]));

const stamped = {
  src: z.string().min(1).max(64),
  seq: z.int().positive(),
  /** When ingest received or made it. */
  tsRecvUs: timeUs,
};
const market = { ...stamped, symbol, /** The venue's time. */ tsEventUs: timeUs };

/**
 * Where a symbol's book comes from. Diffs of price levels, joined by Binance's rules: `spot` by `U`/`u`, `usdm` by `pu`.
 * Or `matched`: no depth comes, the engine makes the book from orders, by matching them.
 */
export const depthRules = ['spot', 'usdm', 'matched'] as const;
export type DepthRule = (typeof depthRules)[number];

/** What orders of a symbol are made of and must fit. Decimal text; `lot` is the order sizes' increment. */
const trading = z.object({
  baseAsset: z.string().regex(ASSET_PATTERN),
  quoteAsset: z.string().regex(ASSET_PATTERN),
  lot: decimal,
  minQty: decimal,
  maxQty: decimal,
  /** Least price × size; of a market order by the best price that it meets. */
  minNotional: decimal,
});
export type TradingRules = z.infer<typeof trading>;

const side = z.enum(['BUY', 'SELL']);
/** An account's `client_order_id`; without an account, the id of an order of the venue's own flow. */
const orderId = z.string().regex(ORDER_ID_PATTERN);
/** Whose paper order it is. Without: an order of the venue's own flow, which no account stands behind. */
const account = z.string().regex(ACCOUNT_PATTERN).optional();

export const inputSchemas = {
  /** A symbol as its venue defines it. Comes before anything else about the symbol, and again after each restart. */
  symbol: z.object({
    ...stamped,
    type: z.literal('symbol'),
    symbol,
    venue: z.string().min(1).max(32),
    /** Smallest price and size increment. */
    tick: decimal,
    step: decimal,
    depthRule: z.enum(depthRules),
    /** True when the venue publishes its own best bid and offer; else it is taken from the book. */
    quotes: z.boolean(),
    /** A symbol without it takes no orders. */
    trading: trading.optional(),
  }),
  /**
   * Whether the venue's data for the symbol flows. `down` makes the book stale; `up` starts a new sync. A `down` with
   * `retries` says that so many in a row have been in vain.
   */
  feed: z.object({
    ...market,
    type: z.literal('feed'),
    status: z.enum(['up', 'down']),
    reason: z.string().max(200),
    retries: z.int().nonnegative().optional(),
  }),
  /** Levels that changed, absolute sizes, 0 deletes. `prev` is the `last` of the diff before, where the venue says it. */
  depth: z.object({
    ...market,
    type: z.literal('depth'),
    first: z.int().nonnegative(),
    last: z.int().nonnegative(),
    prev: z.int().nonnegative().optional(),
    bids: levels,
    asks: levels,
  }),
  /** The whole book as of update `last`. */
  depth_snapshot: z.object({
    ...market,
    type: z.literal('depth_snapshot'),
    last: z.int().nonnegative(),
    bids: levels,
    asks: levels,
  }),
  /** The venue's best bid and offer as of update `last`. */
  quote: z.object({
    ...market,
    type: z.literal('quote'),
    last: z.int().nonnegative(),
    bidPrice: decimal,
    bidQty: decimal,
    askPrice: decimal,
    askQty: decimal,
  }),
  /** `side` is the taker's. */
  trade: z.object({
    ...market,
    type: z.literal('trade'),
    tradeId: z.int().nonnegative(),
    price: decimal,
    qty: decimal,
    side: z.enum(['BUY', 'SELL']),
  }),
  /**
   * A new order; without `price` at market. `tif` is GTC where it is not said; a market order is IOC or FOK whatever
   * it says, since what it leaves has no price to rest at.
   */
  order: z.object({
    ...market,
    type: z.literal('order'),
    account,
    orderId,
    side,
    qty: decimal,
    price: decimal.optional(),
    tif: z.enum(timesInForce).optional(),
    /** Refused, should it match at once. Needs a price and GTC. */
    postOnly: z.boolean().optional(),
  }),
  /** Takes an order out. A paper order is found by its account alone; one of the flow needs the symbol. */
  cancel: z.object({ ...market, symbol: symbol.optional(), type: z.literal('cancel'), account, orderId }),
  /** Another price or size of an order of the flow; smaller at the same price it keeps its place. */
  amend: z.object({
    ...market,
    type: z.literal('amend'),
    orderId: z.string().regex(FLOW_ORDER_ID_PATTERN),
    qty: decimal,
    price: decimal,
  }),
  /** Event time reached second `second`. Any producer may send it; each second counts once. */
  clock: z.object({ ...stamped, type: z.literal('clock'), second: z.int().nonnegative() }),
} as const;

export type InputType = keyof typeof inputSchemas;
export type InputOf<T extends InputType> = z.infer<(typeof inputSchemas)[T]>;
export type Input = { [T in InputType]: InputOf<T> }[InputType];
/** An input before its producer has stamped it with `src` and `seq`. */
export type UnstampedInput = { [T in InputType]: Omit<InputOf<T>, 'src' | 'seq'> }[InputType];

export const inputSchema = z.discriminatedUnion('type', [
  inputSchemas.symbol,
  inputSchemas.feed,
  inputSchemas.depth,
  inputSchemas.depth_snapshot,
  inputSchemas.quote,
  inputSchemas.trade,
  inputSchemas.order,
  inputSchemas.cancel,
  inputSchemas.amend,
  inputSchemas.clock,
]);

/** The inbox field name of an input. */
export function inputTopic(input: { type: string; symbol?: string }): string {
  return input.symbol === undefined ? input.type : `${input.type}:${input.symbol}`;
}
