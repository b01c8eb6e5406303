import { LogGapError } from '@depthcast/log';
import { type Cursor, DepthcastError } from '@depthcast/protocol';
import type { Window } from '../fanout/window.ts';
import { Flights } from './flights.ts';
import type { JournalSource } from './journal-source.ts';
import type { Pacer } from './pacer.ts';
import { appendRows, frameBytesOf, type HistoryPart, newPage, PageCache, type PageOptions, rowsOf } from './page.ts';

export interface JournalPagesOptions extends PageOptions {
  readonly source: Pick<JournalSource, 'page'>;
  /** Of decoding and encoding. */
  readonly pacer: Pacer;
  /** What one write to a client takes of a page, and what is encoded of it in one go. */
  readonly partBytes: number;
  /** Readings of the journal at once. */
  readonly readingsMax: number;
  /** Of the time, for the journal's part of each of them: it may share its cores with all that is live. */
  readonly readingShare: number;
  /** A cursor beyond what its epoch ended with: the journal may not have heard yet that Redis has lost it. */
  readonly isForked: (cursor: Cursor) => boolean;
}

const BLOCK_ENTRIES = 4_096;
const CACHE_BYTES_MAX = 48 << 20;
const READINGS_QUEUED_MAX = 1_024;

/**
 * Entries that have left Redis, out of the journal, encoded as the window's are. They are asked for in blocks of 4,096
 * offsets, whatever cursor asks, so that any number of returning clients cost one request a block; a block that is too
 * large comes in several pages. The next page is asked for while one is being sent. The last few are kept.
 */
export class JournalPages {
  readonly #options: JournalPagesOptions;
  readonly #flights: Flights<Window>;
  readonly #pages = new PageCache(CACHE_BYTES_MAX);
  /** Rises with each {@link clear}: what was asked for before it is not kept after it. */
  #generation = 0;

  constructor(options: JournalPagesOptions) {
    this.#options = options;
    this.#flights = new Flights({ activeMax: options.readingsMax, queuedMax: READINGS_QUEUED_MAX });
  }

  /**
   * What follows a cursor; nothing where the journal has nothing after it yet. `undefined`: from the earliest entry kept.
   *
   * @throws DepthcastError `HISTORY_MISSING`, `HISTORY_UNAVAILABLE`
   * @throws LogGapError when the cursor, or what follows it, is of a timeline that is no more.
   * @throws FlightsFullError when too many wait already.
   */
  async after(cursor: Cursor | undefined): Promise<HistoryPart> {
    if (!cursor) {
      const page = await this.#flights.run('earliest', (hold) => this.#read(undefined, BLOCK_ENTRIES, hold));
      return this.#part(page, page.first);
    }
    const { epoch } = cursor;
    const wanted = cursor.offset + 1;
    for (let first = blockStart(wanted); ; ) {
      let page: Window;
      try {
        page = await this.#page(epoch, first);
      } catch (error) {
        // The beginning of the block may be gone, and the rest of it not.
        if (!isMissing(error) || first === wanted) throw error;
        first = wanted;
        continue;
      }
      const from = page.positionAfter(cursor);
      if (from !== undefined && (from < page.end || first === wanted)) return this.#part(page, from, cursor);
      const { tail } = page;
      if (!tail || tail.epoch !== epoch || tail.offset > cursor.offset) throw new LogGapError(cursor, page.earliest);
      // It ended before the cursor, or with it: cut, where the journal ended, or with its epoch.
      if (tail.offset < first) return { page, from: page.end, to: page.end };
      first = tail.offset + 1;
    }
  }

  /** The log may be another one now. */
  clear(): void {
    this.#generation++;
    this.#flights.clear();
    this.#pages.clear();
  }

  /** The page whose first entry is an epoch's at `first`, up to the end of its block at most. */
  async #page(epoch: number, first: number): Promise<Window> {
    const key = `${epoch}/${first}`;
    const kept = this.#pages.get(key);
    if (kept) return kept;
    const generation = this.#generation;
    const count = BLOCK_ENTRIES - (first % BLOCK_ENTRIES);
    return this.#flights.run(key, async (hold) => {
      const page = await this.#read({ epoch, offset: first - 1 }, count, hold);
      if (page.first < page.end && generation === this.#generation) this.#pages.set(key, page);
      return page;
    });
  }

  async #read(after: Cursor | undefined, countMax: number, hold: (untilMs: number) => void): Promise<Window> {
    const { source, pacer, partBytes, readingShare } = this.#options;
    const startMs = performance.now();
    const slices = (await source.page(after, countMax))[Symbol.iterator]();
    const endMs = performance.now();
    // While we decode, and send, the journal rests.
    hold(endMs + (endMs - startMs) * (1 / readingShare - 1));
    const page = newPage(after, partBytes);
    let isDone = false;
    const appendSlice = (): number => {
      const { value, done } = slices.next();
      isDone = done === true;
      if (done) return 0;
      const rows = rowsOf(value, this.#options);
      appendRows(page, rows);
      if (rows.length < value.length && !after && page.first === page.end)
        throw new Error('the journal begins in an unknown epoch');
      isDone = rows.length < value.length;
      return frameBytesOf(rows);
    };
    while (!isDone) await pacer.run(appendSlice);
    return page;
  }

  #part(page: Window, from: number, cursor?: Cursor): HistoryPart {
    if (from === page.end) return { page, from, to: from };
    const { isForked } = this.#options;
    let to = page.segmentAt(from).endPosition;
    while (to > from && isForked(page.cursorAt(to - 1))) to--;
    if (to === from && cursor) throw new LogGapError(cursor, undefined);
    this.#ahead(page.tail as Cursor);
    return { page, from, to };
  }

  /** Asks for what comes after a page, where nobody has to wait for that: it will be wanted next. */
  #ahead({ epoch, offset }: Cursor): void {
    if (!this.#flights.hasRoom || this.#pages.has(`${epoch}/${offset + 1}`)) return;
    // Who wants it will ask again, and hear what is wrong.
    this.#page(epoch, offset + 1).catch(() => {});
  }
}

/** The first offset of an offset's block. An epoch's first entry is in the last block of the epoch before. */
function blockStart(offset: number): number {
  return Math.max(1, offset - (offset % BLOCK_ENTRIES));
}

function isMissing(error: unknown): boolean {
  return error instanceof DepthcastError && error.code === 'HISTORY_MISSING';
}
