import { setTimeout as sleep } from 'node:timers/promises';
import {
  isPassing,
  isReplyError,
  type LogEntry,
  LogReader,
  type PartitionKeys,
  type RedisClient,
  readTip,
  retireLog,
  retryReads,
  Timeline,
} from '@depthcast/log';
import { type Cursor, cursorsEqual } from '@depthcast/protocol';
import type { EpochRecord, JournalPosition, JournalStore } from '../stores/journal-store.ts';
import { bridge } from './bridge.ts';
import { CommitLoop } from './commit-loop.ts';
import { isDefect } from './defects.ts';
import { compareOverlap, olderLog } from './overlap.ts';
import { type PendingLimits, PendingRows } from './pending-rows.ts';
import type { RecorderObserver } from './recorder-observer.ts';
import { RowAdapter } from './row-adapter.ts';

export interface RecorderLimits extends PendingLimits {
  /** The least time between the beginnings of two commits that are not full: many small ones are dear. */
  readonly commitEveryMs: number;
  /** How long another journal must have stored nothing before this one takes its turn. */
  readonly standByMs: number;
  /** How long the log may end in an older epoch than what is stored: a failover that lost an epoch opens the next. */
  readonly olderLogMs: number;
}

const LIMITS: RecorderLimits = {
  rowsMax: 20_000,
  bytesMax: 16 * 2 ** 20,
  commitEveryMs: 100,
  standByMs: 2_000,
  olderLogMs: 10_000,
};
/** Smaller batches cost more by the row. */
const ROWS_MAX_LEAST = 10_000;
const BYTES_MAX_LEAST = 2 ** 20;
/** Of all partitions together: each costs DuckDB some 9 ms, however small it is. */
const COMMITS_PER_SECOND_MAX = 20;

/** Of one of so many recorders, which share one process's memory and one database. */
export function recorderLimits(partitions: number): RecorderLimits {
  return {
    ...LIMITS,
    rowsMax: Math.max(ROWS_MAX_LEAST, Math.floor(LIMITS.rowsMax / partitions)),
    bytesMax: Math.max(BYTES_MAX_LEAST, Math.floor(LIMITS.bytesMax / partitions)),
    commitEveryMs: Math.max(LIMITS.commitEveryMs, (1_000 * partitions) / COMMITS_PER_SECOND_MAX),
  };
}

export interface RecorderOptions {
  readonly client: RedisClient;
  readonly keys: PartitionKeys;
  readonly store: JournalStore;
  readonly limits: RecorderLimits;
  readonly observer?: RecorderObserver;
}

/** Entries that are compared with what is stored before reading goes on. */
const OVERLAP_ENTRIES_MAX = 2_000;
const EMPTY_LOG_POLL_MS = 200;
const AGAIN_MS_MIN = 20;
const AGAIN_MS_MAX = 2_000;

/** Where reading begins. */
interface Start {
  readonly stored: JournalPosition | undefined;
  readonly epochs: readonly EpochRecord[];
  /** The first entry after it, where that does not simply follow. */
  readonly first: LogEntry | undefined;
}

/**
 * Follows one partition's log from where the database stands, and stores every event once: a batch and the cursor go
 * in together, and only where the cursor is still the one that the batch begins at. So it may be killed at any time,
 * and another journal may work on the same database.
 *
 * Whatever breaks the reading ends a session; the next one begins again at what is stored, compares it with the log,
 * and says what lies between: nothing, a hole, or entries that Redis has lost.
 */
export class RecorderLoop {
  readonly #options: RecorderOptions;
  readonly #limits: RecorderLimits;
  readonly #observer: RecorderObserver;
  readonly #commits: CommitLoop;
  #stored: Cursor | undefined;
  #durable: Cursor | undefined;

  constructor(options: RecorderOptions) {
    const { store, keys, observer = {} } = options;
    this.#options = options;
    this.#limits = options.limits;
    this.#observer = {
      ...observer,
      committed: (batch, ms) => {
        this.#stored = batch.position.cursor;
        this.#durable = batch.position.cursor;
        observer.committed?.(batch, ms);
      },
    };
    const { commitEveryMs } = this.#limits;
    this.#commits = new CommitLoop({ store, partition: keys.partition, commitEveryMs, observer: this.#observer });
  }

  /** The last event stored, as far as known here. */
  get stored(): Cursor | undefined {
    return this.#stored;
  }

  /** The same once it is known to be of this very log: up to there Redis may let go. */
  get durable(): Cursor | undefined {
    return this.#durable;
  }

  /**
   * Until `signal` aborts; what has been read by then is still stored, unless the database is away.
   *
   * @throws DepthcastError `JOURNAL_DIVERGED`, or what the store says where it is beyond use.
   */
  async run(signal: AbortSignal): Promise<void> {
    let againMs = AGAIN_MS_MIN;
    while (!signal.aborted) {
      const before = this.#commits.count;
      try {
        if ((await this.#session(signal)) === 'overtaken') await this.#standBy(signal);
      } catch (error) {
        if (signal.aborted) return;
        throw error;
      }
      againMs = this.#commits.count === before ? Math.min(againMs * 2, AGAIN_MS_MAX) : AGAIN_MS_MIN;
      await sleep(againMs, undefined, { signal }).catch(() => {});
    }
  }

  async #session(signal: AbortSignal): Promise<'drained' | 'overtaken'> {
    const { keys, client } = this.#options;
    const end = new AbortController();
    const reading = AbortSignal.any([signal, end.signal]);
    const reader = new LogReader(client, keys, reading);
    const start = await this.#start(reader, signal);
    const { stored, epochs } = start;
    const pending = new PendingRows(new RowAdapter(stored), this.#limits, epochs.at(-1)?.ordinal ?? -1);
    const committing = this.#commits.run(pending, stored?.cursor ?? null, signal).finally(() => end.abort());
    // It is awaited below; until then its failure is nobody's.
    committing.catch(() => {});
    reading.addEventListener('abort', () => pending.close(), { once: true });
    try {
      await this.#read(reader, start, pending, reading);
    } catch (error) {
      if (!reading.aborted) {
        if (!isOver(error)) throw error;
        this.#observer.begunAgain?.((error as Error).message);
      }
    } finally {
      pending.close();
      await committing.catch(() => {});
    }
    return committing;
  }

  /** Waits for a log, makes sure that it is the one that is stored, and finds where reading begins. */
  async #start(reader: LogReader, signal: AbortSignal): Promise<Start> {
    const { client, keys, store } = this.#options;
    this.#durable = undefined;
    const stored = await this.#commits.position(signal);
    this.#stored = stored?.cursor;
    if (!stored) {
      // From here on nothing goes before it is stored.
      await retryReads(() => retireLog(client, keys, undefined, 0), signal);
      const first = await this.#firstOfAll(reader, signal);
      this.#observer.recording?.(undefined, 0);
      return { stored, epochs: [], first };
    }
    const { cursor } = stored;
    await this.#waitForEpoch(cursor, signal);
    const held = await reader.upTo(cursor, OVERLAP_ENTRIES_MAX);
    const compared = await this.#commits.asked(() => compareOverlap(store, keys.partition, held), signal);
    const epochs = await this.#commits.asked(() => store.epochs(keys.partition), signal);
    this.#durable = cursor;
    this.#observer.recording?.(stored, compared);
    const first = await reader.first(cursor);
    return { stored, epochs, first: first && !isNext(cursor, first) ? first : undefined };
  }

  async #firstOfAll(reader: LogReader, signal: AbortSignal): Promise<LogEntry> {
    for (;;) {
      const first = await reader.first(undefined);
      if (first) return first;
      await sleep(EMPTY_LOG_POLL_MS, undefined, { signal });
    }
  }

  /** @throws DepthcastError `JOURNAL_DIVERGED` when the log stays in an older epoch than what is stored. */
  async #waitForEpoch(stored: Cursor, signal: AbortSignal): Promise<void> {
    const { client, keys } = this.#options;
    const sinceMs = performance.now();
    for (;;) {
      const tip = await retryReads(() => readTip(client, keys), signal);
      if (!tip || tip.epoch >= stored.epoch) return;
      if (performance.now() - sinceMs >= this.#limits.olderLogMs) throw olderLog(stored, tip);
      await sleep(EMPTY_LOG_POLL_MS, undefined, { signal });
    }
  }

  /** Adds to what is pending, until something breaks the reading, or another Redis process may be answering. */
  async #read(reader: LogReader, start: Start, pending: PendingRows, signal: AbortSignal): Promise<void> {
    let after = start.stored?.cursor;
    const { first } = start;
    if (first) {
      await this.#addFirst(start, first, pending, signal);
      after = { epoch: first.epoch, offset: first.offset };
    }
    if (!after) return;
    let wasAway = false;
    const onState = (state: 'connected' | 'disconnected' | 'silent') => {
      if (state !== 'connected') wasAway = true;
      this.#observer.tail?.(state);
    };
    for await (const entries of reader.follow(after, { signal, onState })) {
      if (wasAway) {
        this.#observer.begunAgain?.('the connection to Redis was lost: what it holds is compared again');
        return;
      }
      pending.add(entries);
      await pending.room();
    }
  }

  async #addFirst(start: Start, first: LogEntry, pending: PendingRows, signal: AbortSignal): Promise<void> {
    const { stored, epochs } = start;
    const { client, keys } = this.#options;
    const known = epochs.map(({ epoch }) => epoch);
    const timeline = await Timeline.load(client, keys, signal);
    pending.bridge(bridge(stored?.cursor, first, known));
    const ordinal = timeline.ordinalOf(first.epoch) ?? 0;
    const opens = first.topic === 'epoch' && first.offset === 0;
    if (opens) pending.expectOrdinal(ordinal);
    else if (!known.includes(first.epoch)) pending.joinEpoch(first.epoch, ordinal);
    pending.add([first]);
  }

  /** Another journal was faster: it may go on alone. */
  async #standBy(signal: AbortSignal): Promise<void> {
    this.#observer.standingBy?.();
    let seen: Cursor | undefined;
    for (;;) {
      const cursor = (await this.#commits.position(signal))?.cursor;
      this.#stored = cursor;
      this.#durable = cursor;
      if (seen && cursor && cursorsEqual(seen, cursor)) return;
      seen = cursor;
      const waitMs = this.#limits.standByMs * (1 + Math.random() / 4);
      await sleep(waitMs, undefined, { signal });
    }
  }
}

/** Whether an error ends only this session. */
function isOver(error: unknown): boolean {
  return !isDefect(error) && (!isReplyError(error) || isPassing(error));
}

function isNext(cursor: Cursor, { epoch, offset }: LogEntry): boolean {
  return epoch === cursor.epoch && offset === cursor.offset + 1;
}
