import { DepthcastError, type Scale } from '@depthcast/protocol';
import type { Ladder } from './ladder.ts';
import { shown } from './shown.ts';

/** A level as it stands on the wire: `[price, size]`, decimal text. */
export type WireLevel = readonly [string, string];

const CAPACITY_INITIAL = 64;

/**
 * Levels of one side that have been read and checked but not applied. Reused from message to message, so that a
 * whole message is checked before the book is touched, without parsing twice and without garbage.
 */
export class LevelBatch {
  #prices = new Float64Array(CAPACITY_INITIAL);
  #sizes = new Float64Array(CAPACITY_INITIAL);
  #length = 0;

  get length(): number {
    return this.#length;
  }

  /** @throws DepthcastError `DECIMAL_…` naming the side and what came; the batch is empty then. */
  read(levels: readonly WireLevel[], prices: Scale, sizes: Scale, priceField: string, sizeField: string): void {
    this.#length = 0;
    if (!Array.isArray(levels)) throw invalid(priceField, levels);
    const count = levels.length;
    if (count > this.#prices.length) this.#reserve(count);
    const priceOut = this.#prices;
    const sizeOut = this.#sizes;
    for (let i = 0; i < count; i++) {
      const level = levels[i] as WireLevel;
      // JSON from outside reaches this line; a Scale asks for text and would read a number as 0.
      if (!Array.isArray(level) || level.length !== 2 || typeof level[0] !== 'string' || typeof level[1] !== 'string') {
        throw invalid(priceField, level);
      }
      priceOut[i] = prices.parse(level[0], priceField);
      sizeOut[i] = sizes.parse(level[1], sizeField);
    }
    this.#length = count;
  }

  clear(): void {
    this.#length = 0;
  }

  /** Applies the levels in their order: of two at one price the later counts. */
  applyTo(ladder: Ladder): void {
    for (let i = 0; i < this.#length; i++) ladder.set(this.#prices[i] as number, this.#sizes[i] as number);
  }

  /** Makes the ladder hold exactly these levels. */
  replaceIn(ladder: Ladder): void {
    ladder.clear();
    const sign = ladder.side === 'bid' ? 1 : -1;
    // Worst first, so that each insert is at the cheap end. Venues list snapshots best first.
    if (this.#isBestFirst(sign)) {
      for (let i = this.#length - 1; i >= 0; i--) ladder.set(this.#prices[i] as number, this.#sizes[i] as number);
      return;
    }
    const prices = this.#prices;
    const order = Uint32Array.from({ length: this.#length }, (_, i) => i);
    // The sort is stable: of two levels at one price the later still comes later, and counts.
    order.sort((a, b) => sign * ((prices[a] as number) - (prices[b] as number)));
    for (const i of order) ladder.set(prices[i] as number, this.#sizes[i] as number);
  }

  #isBestFirst(sign: number): boolean {
    for (let i = 1; i < this.#length; i++) {
      if (sign * (this.#prices[i] as number) >= sign * (this.#prices[i - 1] as number)) return false;
    }
    return true;
  }

  #reserve(count: number): void {
    this.#prices = new Float64Array(count * 2);
    this.#sizes = new Float64Array(count * 2);
  }
}

function invalid(field: string, got: unknown): DepthcastError {
  return new DepthcastError('DECIMAL_INVALID', `${field}: ${shown(got)} is not a level [price, size] of decimal text`);
}
