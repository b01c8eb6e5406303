import { TokenBucket } from './token-bucket.ts';

/** What is held back by a rate: events of the log, which come later, or frames of views, of which only the last does. */
export type HeldKind = 'log' | 'view';

export interface RatesOptions {
  /** What any connection may be sent a second; a client may ask for less. `undefined`: as much as there is. */
  readonly perSecondMax?: number | undefined;
  /** A connection is being held back: told once a minute of each. */
  readonly onHeld?: (held: HeldConnection) => void;
  /** Monotonic. */
  readonly nowMs?: () => number;
}

/** A connection that was sent less than there was, and how often that was so since this was last told. */
export interface HeldConnection {
  readonly name: string;
  readonly perSecond: number;
  readonly held: number;
}

const TICK_MS = 20;
const TELL_MS = 60_000;

/** The rates of all connections that have one: what they may be sent, and who waits until that is more than nothing. */
export class Rates {
  /** Times that a connection was held back. */
  readonly held: Record<HeldKind, number> = { log: 0, view: 0 };
  readonly #options: RatesOptions;
  readonly #waiting = new Set<RateBudget>();
  #timer: NodeJS.Timeout | undefined;

  constructor(options: RatesOptions = {}) {
    this.#options = options;
  }

  /**
   * The budget of one connection; `undefined`: it has none, and is never held back.
   *
   * @param asked messages a second; the operator's limit holds where it is lower.
   * @param name of the client, for the log.
   */
  open(asked: number | undefined, name: string): RateBudget | undefined {
    const { perSecondMax = Number.POSITIVE_INFINITY } = this.#options;
    const perSecond = Math.min(asked ?? Number.POSITIVE_INFINITY, perSecondMax);
    return Number.isFinite(perSecond) ? new RateBudget(this, perSecond, name) : undefined;
  }

  nowMs(): number {
    return (this.#options.nowMs ?? performance.now.bind(performance))();
  }

  /** Somebody waits for this budget. */
  wait(budget: RateBudget): void {
    this.#waiting.add(budget);
    this.#timer ??= setTimeout(this.#onTick, TICK_MS);
  }

  tell(held: HeldConnection): void {
    this.#options.onHeld?.(held);
  }

  stop(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#waiting.clear();
  }

  /** One timer for all who wait, while there are any: a wake-up each would be as many timers as connections. */
  readonly #onTick = (): void => {
    this.#timer = undefined;
    for (const budget of this.#waiting) if (!budget.wake()) this.#waiting.delete(budget);
    if (this.#waiting.size > 0) this.#timer ??= setTimeout(this.#onTick, TICK_MS);
  };
}

/** What one connection may be sent: so many messages a second, those of a quiet second at once. */
export class RateBudget {
  readonly #rates: Rates;
  readonly #bucket: TokenBucket;
  readonly #name: string;
  readonly #line: (() => void)[] = [];
  #held = 0;
  #toldMs = Number.NEGATIVE_INFINITY;

  constructor(rates: Rates, perSecond: number, name: string) {
    this.#rates = rates;
    this.#bucket = new TokenBucket(perSecond, () => rates.nowMs());
    this.#name = name;
  }

  /** Messages that may be sent now. */
  get available(): number {
    return Math.max(0, Math.floor(this.#bucket.left));
  }

  /** Takes so many or none; none as well while somebody else of the connection waits: they take turns. */
  take(count: number): boolean {
    if (this.#line.length > 0 || count > this.available) return false;
    this.#bucket.spend(count);
    return true;
  }

  /** So many have been sent. */
  spend(count: number): void {
    this.#bucket.spend(count);
  }

  /** Somebody of the connection has more than may be sent; `goOn` is called once, when it is his turn. */
  hold(kind: HeldKind, goOn: () => void): void {
    this.#rates.held[kind]++;
    this.#held++;
    const nowMs = this.#rates.nowMs();
    if (nowMs - this.#toldMs >= TELL_MS) {
      this.#toldMs = nowMs;
      this.#rates.tell({ name: this.#name, perSecond: this.#bucket.perSecond, held: this.#held });
      this.#held = 0;
    }
    this.#line.push(goOn);
    this.#rates.wait(this);
  }

  /** The first in line goes on, if there is anything to be sent. @returns whether anybody still waits. */
  wake(): boolean {
    if (this.available > 0) this.#line.shift()?.();
    return this.#line.length > 0;
  }
}
