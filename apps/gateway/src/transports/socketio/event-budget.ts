export interface EventLimits {
  readonly eventsPerSecond: number;
  /** Refusals without a rest in between, after which a client does not mean well. */
  readonly refusalsMax: number;
}

/** What one connection may ask for: so many events a second, those of a quiet second at once. */
export class EventBudget {
  readonly #limits: EventLimits;
  readonly #nowMs: () => number;
  #left: number;
  #atMs: number;
  #refusals = 0;

  constructor(limits: EventLimits, nowMs: () => number) {
    this.#limits = limits;
    this.#nowMs = nowMs;
    this.#left = limits.eventsPerSecond;
    this.#atMs = nowMs();
  }

  /** @returns false when that is more than is left. */
  take(): boolean {
    const { eventsPerSecond } = this.#limits;
    const nowMs = this.#nowMs();
    this.#left = Math.min(eventsPerSecond, this.#left + ((nowMs - this.#atMs) * eventsPerSecond) / 1_000);
    this.#atMs = nowMs;
    if (this.#left === eventsPerSecond) this.#refusals = 0;
    if (this.#left < 1) {
      this.#refusals++;
      return false;
    }
    this.#left--;
    return true;
  }

  /** It has been told often enough. */
  get isAbused(): boolean {
    return this.#refusals > this.#limits.refusalsMax;
  }
}
