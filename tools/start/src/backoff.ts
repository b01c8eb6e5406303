export interface BackoffOptions {
  readonly firstMs: number;
  readonly maxMs: number;
  /** Having lived this long, a process starts over at `firstMs`. */
  readonly healthyMs: number;
}

export const RESTART_BACKOFF: BackoffOptions = { firstMs: 250, maxMs: 10_000, healthyMs: 30_000 };

/** How long to wait before each restart: doubled every time, up to a bound. */
export class Backoff {
  readonly #options: BackoffOptions;
  #nextMs: number;

  constructor(options: BackoffOptions = RESTART_BACKOFF) {
    this.#options = options;
    this.#nextMs = options.firstMs;
  }

  /** @param aliveMs how long the process lived this time. */
  next(aliveMs: number): number {
    if (aliveMs >= this.#options.healthyMs) this.#nextMs = this.#options.firstMs;
    const delayMs = this.#nextMs;
    this.#nextMs = Math.min(this.#nextMs * 2, this.#options.maxMs);
    return delayMs;
  }
}
