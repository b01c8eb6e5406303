import { setImmediate as nextTurn, setTimeout as sleep } from 'node:timers/promises';

/** What work that can wait may take at most. */
export interface Pace {
  /** Of this thread's time, above 0 and at most 1. */
  readonly share: number;
  /** Read and written, all together: copying them takes the kernel, and who reads them, more time than this thread. */
  readonly bytesPerSecondMax: number;
  /** More than that when so many wait that each would get less: the last of a crowd is not to wait for ever. */
  readonly bytesPerSecondEach?: number;
  /** What slices may take in a turn of the loop, before everybody else gets one. Without it there is a turn a slice. */
  readonly turnMs?: number;
}

/** A timer is not that exact: shorter rests are a turn of the loop, and what they lack is rested later. */
const REST_MS_MIN = 1;
const MS_PER_SECOND = 1_000;

/**
 * Work of those who can wait: one slice after the other, in the order in which it was asked for, and at most a share of
 * the time and so many bytes a second. What is live comes in between.
 */
export class Pacer {
  /** Time that a ms of work takes up, with the rest after it. */
  readonly #msPerMs: number;
  readonly #bytesPerSecondMax: number;
  readonly #bytesPerSecondEach: number;
  readonly #turnMs: number;
  #line: Promise<unknown> = Promise.resolve();
  #waiting = 0;
  /** From when on the next slice is due. */
  #dueMs = 0;
  #turnEndMs = 0;

  constructor({ share, bytesPerSecondMax, bytesPerSecondEach = 0, turnMs = 0 }: Pace) {
    this.#msPerMs = 1 / share;
    this.#bytesPerSecondMax = bytesPerSecondMax;
    this.#bytesPerSecondEach = bytesPerSecondEach;
    this.#turnMs = turnMs;
  }

  /**
   * @param work synchronous: a slice that should not take longer than a millisecond or so. It returns the bytes that it
   *   has read or written.
   */
  run(work: () => number): Promise<number> {
    this.#waiting++;
    const slice = this.#line.then(() => {
      this.#waiting--;
      return this.charge(work);
    });
    this.#line = slice.then(this.#rest, this.#rest);
    return slice;
  }

  /** A place in the line, for work that has to wait for something else first: it is {@link charge}d when it is done. */
  async turn(): Promise<void> {
    await this.run(() => 0);
  }

  /** Does what is due now. */
  charge(work: () => number): number {
    const startMs = performance.now();
    let bytes = 0;
    try {
      bytes = work();
      return bytes;
    } finally {
      const tookMs = performance.now() - startMs;
      const bytesPerSecond = Math.max(this.#bytesPerSecondMax, this.#bytesPerSecondEach * this.#waiting);
      const bytesMs = (bytes * MS_PER_SECOND) / bytesPerSecond;
      this.#dueMs = Math.max(this.#dueMs, startMs) + Math.max(tookMs * this.#msPerMs, bytesMs);
    }
  }

  readonly #rest = async (): Promise<void> => {
    const nowMs = performance.now();
    const restMs = this.#dueMs - nowMs;
    if (restMs >= REST_MS_MIN) await sleep(restMs, undefined, { ref: false });
    else if (nowMs < this.#turnEndMs) return;
    else await nextTurn();
    this.#turnEndMs = performance.now() + this.#turnMs;
  };
}
