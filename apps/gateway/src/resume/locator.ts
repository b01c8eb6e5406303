import type { Timeline } from '@depthcast/log';
import {
  type Cursor,
  compareCursors,
  type ResetReason,
  tryParseCursor,
  tryParseIntegerCursor,
} from '@depthcast/protocol';
import type { Window } from '../fanout/window.ts';
import type { LogSource } from '../tail/log-source.ts';
import type { CursorWaiters } from '../tail/waiters.ts';
import type { JournalEpochs } from './journal-epochs.ts';

/** A cursor as a client gave it. */
export interface ResumeRequest {
  readonly text: string;
  /** From `Last-Event-ID`, so an id we have sent; `?last_id=0` on the other hand asks for the log's beginning. */
  readonly fromHeader: boolean;
}

export type Located =
  /** On this timeline and not beyond its end. Whether what follows is still kept, reading will tell. */
  | { readonly kind: 'held'; readonly cursor: Cursor }
  | { readonly kind: 'beginning' }
  /** On this timeline, but too old. */
  | { readonly kind: 'trimmed' }
  | { readonly kind: 'lost'; readonly reason: Exclude<ResetReason, 'trimmed'> };

export interface LocatorOptions {
  readonly window: Window;
  readonly source: LogSource;
  readonly waiters: CursorWaiters;
  readonly timeline: () => Timeline;
  /** Where there is a journal: epochs that have left Redis. */
  readonly journal?: JournalEpochs | undefined;
  /** A timeline was read: newer than what the tail has seen, or older, when the tail was faster. */
  readonly onTimeline: (timeline: Timeline) => void;
  /** How long our tail may take to reach what Redis already has. */
  readonly aheadWaitMs?: number;
}

const AHEAD_WAIT_MS = 5_000;

/**
 * Tells what a client's cursor is worth. The window answers most at once; what it does not know costs Redis, and what
 * Redis does not know any more the journal.
 *
 * Both calls reject with `HISTORY_UNAVAILABLE` when only the journal could tell, and does not.
 */
export class CursorLocator {
  readonly #options: LocatorOptions;
  #loading: Promise<Timeline> | undefined;

  constructor(options: LocatorOptions) {
    this.#options = options;
  }

  async locate(request: ResumeRequest): Promise<Located> {
    const parsed = await this.#parse(request);
    return 'kind' in parsed ? parsed : this.locateCursor(parsed);
  }

  async locateCursor(cursor: Cursor): Promise<Located> {
    const { window, source, waiters } = this.#options;
    if (window.positionAfter(cursor) !== undefined) return { kind: 'held', cursor };
    const early = await this.#byEpoch(cursor);
    if (early !== 'held') return asLocated(early);
    const { tail } = window;
    if (tail && compareCursors(cursor, tail) <= 0) return { kind: 'held', cursor };
    // Another gateway may have been faster than this one.
    const tip = await source.tip();
    if (!tip || compareCursors(cursor, tip) > 0) return { kind: 'lost', reason: 'ahead' };
    // The tail may have come there while Redis was asked, and nothing need come after it.
    const isReached = window.tail !== undefined && compareCursors(cursor, window.tail) <= 0;
    if (!isReached && !(await waiters.wait(cursor, this.#options.aheadWaitMs ?? AHEAD_WAIT_MS)))
      return { kind: 'lost', reason: 'ahead' };
    const late = await this.#byEpoch(cursor);
    return late === 'held' ? { kind: 'held', cursor } : asLocated(late);
  }

  /** Whether the entry after a cursor of this timeline is still held, when `earliest` is the first that is. */
  isFollowed(cursor: Cursor, earliest: Cursor): boolean {
    if (cursor.epoch > earliest.epoch) return true;
    if (cursor.epoch < earliest.epoch) {
      // An epoch's first entry follows only the end of the one before, and only beyond that end there is a fork.
      const timeline = this.#options.timeline();
      const ordinal = timeline.ordinalOf(earliest.epoch);
      if (earliest.offset > 0 || ordinal === undefined || timeline.epochOf(ordinal - 1) !== cursor.epoch) return false;
      return timeline.locate({ epoch: cursor.epoch, offset: cursor.offset + 1 }) === 'forked';
    }
    return cursor.offset + 1 >= earliest.offset;
  }

  async #byEpoch(cursor: Cursor): Promise<ReturnType<Timeline['locate']>> {
    const known = this.#options.timeline().locate(cursor);
    // An epoch we do not know may have been opened a moment ago.
    const near = known === 'unknown' ? (await this.#reload()).locate(cursor) : known;
    const { journal } = this.#options;
    if (near !== 'trimmed' || !journal) return near;
    const far = journal.known?.timeline.locate(cursor);
    return far === 'held' || far === 'forked' ? far : (await journal.load()).timeline.locate(cursor);
  }

  async #parse({ text, fromHeader }: ResumeRequest): Promise<Cursor | Located> {
    const cursor = tryParseCursor(text);
    if (cursor) return cursor;
    const integer = tryParseIntegerCursor(text);
    if (!integer) return { kind: 'lost', reason: 'unknown' };
    const { ordinal, offset } = integer;
    if (!fromHeader && ordinal === 0 && offset === 0) return { kind: 'beginning' };
    let timeline = this.#options.timeline();
    if (ordinal > (timeline.current?.ordinal ?? -1)) timeline = await this.#reload();
    const epoch = timeline.epochOf(ordinal) ?? (await this.#epochInJournal(ordinal));
    if (epoch !== undefined) return { epoch, offset };
    return ordinal > (timeline.current?.ordinal ?? -1) ? { kind: 'lost', reason: 'ahead' } : { kind: 'trimmed' };
  }

  async #epochInJournal(ordinal: number): Promise<number | undefined> {
    const { journal } = this.#options;
    return journal?.known?.timeline.epochOf(ordinal) ?? (await journal?.load())?.timeline.epochOf(ordinal);
  }

  /** One reading for all who ask at once. One that had begun before we asked may be too old, so it is waited out. */
  async #reload(): Promise<Timeline> {
    if (this.#loading) await this.#loading.catch(() => {});
    this.#loading ??= this.#options.source.timeline().finally(() => {
      this.#loading = undefined;
    });
    this.#options.onTimeline(await this.#loading);
    // The tail may have come further while this was read.
    return this.#options.timeline();
  }
}

function asLocated(where: 'forked' | 'trimmed' | 'unknown'): Located {
  return where === 'trimmed' ? { kind: 'trimmed' } : { kind: 'lost', reason: where };
}
