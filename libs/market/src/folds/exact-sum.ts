import type { Scale } from '@depthcast/protocol';
import { decimalText } from './number-text.ts';

const MAX = Number.MAX_SAFE_INTEGER;

/**
 * A sum of whole numbers ≥ 0 that stays exact: lots, or ticks × lots, which pass 2^53 with some ten bitcoin. What has
 * outgrown a double is carried over into a BigInt, once in many trades: a BigInt addition for each would cost ten
 * times as much.
 */
export class ExactSum {
  #low = 0;
  #high = 0n;

  static of(value: bigint): ExactSum {
    const sum = new ExactSum();
    if (value <= BigInt(MAX)) sum.#low = Number(value);
    else sum.#high = value;
    return sum;
  }

  get value(): bigint {
    return this.#high + BigInt(this.#low);
  }

  get isZero(): boolean {
    return this.#low === 0 && this.#high === 0n;
  }

  /** @param n a safe integer ≥ 0. */
  add(n: number): void {
    if (n > MAX - this.#low) {
      this.#high += BigInt(this.#low);
      this.#low = 0;
    }
    this.#low += n;
  }

  /** Adds a × b, safe integers ≥ 0. */
  addProduct(a: number, b: number): void {
    const product = a * b;
    // A product that is not exact has been rounded to 2^53 or more.
    if (product <= MAX) this.add(product);
    else this.#high += BigInt(a) * BigInt(b);
  }

  addSum(other: ExactSum): void {
    this.add(other.#low);
    this.#high += other.#high;
  }

  copy(): ExactSum {
    const sum = new ExactSum();
    sum.#low = this.#low;
    sum.#high = this.#high;
    return sum;
  }

  /** The nearest double, the same for the same sum however it came about. */
  toNumber(): number {
    return this.#high === 0n ? this.#low : Number(this.value);
  }

  /** As decimal text of steps of the scale. */
  text(scale: Scale): string {
    if (this.#high === 0n && this.#low * scale.stepUnits <= MAX) return scale.format(this.#low);
    return decimalText(this.value * BigInt(scale.stepUnits), scale.decimals);
  }
}
