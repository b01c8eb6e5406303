import type { BookReplica } from '@depthcast/book';

const US_PER_MS = 1_000;

/**
 * A `bbo` event (BBO seed) of how a book stands, for a symbol whose own last one was before our time; `undefined` of a
 * book that has an empty side. What went on between venue and ingest is not known any more: it tells how old the prices
 * are where that belongs.
 */
export function bestPrices({ symbol, book, tsEventUs }: BookReplica, nowMs: number): string | undefined {
  if (!book || book.bids.length === 0 || book.asks.length === 0) return undefined;
  const { bids, asks, priceScale, sizeScale } = book;
  const timestamp = Math.floor(tsEventUs / US_PER_MS);
  return JSON.stringify({
    symbol,
    bidPrice: priceScale.format(bids.priceOf(0)),
    bidQty: sizeScale.format(bids.sizeOf(0)),
    askPrice: priceScale.format(asks.priceOf(0)),
    askQty: sizeScale.format(asks.sizeOf(0)),
    timestamp,
    serverTimestamp: nowMs,
    backendLatency: nowMs - timestamp,
  });
}
