import { DepthcastError } from '@depthcast/protocol';

/** Who may wait for one of few things, and for how many of them there is room. */
export class Slots<T> {
  readonly #free: T[];
  readonly #waiting: ((slot: T) => void)[] = [];
  readonly #waitingMax: number;

  constructor(slots: readonly T[], waitingMax: number) {
    this.#free = [...slots];
    this.#waitingMax = waitingMax;
  }

  /** @throws DepthcastError `OVERLOADED` when as many wait already as may. */
  async use<R>(work: (slot: T) => Promise<R>): Promise<R> {
    const slot = await this.#take();
    try {
      return await work(slot);
    } finally {
      const next = this.#waiting.shift();
      if (next) next(slot);
      else this.#free.push(slot);
    }
  }

  async #take(): Promise<T> {
    const slot = this.#free.pop();
    if (slot !== undefined) return slot;
    if (this.#waiting.length >= this.#waitingMax) {
      throw new DepthcastError('OVERLOADED', `${this.#waitingMax} questions to the journal's database wait already`);
    }
    return new Promise((resolve) => this.#waiting.push(resolve));
  }
}
