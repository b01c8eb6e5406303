import type { L3Book } from './l3-book.ts';
import type { Side } from './level-view.ts';
import { seedTime } from './seed-time.ts';

/**
 * One side's first `orders` by priority as the JSON array of the market-depth seed's MBO `bids` or `asks`. Prices and
 * quantities are number literals of exact decimal text; `timestamp` is the time of the order's place in the queue,
 * `age_ms` that time's distance from `nowUs` (event time, µs), 0 for a now before it.
 */
export function renderMboSide(book: L3Book, side: Side, orders: number, nowUs: number): string {
  const { priceScale, sizeScale } = book;
  const sideField = side === 'bid' ? ',"side":"Bid","timestamp":"' : ',"side":"Ask","timestamp":"';
  let json = '';
  for (const { id, price, size, tsUs } of book.orders(side, orders)) {
    const ageMs = Math.max(0, Math.floor((nowUs - tsUs) / 1000));
    // An id is whatever its owner chose: the one field that has to be escaped.
    json += `${json === '' ? '' : ','}{"order_id":${JSON.stringify(id)},"price":${priceScale.format(price)},"quantity":${sizeScale.format(size)}${sideField}${seedTime(tsUs / 1000)}","age_ms":${ageMs}}`;
  }
  return `[${json}]`;
}

/** The seed's `data` object: `{"format":"MBO","bids":[…],"asks":[…]}`, at most `orders` orders a side. */
export function renderMbo(book: L3Book, orders: number, nowUs: number): string {
  const bids = renderMboSide(book, 'bid', orders, nowUs);
  return `{"format":"MBO","bids":${bids},"asks":${renderMboSide(book, 'ask', orders, nowUs)}}`;
}
