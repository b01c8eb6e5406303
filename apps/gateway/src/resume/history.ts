import { LogGapError } from '@depthcast/log';
import { within } from '@depthcast/ops';
import { type Cursor, compareCursors, DepthcastError, formatCursor } from '@depthcast/protocol';
import type { HistoryPages } from './history-pages.ts';
import type { JournalLane } from './journal.ts';
import type { JournalEpochs } from './journal-epochs.ts';
import type { Pacer } from './pacer.ts';
import type { HistoryPart } from './page.ts';

export interface HistoryOptions {
  readonly redis: HistoryPages;
  /** Where there is a journal. */
  readonly journal: (JournalLane & { readonly epochs: JournalEpochs }) | undefined;
  /** What may be spent on what Redis holds; without it as much as is asked for. */
  readonly redisPacer?: Pacer | undefined;
  /** Whether the entry after a cursor is still held, when `earliest` is the first that is. */
  readonly isFollowed: (cursor: Cursor, earliest: Cursor) => boolean;
}

type Lane = NonNullable<HistoryOptions['journal']>;

export interface FoundPart extends HistoryPart {
  readonly rung: 'redis' | 'journal';
}

/** A journal that is away must not hold up who is reset for longer. */
const EARLIEST_WAIT_MS = 1_000;

/** Everything older than the window: what Redis still holds out of Redis, the rest out of the journal. */
export class History {
  readonly #options: HistoryOptions;
  /** The first entry that Redis was last seen to hold. It only moves on, so what was before it then is gone for good. */
  #redisFirst: Cursor | undefined;

  constructor(options: HistoryOptions) {
    this.#options = options;
  }

  /**
   * What follows a cursor; `undefined`: from the earliest entry that is kept anywhere. None (from `redis`) where the log
   * has nothing after it.
   *
   * @throws LogGapError, or DepthcastError `HISTORY_MISSING`, when it is kept nowhere, or is of another timeline.
   * @throws DepthcastError `HISTORY_UNAVAILABLE` when only the journal could tell, and does not.
   * @throws FlightsFullError when too many wait already.
   */
  async after(cursor: Cursor | undefined): Promise<FoundPart> {
    const { redis, journal, isFollowed } = this.#options;
    if (!journal) return await this.#redisAfter(cursor);
    if (!cursor) return this.#beginning(journal);
    if (this.#redisFirst && !isFollowed(cursor, this.#redisFirst)) return ofJournal(journal, cursor);
    try {
      return await this.#redisAfter(cursor);
    } catch (error) {
      if (!(error instanceof LogGapError)) throw error;
      const first = await redis.earliest();
      // A fork, then, and no question of what is kept.
      if (first && isFollowed(cursor, first)) throw error;
      this.#redisFirst = first;
      return ofJournal(journal, cursor);
    }
  }

  /** The earliest entry that can be told, as far as that is known within a second. */
  async earliest(): Promise<Cursor | undefined> {
    const { redis, journal } = this.#options;
    const [first, kept] = await Promise.all([
      redis.earliest(),
      journal &&
        within(
          journal.epochs.load().catch(() => undefined),
          EARLIEST_WAIT_MS,
        ),
    ]);
    return earlier(first, (kept ?? journal?.epochs.known)?.earliest);
  }

  /** Whether what follows a cursor of this timeline is kept by the journal. Rejects when the journal does not say. */
  async isKept(cursor: Cursor): Promise<boolean> {
    const earliest = (await this.#options.journal?.epochs.load())?.earliest;
    if (!earliest) return false;
    return compareCursors({ epoch: cursor.epoch, offset: cursor.offset + 1 }, earliest) >= 0;
  }

  /**
   * A slice of what is done with old entries, and its bytes: paced, so that it takes nothing from who is live.
   *
   * @param rung where they are from. What is of Redis has had its turn before it was read.
   */
  async inTurn(work: () => number, rung: FoundPart['rung'] = 'journal'): Promise<number> {
    const { journal, redisPacer } = this.#options;
    if (rung === 'redis') return redisPacer ? redisPacer.charge(work) : work();
    return journal ? await journal.pacer.run(work) : work();
  }

  /** The log may be another one now. */
  clear(): void {
    const { redis, journal } = this.#options;
    this.#redisFirst = undefined;
    redis.clear();
    journal?.pages.clear();
    journal?.epochs.clear();
  }

  async #beginning(journal: Lane): Promise<FoundPart> {
    const { redis } = this.#options;
    const [first, kept] = await Promise.all([redis.earliest(), journal.epochs.load()]);
    if (kept.earliest && !(first && compareCursors(first, kept.earliest) <= 0)) {
      const part = await ofJournal(journal, undefined);
      // The journal may have dropped more since than Redis has.
      if (!first || compareCursors(part.page.cursorAt(part.from), first) <= 0) return part;
    }
    return await this.#redisAfter(undefined);
  }

  /** The turn comes before the page, of which there would be one for each who waits for a turn. */
  async #redisAfter(cursor: Cursor | undefined): Promise<FoundPart> {
    await this.#options.redisPacer?.turn();
    return { ...(await this.#options.redis.after(cursor)), rung: 'redis' };
  }
}

async function ofJournal({ pages, epochs }: Lane, cursor: Cursor | undefined): Promise<FoundPart> {
  // Entries of an epoch that only the journal knows have no ordinals without it.
  if (!epochs.known) await epochs.load();
  const part = await pages.after(cursor);
  if (part.from < part.to) return { ...part, rung: 'journal' };
  const place = cursor ? formatCursor(cursor) : 'the beginning';
  throw new DepthcastError('HISTORY_UNAVAILABLE', `the journal has nothing after ${place} yet, and Redis no longer`);
}

function earlier(a: Cursor | undefined, b: Cursor | undefined): Cursor | undefined {
  return a && b ? (compareCursors(a, b) <= 0 ? a : b) : (a ?? b);
}
