const MINUTE_MS = 60_000;
/** Half of what spot allows an address: others may share ours. */
const WEIGHT_PER_MINUTE = 3_000;

/**
 * Binance counts REST requests by weight per minute and bans who goes beyond. A bucket that refills evenly; also
 * where a Retry-After is kept, since it binds every request. Knows no clock.
 */
export class WeightBudget {
  readonly #weightMax: number;
  #weight: number;
  #asOfMs = 0;
  #pausedUntilMs = 0;

  constructor(weightPerMinute = WEIGHT_PER_MINUTE) {
    this.#weightMax = weightPerMinute;
    this.#weight = weightPerMinute;
  }

  /** Milliseconds to wait before the request may be made; when 0, its weight is spent. */
  take(weight: number, nowMs: number): number {
    if (nowMs < this.#pausedUntilMs) return this.#pausedUntilMs - nowMs;
    const perMs = this.#weightMax / MINUTE_MS;
    this.#weight = Math.min(this.#weightMax, this.#weight + Math.max(0, nowMs - this.#asOfMs) * perMs);
    this.#asOfMs = nowMs;
    if (this.#weight < weight) return Math.ceil((weight - this.#weight) / perMs);
    this.#weight -= weight;
    return 0;
  }

  /** No request before then. */
  pauseUntil(untilMs: number): void {
    this.#pausedUntilMs = Math.max(this.#pausedUntilMs, untilMs);
  }
}
