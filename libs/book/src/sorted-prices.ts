import type { Side } from './level-view.ts';

const CAPACITY_INITIAL = 256;

/**
 * Prices of one side in order, each with one number; rank 0 is the best. What a ladder is, whatever its levels hold.
 *
 * Two sorted Float64Arrays with the best level at the END, because a book changes near its best price: an insert or
 * a delete there moves a few elements instead of all. Asks are kept by negated price, so that both sides are
 * ascending and share one code path.
 *
 * At `levelsMax` the level furthest from the best is dropped.
 */
export abstract class SortedPrices {
  readonly side: Side;
  readonly levelsMax: number;
  readonly #sign: 1 | -1;
  #keys: Float64Array;
  #values: Float64Array;
  #length = 0;
  /** Index touched last: where the next search begins. Never changes a result. */
  #finger = 0;

  /** @param levelsMax a whole number ≥ 1. */
  constructor(side: Side, levelsMax: number) {
    if (!Number.isSafeInteger(levelsMax) || levelsMax < 1) {
      throw new RangeError(`levelsMax ${levelsMax} is not a whole number ≥ 1`);
    }
    this.side = side;
    this.levelsMax = levelsMax;
    this.#sign = side === 'bid' ? 1 : -1;
    const capacity = Math.min(CAPACITY_INITIAL, levelsMax);
    this.#keys = new Float64Array(capacity);
    this.#values = new Float64Array(capacity);
  }

  get length(): number {
    return this.#length;
  }

  /** Ticks of the level at `rank`, which must be below `length`. */
  priceOf(rank: number): number {
    return this.#sign * (this.#keys[this.#length - 1 - rank] as number);
  }

  /** How many levels are at `price` or better. */
  countUpTo(price: number): number {
    return this.#length - this.#lowerBound(this.#sign * price);
  }

  clear(): void {
    this.#length = 0;
  }

  /** The number that stands with the level at `rank`, which must be below `length`. */
  protected valueOf(rank: number): number {
    return this.#values[this.#length - 1 - rank] as number;
  }

  /** The number that stands with a price, 0 where there is no level. */
  protected valueAt(price: number): number {
    const key = this.#sign * price;
    const index = this.#lowerBound(key);
    return index < this.#length && this.#keys[index] === key ? (this.#values[index] as number) : 0;
  }

  /** Sets a price's number; 0 deletes the level, and deleting an absent one is normal. */
  protected setValue(price: number, value: number): void {
    const key = this.#sign * price;
    const index = this.#lowerBound(key);
    if (index < this.#length && this.#keys[index] === key) {
      if (value === 0) this.#removeAt(index);
      else this.#values[index] = value;
    } else if (value !== 0) this.#insertAt(index, key, value);
  }

  /** First index whose key is ≥ `key`. */
  #lowerBound(key: number): number {
    const keys = this.#keys;
    const length = this.#length;
    // Gallop from the level touched last: venues list a diff's levels in price order, so on Binance's captures the
    // next one is some 4 levels away where a search of the whole ladder would take 13 steps.
    let low = this.#finger < length ? this.#finger : length;
    let high = low;
    let step = 1;
    if (low < length && (keys[low] as number) < key) {
      do {
        low = high + 1;
        high += step;
        step <<= 1;
      } while (high < length && (keys[high] as number) < key);
      if (high > length) high = length;
    } else {
      do {
        high = low;
        low -= step;
        step <<= 1;
      } while (low >= 0 && (keys[low] as number) >= key);
      low = low < 0 ? 0 : low + 1;
    }
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((keys[middle] as number) < key) low = middle + 1;
      else high = middle;
    }
    this.#finger = low;
    return low;
  }

  #insertAt(index: number, key: number, value: number): void {
    if (this.#length === this.levelsMax) {
      if (index === 0) return; // it would itself be the furthest
      // Dropping the furthest and inserting are one move of what lies between them.
      this.#keys.copyWithin(0, 1, index);
      this.#values.copyWithin(0, 1, index);
      this.#keys[index - 1] = key;
      this.#values[index - 1] = value;
      return;
    }
    if (this.#length === this.#keys.length) this.#grow();
    const keys = this.#keys;
    const values = this.#values;
    const length = this.#length;
    keys.copyWithin(index + 1, index, length);
    values.copyWithin(index + 1, index, length);
    keys[index] = key;
    values[index] = value;
    this.#length = length + 1;
  }

  #removeAt(index: number): void {
    const keys = this.#keys;
    const values = this.#values;
    const length = this.#length - 1;
    keys.copyWithin(index, index + 1, length + 1);
    values.copyWithin(index, index + 1, length + 1);
    this.#length = length;
  }

  #grow(): void {
    const capacity = Math.min(this.#keys.length * 2, this.levelsMax);
    const keys = new Float64Array(capacity);
    const values = new Float64Array(capacity);
    keys.set(this.#keys);
    values.set(this.#values);
    this.#keys = keys;
    this.#values = values;
  }
}
