import { DepthcastError } from '@depthcast/protocol';

/** How many of one kind of costly answer are made at once: who comes when all are taken is told to come back. */
export class AtOnce {
  readonly #what: string;
  readonly #max: number;
  #taken = 0;

  constructor(what: string, max: number) {
    this.#what = what;
    this.#max = max;
  }

  /**
   * @returns what gives it back; the second call does nothing.
   * @throws DepthcastError `OVERLOADED`
   */
  take(): () => void {
    if (this.#taken >= this.#max) {
      throw new DepthcastError('OVERLOADED', `${this.#max} ${this.#what} are being made already`);
    }
    this.#taken++;
    let isTaken = true;
    return () => {
      if (isTaken) this.#taken--;
      isTaken = false;
    };
  }

  /** Holds one while `work` runs. @throws DepthcastError `OVERLOADED` */
  async during<T>(work: () => Promise<T>): Promise<T> {
    const give = this.take();
    try {
      return await work();
    } finally {
      give();
    }
  }
}
