/** Says how many events are due, so that a rate holds whatever the timers do. */
export class Pace {
  readonly #perMs: number;
  readonly #dueMax: number;
  #startedMs = performance.now();
  #taken = 0;

  /** @param dueMax at most so many at once; when more are due, what is beyond is given up: nobody could keep up. */
  constructor(eventsPerSecond: number, dueMax: number) {
    this.#perMs = eventsPerSecond / 1_000;
    this.#dueMax = dueMax;
  }

  take(): number {
    const due = Math.floor((performance.now() - this.#startedMs) * this.#perMs) - this.#taken;
    if (due <= this.#dueMax) {
      this.#taken += due;
      return due;
    }
    this.#startedMs = performance.now();
    this.#taken = 0;
    return this.#dueMax;
  }
}
