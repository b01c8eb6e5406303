/** A symbol as it stands in topics and on the wire: upper case, digits, and `.` or `-` or `_` inside (`BTCUSDT.P`). */
export const SYMBOL_PATTERN = /^[A-Z0-9][A-Z0-9._-]{0,31}$/;

/** Upper-cased, without `/`: `btc/usdt` is `BTCUSDT`. Says nothing about whether such a symbol exists. */
export function normalizeSymbol(text: string): string {
  return text.trim().replaceAll('/', '').toUpperCase();
}
