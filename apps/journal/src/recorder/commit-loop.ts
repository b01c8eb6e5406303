import { setTimeout as sleep } from 'node:timers/promises';
import { type Cursor, cursorsEqual, DepthcastError } from '@depthcast/protocol';
import type { JournalBatch, JournalPosition, JournalStore } from '../stores/journal-store.ts';
import { isDefect } from './defects.ts';
import type { PendingRows } from './pending-rows.ts';
import type { RecorderObserver } from './recorder-observer.ts';

export interface CommitLoopOptions {
  readonly store: JournalStore;
  readonly partition: number;
  /** The least time between the beginnings of two commits, unless as much is pending as may be. */
  readonly commitEveryMs: number;
  readonly observer: RecorderObserver;
}

const RETRY_MS_MIN = 50;
const RETRY_MS_MAX = 5_000;

/**
 * Stores what is pending, batch by batch, each to a certain end: a database that is away is waited for, and after an
 * error it is asked how far it has got, since the commit may have been carried out all the same.
 */
export class CommitLoop {
  readonly #options: CommitLoopOptions;
  #count = 0;

  constructor(options: CommitLoopOptions) {
    this.#options = options;
  }

  /** Commits so far. */
  get count(): number {
    return this.#count;
  }

  /**
   * Until nothing more is pending, or another journal was faster. An abort lets it finish what is pending, unless the
   * database is away.
   *
   * @param after what the database has now.
   * @throws DepthcastError where the database is beyond use; what is a defect of this program, which would come again.
   */
  async run(pending: PendingRows, after: Cursor | null, signal: AbortSignal): Promise<'drained' | 'overtaken'> {
    const { partition, commitEveryMs, observer } = this.#options;
    for (let stored = after; ; ) {
      const batch = await pending.take(partition, stored);
      if (!batch) return 'drained';
      const startedMs = performance.now();
      if ((await this.#commit(batch, signal)) === 'overtaken') return 'overtaken';
      stored = batch.position.cursor;
      this.#count++;
      const tookMs = performance.now() - startedMs;
      observer.committed?.(batch, tookMs);
      if (tookMs < commitEveryMs) await pending.filled(commitEveryMs - tookMs);
    }
  }

  /** How far the partition is stored. */
  position(signal: AbortSignal): Promise<JournalPosition | undefined> {
    const { store, partition } = this.#options;
    return this.asked(() => store.position(partition), signal);
  }

  /** Asks the database until it answers. */
  async asked<T>(ask: () => Promise<T>, signal: AbortSignal): Promise<T> {
    for (let waitMs = RETRY_MS_MIN; ; waitMs = Math.min(waitMs * 2, RETRY_MS_MAX)) {
      try {
        return await ask();
      } catch (error) {
        await this.#wait(error, waitMs, signal);
      }
    }
  }

  async #commit(batch: JournalBatch, signal: AbortSignal): Promise<'committed' | 'overtaken'> {
    let isInDoubt = false;
    for (let waitMs = RETRY_MS_MIN; ; waitMs = Math.min(waitMs * 2, RETRY_MS_MAX)) {
      try {
        const outcome = await this.#options.store.commit(batch);
        if (outcome === 'committed' || !isInDoubt) return outcome;
      } catch (error) {
        isInDoubt = true;
        await this.#wait(error, waitMs, signal);
      }
      const at = (await this.position(signal))?.cursor;
      if (at && cursorsEqual(at, batch.position.cursor)) return 'committed';
      if (!isAt(at, batch.after)) return 'overtaken';
    }
  }

  async #wait(error: unknown, waitMs: number, signal: AbortSignal): Promise<void> {
    if (isDefect(error) || (error instanceof DepthcastError && error.code !== 'OVERLOADED')) throw error;
    this.#options.observer.databaseAway?.(error as Error);
    await sleep(waitMs * (0.5 + Math.random() / 2), undefined, { signal }).catch(() => {});
    if (signal.aborted) throw error;
  }
}

function isAt(at: Cursor | undefined, expected: Cursor | null): boolean {
  return expected === null ? at === undefined : at !== undefined && cursorsEqual(at, expected);
}
