import { setTimeout as sleep } from 'node:timers/promises';

const POLL_MS = 2;

/** Counts who reads, and keeps new readers waiting while something must be done that no reading may overlap. */
export class ReadersGate {
  #reading = 0;
  #closed: Promise<void> | undefined;

  async read<T>(work: () => Promise<T>): Promise<T> {
    while (this.#closed) await this.#closed;
    this.#reading++;
    try {
      return await work();
    } finally {
      this.#reading--;
    }
  }

  /** Runs `work` when those who read have finished; gives up, and says false, when that takes longer than `msMax`. */
  async without(work: () => Promise<void>, msMax: number): Promise<boolean> {
    let open = (): void => {};
    this.#closed = new Promise((resolve) => {
      open = resolve;
    });
    try {
      for (const deadline = Date.now() + msMax; this.#reading > 0; ) {
        if (Date.now() > deadline) return false;
        await sleep(POLL_MS);
      }
      await work();
      return true;
    } finally {
      this.#closed = undefined;
      open();
    }
  }
}
