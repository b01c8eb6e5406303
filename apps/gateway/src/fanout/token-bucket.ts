const MS_PER_SECOND = 1_000;

/** So many a second, and those of a quiet second at once. */
export class TokenBucket {
  readonly perSecond: number;
  readonly #nowMs: () => number;
  #left: number;
  #atMs: number;

  constructor(perSecond: number, nowMs: () => number) {
    this.perSecond = perSecond;
    this.#nowMs = nowMs;
    this.#left = perSecond;
    this.#atMs = nowMs();
  }

  /** What is left of it now: below 0 when more has been spent than there was. */
  get left(): number {
    const nowMs = this.#nowMs();
    this.#left = Math.min(this.perSecond, this.#left + ((nowMs - this.#atMs) * this.perSecond) / MS_PER_SECOND);
    this.#atMs = nowMs;
    return this.#left;
  }

  /** What has been used, whether there was so much or not. */
  spend(count: number): void {
    this.#left -= count;
  }
}
