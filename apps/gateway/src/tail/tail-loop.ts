import { setTimeout as sleep } from 'node:timers/promises';
import {
  type FollowState,
  type LogEntry,
  LogGapError,
  type StoredAccounts,
  type StoredBook,
  type Timeline,
} from '@depthcast/log';
import { type Cursor, compareCursors, formatCursor } from '@depthcast/protocol';
import type { LogSource } from './log-source.ts';

/** Where reading begins, and what is known there. */
export interface TailStart {
  /** `undefined`: before the earliest entry held. */
  readonly after: Cursor | undefined;
  readonly books: readonly StoredBook[];
  readonly accounts: StoredAccounts | undefined;
  /** Of the logic that gave the newest events when books and accounts were looked for, or a moment before. */
  readonly version: string | undefined;
  /** The earliest entry held. */
  readonly earliest: Cursor | undefined;
  readonly timeline: Timeline;
  /** The log's end when it was looked at: reaching it means caught up. */
  readonly target: Cursor;
}

/** What the loop drives. Both calls are synchronous: the next read is asked for when they have returned. */
export interface TailConsumer {
  /** Begin anew from here; what was known before may be of another timeline. */
  onStart(start: TailStart): void;
  /** Entries that follow, without a gap. Payloads are views: copy what is kept. */
  onBatch(entries: readonly LogEntry[]): void;
  onState(state: FollowState): void;
  /** Whether somebody waits for what comes next; see {@link TailOptions.idleMs}. */
  readonly isAwaited: boolean;
}

export interface TailOptions {
  readonly source: LogSource;
  readonly consumer: TailConsumer;
  /** The least time between two reads; 0 reads again at once. */
  readonly flushMs: number;
  /**
   * The same while nobody waits for what comes next. A read costs some ten times what an entry does, so that a gateway
   * without clients costs a fraction when it reads what came meanwhile together.
   */
  readonly idleMs?: number;
  readonly onWarn: (message: string, error?: Error) => void;
}

const BATCH_ENTRIES_MAX = 1_000;
const EMPTY_LOG_POLL_MS = 100;
const STOP_MS_MAX = 500;
/** A read that brings nothing within so long found nothing that came during the rest before it. */
const REFRESH_MS_MAX = 10;
const RETRY_MS_MIN = 50;
const RETRY_MS_MAX = 2_000;

/**
 * The one reader of the log, however many clients there are. A batch is whatever arrived while the one before was
 * being written: one event leaves at once when all is quiet, and thousands leave together under load. On a gap it
 * begins anew, from books and timeline.
 */
export class TailLoop {
  readonly #options: TailOptions;
  readonly #abort = new AbortController();
  #running: Promise<void> | undefined;
  #endRest: () => void = () => {};
  #endRefresh: () => void = () => {};
  #refreshed: Promise<void> | undefined;

  constructor(options: TailOptions) {
    this.#options = options;
  }

  start(): void {
    this.#running ??= this.#run();
  }

  /** Somebody waits for what comes next. */
  hurry(): void {
    this.#endRest();
  }

  /** While what came during a rest is being read. */
  get refreshed(): Promise<void> | undefined {
    return this.#refreshed;
  }

  /** A read that waits for Redis to come back is left to itself: nobody listens to it any more. */
  async stop(): Promise<void> {
    this.#abort.abort();
    this.#endRest();
    await Promise.race([this.#running, sleep(STOP_MS_MAX, undefined, { ref: false })]);
  }

  async #run(): Promise<void> {
    const { signal } = this.#abort;
    const { consumer, onWarn } = this.#options;
    let retryMs = RETRY_MS_MIN;
    const onProgress = (entries: readonly LogEntry[]) => {
      consumer.onBatch(entries);
      retryMs = RETRY_MS_MIN;
    };
    while (!signal.aborted) {
      try {
        await this.#follow(onProgress);
      } catch (error) {
        if (signal.aborted) return;
        if (error instanceof LogGapError) onWarn('the log has a gap: starting anew', error);
        else onWarn('reading the log failed', error as Error);
        await sleep(retryMs, undefined, { signal }).catch(() => {});
        retryMs = Math.min(retryMs * 2, RETRY_MS_MAX);
      }
    }
  }

  async #follow(onBatch: (entries: readonly LogEntry[]) => void): Promise<void> {
    const { signal } = this.#abort;
    const { source, consumer, flushMs, idleMs = 0 } = this.#options;
    const start = await this.#resolve();
    // Another loop may drive the consumer by now.
    if (!start || signal.aborted) return;
    consumer.onStart(start);
    let { after } = start;
    if (!after) {
      const entries = await source.range(undefined, BATCH_ENTRIES_MAX);
      if (signal.aborted) return;
      const last = entries.at(-1);
      if (!last) throw new Error('the tip names an entry that the log does not hold');
      onBatch(entries);
      after = { epoch: last.epoch, offset: last.offset };
    }
    const onState = (state: FollowState) => consumer.onState(state);
    for await (const entries of source.follow(after, { signal, countMax: BATCH_ENTRIES_MAX, onState })) {
      if (signal.aborted) return;
      const startedMs = performance.now();
      onBatch(entries);
      this.#endRefresh();
      const isIdle = idleMs > flushMs && entries.length < BATCH_ENTRIES_MAX && !consumer.isAwaited;
      const restMs = (isIdle ? idleMs : flushMs) - (performance.now() - startedMs);
      if (restMs <= 0) continue;
      if (isIdle) await this.#rest(restMs);
      else await sleep(restMs, undefined, { signal }).catch(() => {});
    }
  }

  /** Until then, or until somebody comes. */
  #rest(ms: number): Promise<void> {
    return new Promise((resolve) => {
      const end = () => {
        clearTimeout(timer);
        this.#endRest = () => {};
        resolve();
      };
      const timer = setTimeout(end, ms);
      this.#endRest = () => {
        end();
        this.#refreshed = this.#refresh();
      };
    });
  }

  #refresh(): Promise<void> {
    return new Promise((resolve) => {
      const timer = setTimeout(() => this.#endRefresh(), REFRESH_MS_MAX);
      this.#endRefresh = () => {
        clearTimeout(timer);
        this.#refreshed = undefined;
        resolve();
      };
    });
  }

  /** Late join: books and accounts at their cursors, the tail from the oldest of them; without any, all that is held. */
  async #resolve(): Promise<TailStart | undefined> {
    const { signal } = this.#abort;
    const { source } = this.#options;
    while (!signal.aborted) {
      const found = await source.tip();
      if (found) {
        // The tip last: whatever a book's cursor says was in the log before.
        const stored = await this.#stored();
        const [timeline, earliest] = await Promise.all([source.timeline(), source.earliest()]);
        const target = await source.tip();
        const { version } = found;
        if (target)
          return { ...this.#startOf(stored, timeline, earliest, target), version, earliest, timeline, target };
      }
      await sleep(EMPTY_LOG_POLL_MS, undefined, { signal }).catch(() => {});
    }
    return undefined;
  }

  /** Both are stored in one step, and may be again between two reads. */
  async #stored(): Promise<Pick<TailStart, 'books' | 'accounts'>> {
    const { source } = this.#options;
    const accounts = await source.accounts();
    const books = await source.books();
    if (accounts || books.length === 0) return { books, accounts };
    // The first snapshot came in between, or is of an engine that had no accounts.
    return { books, accounts: await source.accounts() };
  }

  #startOf(
    { books, accounts: stored }: Pick<TailStart, 'books' | 'accounts'>,
    timeline: Timeline,
    earliest: Cursor | undefined,
    tip: Cursor,
  ): Pick<TailStart, 'after' | 'books' | 'accounts'> {
    const usable = books.filter((book) => isUsable(book.cursor, timeline, earliest, tip));
    if (usable.length < books.length) {
      const lost = books.filter((book) => !usable.includes(book));
      const names = lost.map(({ symbol, cursor }) => `${symbol} ${formatCursor(cursor)}`);
      this.#options.onWarn(`stored books are not on this log: ${names.join(', ')}`);
    }
    const accounts = stored && isUsable(stored.cursor, timeline, earliest, tip) ? stored : undefined;
    if (stored && !accounts) {
      this.#options.onWarn(`stored accounts are not on this log: ${formatCursor(stored.cursor)}`);
    }
    const after = [...usable, ...(accounts ? [accounts] : [])]
      .map(({ cursor }) => cursor)
      .reduce<Cursor | undefined>((a, b) => (a && compareCursors(a, b) <= 0 ? a : b), undefined);
    return { after, books: usable, accounts };
  }
}

/** A book can be carried on when everything after its cursor is still held, on this timeline. */
function isUsable(cursor: Cursor, timeline: Timeline, earliest: Cursor | undefined, tip: Cursor): boolean {
  if (!earliest || timeline.locate(cursor) !== 'held' || compareCursors(cursor, tip) > 0) return false;
  if (compareCursors(cursor, earliest) >= 0) return true;
  return cursor.epoch === earliest.epoch ? cursor.offset === earliest.offset - 1 : earliest.offset === 0;
}
