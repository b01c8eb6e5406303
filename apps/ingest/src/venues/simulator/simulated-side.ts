/**
 * One side of a simulated book: level prices in ticks and sizes in lots, and what changed lately.
 *
 * Sorted arrays with the best level at the END, moved by hand: changes come near the best price, so a few elements
 * move where splice() would move all and allocate its result. At 50,000 updates a second that is what it is about.
 */
export class SimulatedSide {
  /** +1 for bids, -1 for asks: `sign * price` falls from the best level on. */
  readonly sign: 1 | -1;
  readonly #prices: number[] = [];
  readonly #sizes: number[] = [];
  /** Price, size, price, size …: a dozen at most, where a search in place beats a Map. */
  #changes: number[] = [];

  constructor(side: 'bid' | 'ask') {
    this.sign = side === 'bid' ? 1 : -1;
  }

  get length(): number {
    return this.#prices.length;
  }

  /** The best price, or that of rank `rank`. The caller knows that it exists. */
  price(rank = 0): number {
    return this.#prices[this.#prices.length - 1 - rank] as number;
  }

  /** The size at rank `rank`. */
  size(rank = 0): number {
    return this.#sizes[this.#sizes.length - 1 - rank] as number;
  }

  /** Absolute size, 0 deletes. */
  set(price: number, size: number): void {
    const index = this.#lowerBound(price);
    const there = this.#prices[index] === price;
    if (size === 0 && !there) return;
    if (size === 0) this.#removeAt(index);
    else if (there) this.#sizes[index] = size;
    else this.#insertAt(index, price, size);
    this.#note(price, size);
  }

  /** `price, size, price, size …` of every level touched since the last call, as it is now. */
  takeChanges(): number[] {
    const changes = this.#changes;
    this.#changes = [];
    return changes;
  }

  #note(price: number, size: number): void {
    const changes = this.#changes;
    for (let i = 0; i < changes.length; i += 2) {
      if (changes[i] === price) {
        changes[i + 1] = size;
        return;
      }
    }
    changes.push(price, size);
  }

  #insertAt(index: number, price: number, size: number): void {
    const prices = this.#prices;
    const sizes = this.#sizes;
    prices.push(price);
    sizes.push(size);
    for (let i = prices.length - 1; i > index; i--) {
      prices[i] = prices[i - 1] as number;
      sizes[i] = sizes[i - 1] as number;
    }
    prices[index] = price;
    sizes[index] = size;
  }

  #removeAt(index: number): void {
    const prices = this.#prices;
    const sizes = this.#sizes;
    for (let i = index + 1; i < prices.length; i++) {
      prices[i - 1] = prices[i] as number;
      sizes[i - 1] = sizes[i] as number;
    }
    prices.pop();
    sizes.pop();
  }

  /** The index of the price, or where it would be inserted. */
  #lowerBound(price: number): number {
    const prices = this.#prices;
    const key = this.sign * price;
    let low = 0;
    let high = prices.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (this.sign * (prices[middle] as number) < key) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}
