export interface FlightLimits {
  readonly activeMax: number;
  readonly queuedMax: number;
}

/** @param hold the reading's place is not free before then (of `performance.now()`), though it may have ended. */
export type Reading<T> = (hold: (untilMs: number) => void) => Promise<T>;

const REST_MS_MIN = 1;

/** There are more distinct readings in line than the limit. */
export class FlightsFullError extends Error {}

/** Readings by key: one for all who ask the same meanwhile, a few at a time, the others in line. */
export class Flights<T> {
  readonly #limits: FlightLimits;
  readonly #byKey = new Map<string, Promise<T>>();
  readonly #line: (() => void)[] = [];
  #active = 0;

  constructor(limits: FlightLimits) {
    this.#limits = limits;
  }

  /** Whether a reading would begin at once. */
  get hasRoom(): boolean {
    return this.#active < this.#limits.activeMax;
  }

  /** Rejects as `read` does; with {@link FlightsFullError} at once when the line is full. */
  run(key: string, read: Reading<T>): Promise<T> {
    const known = this.#byKey.get(key);
    if (known) return known;
    if (this.#line.length >= this.#limits.queuedMax) {
      return Promise.reject(new FlightsFullError(`${this.#line.length} readings are in line`));
    }
    const flight = this.#inTurn(read).finally(() => {
      if (this.#byKey.get(key) === flight) this.#byKey.delete(key);
    });
    this.#byKey.set(key, flight);
    return flight;
  }

  /** What is under way is finished for those who have asked, and shared with nobody else. */
  clear(): void {
    this.#byKey.clear();
  }

  async #inTurn(read: Reading<T>): Promise<T> {
    if (this.#active < this.#limits.activeMax) this.#active++;
    else await new Promise<void>((resolve) => this.#line.push(resolve));
    let heldMs = 0;
    try {
      return await read((untilMs) => {
        heldMs = untilMs;
      });
    } finally {
      const restMs = heldMs - performance.now();
      if (restMs < REST_MS_MIN) this.#handOver();
      else setTimeout(() => this.#handOver(), restMs).unref();
    }
  }

  /** Somebody who comes now must not take the place from the first in line. */
  #handOver(): void {
    const next = this.#line.shift();
    if (next) next();
    else this.#active--;
  }
}
