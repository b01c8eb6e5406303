import { LogGapError } from '@depthcast/log';
import { within } from '@depthcast/ops';
import { type Cursor, compareCursors, formatCursor } from '@depthcast/protocol';
import type { Window } from '../fanout/window.ts';
import type { LogSource } from '../tail/log-source.ts';
import { type FlightLimits, Flights } from './flights.ts';
import { appendRows, frameBytesOf, type HistoryPart, newPage, PageCache, type PageOptions, rowsOf } from './page.ts';

const PAGE_ENTRIES = 512;
const CACHE_BYTES_MAX = 16 << 20;
const EARLIEST_WAIT_MS = 1_000;
/** In line: more distinct blocks than there are in a log of the default 512 MiB. */
const FLIGHTS: FlightLimits = { activeMax: 4, queuedMax: 4_096 };
/** Times that a block is asked for again because it was trimmed under the reader. */
const TRIMMED_RETRIES_MAX = 3;

export interface HistoryOptions extends PageOptions {
  readonly source: LogSource;
}

/**
 * Entries older than the window, out of Redis, encoded as the window's are. They are read in blocks of 512 offsets,
 * whatever cursor asks, because those of sparse subscriptions are nearly all different: any number of returning
 * clients cost one read a block. The last few blocks are kept.
 */
export class HistoryPages {
  readonly #options: HistoryOptions;
  readonly #flights = new Flights<Window>(FLIGHTS);
  readonly #pages = new PageCache(CACHE_BYTES_MAX);
  /** Rises with each {@link clear}: what was asked for before it is not kept after it. */
  #generation = 0;
  #earliest: Promise<Cursor | undefined> | undefined;

  constructor(options: HistoryOptions) {
    this.#options = options;
  }

  /** The earliest entry that Redis holds; `undefined` when it does not say within a second. */
  async earliest(): Promise<Cursor | undefined> {
    this.#earliest ??= this.#options.source.earliest().finally(() => {
      this.#earliest = undefined;
    });
    return within(
      this.#earliest.catch(() => undefined),
      EARLIEST_WAIT_MS,
    );
  }

  /**
   * What follows a cursor; none where Redis has nothing after it that our tail knows the epoch of. `undefined`: from
   * the earliest entry held.
   *
   * @throws LogGapError when what follows is no longer held, or is of another timeline.
   * @throws FlightsFullError when too many wait already.
   */
  async after(cursor: Cursor | undefined): Promise<HistoryPart> {
    if (!cursor) return whole(await this.#flights.run('earliest', () => this.#read(undefined, PAGE_ENTRIES)));
    const block = Math.floor((cursor.offset + 1) / PAGE_ENTRIES);
    const key = `${cursor.epoch}/${block}`;
    const kept = this.#pages.get(key);
    const from = kept?.positionAfter(cursor);
    // One that ended where the log did may have grown.
    if (kept && from !== undefined && from < kept.end) return { page: kept, from, to: kept.end };
    try {
      return partAfter(cursor, await this.#flights.run(key, () => this.#readBlock(cursor.epoch, block, key)));
    } catch (error) {
      // The log begins with an epoch now, and the one cursor that it follows may be ours.
      if (!(error instanceof LogGapError) || error.got?.offset !== 0) throw error;
      return whole(await this.#flights.run(formatCursor(cursor), () => this.#read(cursor, PAGE_ENTRIES)));
    }
  }

  /** The log may be another one now. */
  clear(): void {
    this.#generation++;
    this.#flights.clear();
    this.#pages.clear();
  }

  /** A block of an epoch's offsets; without what is trimmed of it, with the next epoch's first where this one ends. */
  async #readBlock(epoch: number, block: number, key: string): Promise<Window> {
    const generation = this.#generation;
    const end = (block + 1) * PAGE_ENTRIES;
    // An epoch's first entry follows one of another epoch, and so is in that one's last block.
    let after: Cursor = { epoch, offset: Math.max(0, block * PAGE_ENTRIES - 1) };
    for (let attempt = 0; ; attempt++) {
      try {
        const page = await this.#read(after, end - 1 - after.offset);
        if (page.first < page.end && generation === this.#generation) this.#pages.set(key, page);
        return page;
      } catch (error) {
        const got = error instanceof LogGapError ? error.got : undefined;
        const isRestHeld = got?.epoch === epoch && got.offset > after.offset && got.offset < end;
        if (!isRestHeld || attempt >= TRIMMED_RETRIES_MAX) throw error;
        after = { epoch, offset: got.offset - 1 };
      }
    }
  }

  async #read(after: Cursor | undefined, countMax: number): Promise<Window> {
    const entries = await this.#options.source.range(after, countMax);
    const rows = rowsOf(entries, this.#options);
    // Nothing at all would mean that the log is empty, and move the session ahead.
    if (!after && entries.length > rows.length && rows.length === 0)
      throw new Error('the log begins in an unknown epoch');
    const page = newPage(after, frameBytesOf(rows));
    appendRows(page, rows);
    return page;
  }
}

function whole(page: Window): HistoryPart {
  return { page, from: page.first, to: page.end };
}

/** @throws LogGapError when the page neither holds nor leads up to the cursor. */
function partAfter(cursor: Cursor, page: Window): HistoryPart {
  const from = page.positionAfter(cursor);
  if (from !== undefined) return { page, from, to: page.end };
  // Redis has lost its end: its writer gives it again, or opens an epoch that shows the fork.
  if (page.tail && compareCursors(page.tail, cursor) < 0) return { page, from: page.end, to: page.end };
  throw new LogGapError(cursor, page.earliest);
}
