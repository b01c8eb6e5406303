import type { L2Book } from './l2-book.ts';
import type { Side } from './level-view.ts';
import { OrderLadder } from './order-ladder.ts';
import type { PriceBook } from './price-book.ts';

/**
 * One side's best `levels` as the JSON array of the market-depth seed's `bids` or `asks`. Prices and quantities are
 * number literals of exact decimal text; price levels know no orders, so an L2 book's `order_count` and `avg_age_ms`
 * are null.
 *
 * Concatenated, not stringified: JSON.stringify knows only doubles, and this is the cost of every view frame.
 *
 * @param nowUs event time in µs, from which ages are reckoned.
 */
export function renderMbpSide(book: L2Book, side: Side, levels: number): string;
export function renderMbpSide(book: PriceBook, side: Side, levels: number, nowUs: number): string;
export function renderMbpSide(book: PriceBook, side: Side, levels: number, nowUs = 0): string {
  const { priceScale, sizeScale } = book;
  const ladder = book.ladder(side);
  const orders = ladder instanceof OrderLadder ? ladder : undefined;
  const count = Math.min(levels, ladder.length);
  const sideField = side === 'bid' ? ',"side":"Bid","total_quantity":' : ',"side":"Ask","total_quantity":';
  let json = '[';
  const sizeMax = sizeScale.stepsMax;
  let cumulative = 0;
  // Venues show sizes of which a few together are more than a double holds.
  let beyond = 0n;
  for (let rank = 0; rank < count; rank++) {
    const size = ladder.sizeOf(rank);
    if (cumulative + size > sizeMax) {
      beyond += BigInt(cumulative);
      cumulative = 0;
    }
    cumulative += size;
    const total = beyond === 0n ? sizeScale.format(cumulative) : sizeScale.formatSum(beyond + BigInt(cumulative));
    json += `${rank === 0 ? '' : ','}{"price":${priceScale.format(ladder.priceOf(rank))},"quantity":${sizeScale.format(size)},"order_count":${orders ? orders.orderCountOf(rank) : null}${sideField}${total},"avg_age_ms":${orders ? orders.averageAgeMsOf(rank, nowUs) : null}}`;
  }
  return `${json}]`;
}

/** The seed's `data` object: `{"format":"MBP","bids":[…],"asks":[…]}`. */
export function renderMbp(book: L2Book, levels: number): string;
export function renderMbp(book: PriceBook, levels: number, nowUs: number): string;
export function renderMbp(book: PriceBook, levels: number, nowUs = 0): string {
  const bids = renderMbpSide(book, 'bid', levels, nowUs);
  return `{"format":"MBP","bids":${bids},"asks":${renderMbpSide(book, 'ask', levels, nowUs)}}`;
}
