/** A symbol as it stands in topics and on the wire: upper case, digits, and `.` or `-` or `_` inside (`BTCUSDT.P`). */
export const SYMBOL_PATTERN = /^[A-Z0-9][A-Z0-9._-]{0,31}$/;

/** Upper-cased, without `/`: `btc/usdt` is `BTCUSDT`. Says nothing about whether such a symbol exists. */
export function normalizeSymbol(text: string): string {
  return text.trim().replaceAll('/', '').toUpperCase();
}

/** `BTC`, `USDT`. */
export const ASSET_PATTERN = /^[A-Z0-9]{1,16}$/;
/** An account's name: no `:`, since it stands in topics. */
export const ACCOUNT_PATTERN = /^[A-Za-z0-9][A-Za-z0-9_-]{0,31}$/;
/** What a `client_order_id` may be. */
export const ORDER_ID_PATTERN = /^[A-Za-z0-9._-]{1,36}$/;
/** Ids of a venue's own orders begin with a letter: the engine numbers paper orders, and both stand in one book. */
export const FLOW_ORDER_ID_PATTERN = /^[A-Za-z][A-Za-z0-9._-]{0,35}$/;
