export type Side = 'bid' | 'ask';

/** One side of a book as its readers see it: price levels in ticks and lots, rank 0 the best. */
export interface LevelView {
  readonly side: Side;
  readonly length: number;
  /** Ticks of the level at `rank`, which must be below `length`. */
  priceOf(rank: number): number;
  /** Lots of the level at `rank`, which must be below `length`. */
  sizeOf(rank: number): number;
  /** Lots at a price, 0 when there are none. */
  sizeAt(price: number): number;
  /** How many levels are at `price` or better. */
  countUpTo(price: number): number;
}

/** Levels that know the orders they are made of. */
export interface OrderLevelView extends LevelView {
  /** Orders of the level at `rank`, which must be below `length`. */
  orderCountOf(rank: number): number;
  /** Average age of the level's orders at `nowUs` (event time, µs), in whole milliseconds, 0 for a now before them. */
  averageAgeMsOf(rank: number, nowUs: number): number;
}
