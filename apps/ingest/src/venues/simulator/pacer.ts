const US_PER_SECOND = 1_000_000;
/** After a stall longer than this, what was owed for the rest of it is forgotten. */
const CATCH_UP_US_MAX = 100_000;

/**
 * When each of an even sequence of things is due, without drift: the n-th at n / rate after the start, whenever timers
 * really fire. A stalled process does not flood the log afterwards: at most 100 ms are made up.
 *
 * Knows no clock: time is an argument, in whole microseconds.
 */
export class Pacer {
  readonly #ratePerSecond: number;
  #startUs: number;
  #paid = 0;

  /** @param ratePerSecond above 0. */
  constructor(ratePerSecond: number, startUs: number) {
    this.#ratePerSecond = ratePerSecond;
    this.#startUs = startUs;
  }

  /** When the next one is due. */
  get nextDueUs(): number {
    return this.#startUs + Math.round(((this.#paid + 1) * US_PER_SECOND) / this.#ratePerSecond);
  }

  /** The next one has been done. */
  pay(): void {
    this.#paid++;
  }

  /** To be called before what is due by `nowUs` is done. */
  skipStall(nowUs: number): void {
    this.#startUs += Math.max(0, nowUs - this.nextDueUs - CATCH_UP_US_MAX);
  }
}
