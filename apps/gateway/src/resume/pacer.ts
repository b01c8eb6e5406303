import { setImmediate as nextTurn, setTimeout as sleep } from 'node:timers/promises';

/** What work that can wait may take at most. */
export interface Pace {
  /** Of this thread's time, above 0 and at most 1. */
  readonly share: number;
  /** Read and written, all together: copying them takes the kernel, and who reads them, more time than this thread. */
  readonly bytesPerSecondMax: number;
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
  readonly #msPerByte: number;
  #line: Promise<unknown> = Promise.resolve();
  /** From when on the next slice is due. */
  #dueMs = 0;

  constructor({ share, bytesPerSecondMax }: Pace) {
    this.#msPerMs = 1 / share;
    this.#msPerByte = MS_PER_SECOND / bytesPerSecondMax;
  }

  /**
   * @param work synchronous: a slice that should not take longer than a millisecond or so. It returns the bytes that it
   *   has read or written.
   */
  run(work: () => number): Promise<number> {
    const slice = this.#line.then(() => this.#measure(work));
    this.#line = slice.then(this.#rest, this.#rest);
    return slice;
  }

  #measure(work: () => number): number {
    const startMs = performance.now();
    let bytes = 0;
    try {
      bytes = work();
      return bytes;
    } finally {
      const tookMs = performance.now() - startMs;
      this.#dueMs = Math.max(this.#dueMs, startMs) + Math.max(tookMs * this.#msPerMs, bytes * this.#msPerByte);
    }
  }

  readonly #rest = (): Promise<unknown> => {
    const restMs = this.#dueMs - performance.now();
    return restMs >= REST_MS_MIN ? sleep(restMs, undefined, { ref: false }) : nextTurn();
  };
}
