/**
 * One event as it is stored: its place in the log, what it is searched by, what is queried of it in columns of their
 * own, and its bytes as they are on the wire.
 */
export interface EventRow {
  readonly epoch: number;
  readonly offset: number;
  /** Of the topic `<type>:<SYMBOL>:<account>`; null where the topic has none. */
  readonly type: string;
  readonly symbol: string | null;
  readonly account: string | null;
  /** The event's own time (the venue's), µs since 1970; of one without a time, that of the event before it. */
  readonly tsUs: number;
  /** Event time, which never goes back: the last clock event's, µs. What retention and daily tables go by. */
  readonly clockUs: number;
  /** JSON, byte for byte as in the log. */
  readonly payload: string;
  /** Of the types that are queried by their members; undefined for all others. */
  readonly columns: EventColumns | undefined;
}

/** The members that have columns. What an event does not have is absent, and NULL in the database. */
export interface EventColumns {
  /** `trade`, `fill`, `order_update`, `order_state` (limit_price). */
  readonly price?: number | undefined;
  /** `trade`, `fill`, `order_update`, `order_state` (order_qty). */
  readonly qty?: number | undefined;
  /** `trade` (taker's), `order_update`, `order_state`. */
  readonly side?: string | undefined;
  readonly tradeId?: number | undefined;
  /** `bbo`. */
  readonly bidPrice?: number | undefined;
  readonly bidQty?: number | undefined;
  readonly askPrice?: number | undefined;
  readonly askQty?: number | undefined;
  /** `bbo`: venue to ingest, ms. */
  readonly latencyMs?: number | undefined;
  /** `kline`; `openTs` in ms. */
  readonly interval?: string | undefined;
  readonly openTs?: number | undefined;
  readonly open?: number | undefined;
  readonly high?: number | undefined;
  readonly low?: number | undefined;
  readonly close?: number | undefined;
  readonly volume?: number | undefined;
  readonly closed?: boolean | undefined;
  /** `order_update`, `fill`, `order_state`. */
  readonly clientOrderId?: string | undefined;
  readonly status?: string | undefined;
}
