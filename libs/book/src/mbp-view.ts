import type { L2Book } from './l2-book.ts';
import type { Side } from './ladder.ts';

/**
 * One side's best `levels` as the JSON array of the market-depth seed's `bids` or `asks`. Prices and quantities are
 * number literals of exact decimal text; price levels know no orders, so `order_count` and `avg_age_ms` are null.
 *
 * Concatenated, not stringified: JSON.stringify knows only doubles, and this is the cost of every view frame.
 */
export function renderMbpSide(book: L2Book, side: Side, levels: number): string {
  const { priceScale, sizeScale } = book;
  const ladder = book.ladder(side);
  const count = Math.min(levels, ladder.length);
  const sideField =
    side === 'bid'
      ? ',"order_count":null,"side":"Bid","total_quantity":'
      : ',"order_count":null,"side":"Ask","total_quantity":';
  let json = '[';
  let cumulative = 0;
  for (let rank = 0; rank < count; rank++) {
    const size = ladder.sizeOf(rank);
    cumulative += size;
    json += `${rank === 0 ? '' : ','}{"price":${priceScale.format(ladder.priceOf(rank))},"quantity":${sizeScale.format(size)}${sideField}${sizeScale.format(cumulative)},"avg_age_ms":null}`;
  }
  return `${json}]`;
}

/** The seed's `data` object: `{"format":"MBP","bids":[…],"asks":[…]}`. */
export function renderMbp(book: L2Book, levels: number): string {
  return `{"format":"MBP","bids":${renderMbpSide(book, 'bid', levels)},"asks":${renderMbpSide(book, 'ask', levels)}}`;
}
