import { TokenBucket } from '../../fanout/token-bucket.ts';

export interface EventLimits {
  readonly eventsPerSecond: number;
  /** Refusals without a rest in between, after which a client does not mean well. */
  readonly refusalsMax: number;
}

/** What one connection may ask for: so many events a second, those of a quiet second at once. */
export class EventBudget {
  readonly #limits: EventLimits;
  readonly #bucket: TokenBucket;
  #refusals = 0;

  constructor(limits: EventLimits, nowMs: () => number) {
    this.#limits = limits;
    this.#bucket = new TokenBucket(limits.eventsPerSecond, nowMs);
  }

  /** @returns false when that is more than is left. */
  take(): boolean {
    const { left } = this.#bucket;
    if (left === this.#bucket.perSecond) this.#refusals = 0;
    if (left < 1) {
      this.#refusals++;
      return false;
    }
    this.#bucket.spend(1);
    return true;
  }

  /** It has been told often enough. */
  get isAbused(): boolean {
    return this.#refusals > this.#limits.refusalsMax;
  }
}
