import type { Scale } from '@depthcast/protocol';
import { Ladder } from './ladder.ts';
import { LevelBatch, type WireLevel } from './level-batch.ts';
import { PriceBook } from './price-book.ts';

/**
 * A book of price levels, exact: prices in ticks, sizes in lots. Sums of lots are exact below 2^53.
 *
 * Crossed books are kept as the venue says them.
 */
export class L2Book extends PriceBook<Ladder> {
  readonly #bidBatch = new LevelBatch();
  readonly #askBatch = new LevelBatch();

  /** @param levelsMax levels a side; beyond it those furthest from the best are dropped. */
  constructor(priceScale: Scale, sizeScale: Scale, levelsMax?: number) {
    super(priceScale, sizeScale, new Ladder('bid', levelsMax), new Ladder('ask', levelsMax));
  }

  /**
   * Sets levels to absolute sizes; size 0 deletes.
   *
   * @throws DepthcastError `DECIMAL_…`; nothing has changed then.
   */
  apply(bids: readonly WireLevel[], asks: readonly WireLevel[]): void {
    this.stage(bids, asks);
    this.commit();
  }

  /**
   * Makes the book exactly these levels.
   *
   * @throws DepthcastError `DECIMAL_…`; nothing has changed then.
   */
  replace(bids: readonly WireLevel[], asks: readonly WireLevel[]): void {
    this.stage(bids, asks);
    this.commitReplace();
  }

  /**
   * Reads and checks levels without applying them, for a caller that must decide in between (is this diff the next
   * one?). What was staged before is forgotten.
   *
   * @throws DepthcastError `DECIMAL_…`; nothing is staged then.
   */
  stage(bids: readonly WireLevel[], asks: readonly WireLevel[]): void {
    this.#askBatch.read(asks, this.priceScale, this.sizeScale, 'ask price', 'ask size');
    try {
      this.#bidBatch.read(bids, this.priceScale, this.sizeScale, 'bid price', 'bid size');
    } catch (error) {
      this.#askBatch.clear();
      throw error;
    }
  }

  /** Applies what is staged, as changes. */
  commit(): void {
    this.#bidBatch.applyTo(this.bids);
    this.#askBatch.applyTo(this.asks);
    this.#bidBatch.clear();
    this.#askBatch.clear();
  }

  /** Applies what is staged, as the whole book. */
  commitReplace(): void {
    this.#bidBatch.replaceIn(this.bids);
    this.#askBatch.replaceIn(this.asks);
    this.#bidBatch.clear();
    this.#askBatch.clear();
  }

  clear(): void {
    this.bids.clear();
    this.asks.clear();
  }
}
