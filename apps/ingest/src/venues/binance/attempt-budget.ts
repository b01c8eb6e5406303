const WINDOW_MS = 5 * 60_000;
const ATTEMPTS_MAX = 300;

/**
 * Binance bans an address that makes more than 300 connection attempts in 5 minutes. Shared by all connections of
 * the process; knows no clock.
 */
export class AttemptBudget {
  readonly #attemptsMax: number;
  readonly #windowMs: number;
  readonly #madeMs: number[] = [];

  constructor(attemptsMax = ATTEMPTS_MAX, windowMs = WINDOW_MS) {
    this.#attemptsMax = attemptsMax;
    this.#windowMs = windowMs;
  }

  /** Milliseconds to wait before an attempt may be made; when 0, the attempt counts as made. */
  take(nowMs: number): number {
    while (this.#madeMs.length > 0 && (this.#madeMs[0] as number) <= nowMs - this.#windowMs) this.#madeMs.shift();
    if (this.#madeMs.length >= this.#attemptsMax) return (this.#madeMs[0] as number) + this.#windowMs - nowMs;
    this.#madeMs.push(nowMs);
    return 0;
  }
}
