export interface FlightLimits {
  readonly activeMax: number;
  readonly queuedMax: number;
}

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

  /** Rejects as `read` does; with {@link FlightsFullError} at once when the line is full. */
  run(key: string, read: () => Promise<T>): Promise<T> {
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

  async #inTurn(read: () => Promise<T>): Promise<T> {
    if (this.#active < this.#limits.activeMax) this.#active++;
    else await new Promise<void>((resolve) => this.#line.push(resolve));
    try {
      return await read();
    } finally {
      // The place is handed over: somebody who comes now must not take it from the first in line.
      const next = this.#line.shift();
      if (next) next();
      else this.#active--;
    }
  }
}
