import type { EventColumns } from '../stores/event-row.ts';

type Members = Readonly<Record<string, unknown>>;

/** An event's columns, by its type; of all other types nothing is read but the time. */
export const COLUMNS: Readonly<Record<string, (event: Members) => EventColumns>> = {
  bbo: (event) => ({
    bidPrice: decimal(event.bidPrice),
    bidQty: decimal(event.bidQty),
    askPrice: decimal(event.askPrice),
    askQty: decimal(event.askQty),
    latencyMs: number(event.backendLatency),
  }),
  trade: (event) => ({
    price: number(event.price),
    qty: number(event.qty),
    side: text(event.side),
    tradeId: whole(event.trade_id),
  }),
  kline: (event) => ({
    interval: text(event.interval),
    openTs: whole(event.open_ts),
    open: number(event.open),
    high: number(event.high),
    low: number(event.low),
    close: number(event.close),
    volume: number(event.volume),
    closed: typeof event.closed === 'boolean' ? event.closed : undefined,
  }),
  order_update: (event) => ({
    price: number(event.price),
    qty: number(event.qty),
    side: text(event.side),
    clientOrderId: text(event.client_order_id),
    status: text(event.status),
  }),
  fill: (event) => ({
    price: number(event.price),
    qty: number(event.qty),
    clientOrderId: text(event.client_order_id),
  }),
  order_state: (event) => ({
    price: number(event.limit_price),
    qty: number(event.order_qty),
    side: text(event.side),
    clientOrderId: text(event.client_order_id),
    status: text(event.status),
  }),
};

// A log may hold what no engine wrote. Such a member is left out of its column; the payload keeps it.

function number(value: unknown): number | undefined {
  return typeof value === 'number' && Number.isFinite(value) ? value : undefined;
}

/** A column of whole numbers takes no other. */
function whole(value: unknown): number | undefined {
  return Number.isSafeInteger(value) ? (value as number) : undefined;
}

/** PostgreSQL takes no NUL, which JSON can spell. */
function text(value: unknown): string | undefined {
  return typeof value === 'string' && !value.includes('\0') ? value : undefined;
}

/** A price or size as text. */
function decimal(value: unknown): number | undefined {
  return typeof value === 'string' && value !== '' ? number(Number(value)) : undefined;
}
