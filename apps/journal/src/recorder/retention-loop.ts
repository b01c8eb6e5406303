import { setTimeout as sleep } from 'node:timers/promises';
import type { DroppedSummary, JournalStore, RetentionPolicy } from '../stores/journal-store.ts';

export interface RetentionLoopOptions {
  readonly store: Pick<JournalStore, 'bytes' | 'retain'>;
  readonly policy: RetentionPolicy;
  readonly everyMs: number;
  readonly onDropped?: (dropped: DroppedSummary) => void;
  readonly onError?: (error: Error) => void;
  /** For tests. */
  readonly sizeEveryMs?: number;
}

/** Between two looks at the database's size, where that is bounded. */
const SIZE_EVERY_MS = 60_000;
/** Between two parts of one clean-up: commits and readers come in between. */
const REST_MS = 200;

/** Keeps the database to its bounds: at the start, then at every interval, and as soon as it has grown too large. */
export class RetentionLoop {
  readonly #options: RetentionLoopOptions;

  constructor(options: RetentionLoopOptions) {
    this.#options = options;
  }

  /** Until `signal` aborts. Errors end nothing: the next turn comes. */
  async run(signal: AbortSignal): Promise<void> {
    const { everyMs, onError, sizeEveryMs = SIZE_EVERY_MS } = this.#options;
    let dueMs = performance.now();
    while (!signal.aborted) {
      try {
        if (performance.now() >= dueMs || (await this.#isTooLarge())) {
          await this.#clean(signal);
          dueMs = performance.now() + everyMs;
        }
      } catch (error) {
        onError?.(error as Error);
      }
      await sleep(Math.min(everyMs, sizeEveryMs), undefined, { signal }).catch(() => {});
    }
  }

  async #isTooLarge(): Promise<boolean> {
    const { store, policy } = this.#options;
    return policy.bytesMax !== undefined && (await store.bytes()) > policy.bytesMax;
  }

  async #clean(signal: AbortSignal): Promise<void> {
    const { store, policy, onDropped } = this.#options;
    while (!signal.aborted) {
      const dropped = await store.retain(policy);
      if (dropped.events === 0) return;
      onDropped?.(dropped);
      await sleep(REST_MS, undefined, { signal }).catch(() => {});
    }
  }
}
