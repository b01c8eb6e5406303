import { type Cursor, compareCursors } from '@depthcast/protocol';

interface Waiter {
  readonly cursor: Cursor;
  readonly settle: (reached: boolean) => void;
}

/** Those who wait until this gateway's tail has come to a cursor that Redis, or another gateway, already has. */
export class CursorWaiters {
  readonly #waiters = new Set<Waiter>();
  readonly #onWait: () => void;

  /** @param onWait somebody waits. */
  constructor(onWait: () => void = () => {}) {
    this.#onWait = onWait;
  }

  get size(): number {
    return this.#waiters.size;
  }

  /** True when the tail got there, false after `waitMs`. */
  wait(cursor: Cursor, waitMs: number): Promise<boolean> {
    return new Promise((resolve) => {
      const waiter: Waiter = {
        cursor,
        settle: (reached) => {
          clearTimeout(timer);
          this.#waiters.delete(waiter);
          resolve(reached);
        },
      };
      const timer = setTimeout(() => waiter.settle(false), waitMs);
      this.#waiters.add(waiter);
      this.#onWait();
    });
  }

  /** After each batch; free when nobody waits. */
  onTail(tail: Cursor): void {
    for (const waiter of this.#waiters) if (compareCursors(tail, waiter.cursor) >= 0) waiter.settle(true);
  }

  stop(): void {
    for (const waiter of this.#waiters) waiter.settle(false);
  }
}
