import type { LevelView, Side } from './level-view.ts';
import { SortedPrices } from './sorted-prices.ts';

/** What a ladder holds unless told otherwise; Binance's deepest books have some 10,000 levels a side. */
export const LEVELS_MAX_DEFAULT = 100_000;

/**
 * One side of a book of price levels: ticks and lots, rank 0 the best.
 *
 * At `levelsMax` the level furthest from the best is dropped; like every level outside a venue's snapshot it is
 * unknown until the venue changes it again.
 */
export class Ladder extends SortedPrices implements LevelView {
  /** @param levelsMax a whole number ≥ 1. */
  constructor(side: Side, levelsMax: number = LEVELS_MAX_DEFAULT) {
    super(side, levelsMax);
  }

  /** Sets a level's absolute size in lots; 0 deletes, and deleting an absent level is normal. */
  set(price: number, size: number): void {
    this.setValue(price, size);
  }

  /** Lots at a price, 0 when there are none. */
  sizeAt(price: number): number {
    return this.valueAt(price);
  }

  /** Lots of the level at `rank`, which must be below `length`. */
  sizeOf(rank: number): number {
    return this.valueOf(rank);
  }
}
