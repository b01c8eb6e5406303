/** After a stall longer than this, what was owed for the rest of it is forgotten. */
const CATCH_UP_MS_MAX = 100;

/**
 * How many updates are owed at any moment for an even rate, without drift: the n-th is due n / rate after the start,
 * whenever timers really fire. A stalled process does not flood the log afterwards: at most 100 ms are made up.
 *
 * Knows no clock: time is an argument, milliseconds of any monotonic clock.
 */
export class Pacer {
  readonly #perMs: number;
  #startMs: number;
  #paid = 0;

  /** @param ratePerSecond updates a second, above 0. */
  constructor(ratePerSecond: number, nowMs: number) {
    this.#perMs = ratePerSecond / 1_000;
    this.#startMs = nowMs;
  }

  /** The updates due by now that have not been taken yet; taking them pays for them. */
  take(nowMs: number): number {
    const behindMs = nowMs - this.nextDueMs();
    if (behindMs > CATCH_UP_MS_MAX) this.#startMs += behindMs - CATCH_UP_MS_MAX;
    const owed = Math.floor((nowMs - this.#startMs) * this.#perMs) - this.#paid;
    if (owed <= 0) return 0;
    this.#paid += owed;
    return owed;
  }

  /** When the next update is due. */
  nextDueMs(): number {
    return this.#startMs + (this.#paid + 1) / this.#perMs;
  }
}
