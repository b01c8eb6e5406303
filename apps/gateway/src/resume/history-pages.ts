import { type Cursor, formatCursor } from '@depthcast/protocol';
import { Segment } from '../fanout/segment.ts';
import type { TopicTable } from '../fanout/topics.ts';
import { Window } from '../fanout/window.ts';
import type { LogSource } from '../tail/log-source.ts';

const PAGE_ENTRIES = 512;
const CACHE_BYTES_MAX = 16 << 20;
const EARLIEST_WAIT_MS = 1_000;

export interface HistoryOptions {
  readonly source: LogSource;
  readonly topics: TopicTable;
  readonly ordinalOf: (epoch: number) => number;
}

/**
 * Entries older than the window, out of Redis, encoded as the window's are. Pages end on multiples of 512 offsets,
 * so that sessions which begin anywhere soon ask for the same pages; each is read once for all who ask, and the last
 * few are kept.
 */
export class HistoryPages {
  readonly #options: HistoryOptions;
  readonly #flights = new Map<string, Promise<Window>>();
  readonly #pages = new Map<string, Window>();
  #bytes = 0;
  #earliest: Promise<Cursor | undefined> | undefined;

  constructor(options: HistoryOptions) {
    this.#options = options;
  }

  /** The earliest entry that Redis holds; `undefined` when it does not say within a second. */
  async earliest(): Promise<Cursor | undefined> {
    this.#earliest ??= this.#options.source.earliest().finally(() => {
      this.#earliest = undefined;
    });
    let timer: NodeJS.Timeout | undefined;
    const bound = new Promise<undefined>((resolve) => {
      timer = setTimeout(resolve, EARLIEST_WAIT_MS, undefined);
    });
    return Promise.race([this.#earliest.catch(() => undefined), bound]).finally(() => clearTimeout(timer));
  }

  /**
   * What follows a cursor, as a window of its own; empty where Redis has nothing after it. `undefined`: from the
   * earliest entry held.
   *
   * @throws LogGapError when what follows is no longer held, or is of another timeline.
   */
  after(cursor: Cursor | undefined): Promise<Window> {
    const key = cursor ? formatCursor(cursor) : 'earliest';
    const page = cursor && this.#pages.get(key);
    if (page) return Promise.resolve(page);
    const known = this.#flights.get(key);
    if (known) return known;
    const flight = this.#read(cursor, key).finally(() => this.#flights.delete(key));
    this.#flights.set(key, flight);
    return flight;
  }

  /** The log may be another one now. */
  clear(): void {
    this.#pages.clear();
    this.#bytes = 0;
  }

  async #read(cursor: Cursor | undefined, key: string): Promise<Window> {
    const { source, topics, ordinalOf } = this.#options;
    const countMax = cursor ? PAGE_ENTRIES - ((cursor.offset + 1) % PAGE_ENTRIES) : PAGE_ENTRIES;
    const entries = await source.range(cursor, countMax);
    const rows = entries.map((entry) => ({ entry, topic: topics.intern(entry.topic) }));
    const bytes = rows.reduce((sum, { entry, topic }) => sum + Segment.frameBytesMax(topic, entry.payload.length), 0);
    const page = new Window({
      bytesMax: Number.POSITIVE_INFINITY,
      entriesMax: Number.POSITIVE_INFINITY,
      segmentBytes: bytes,
    });
    for (const { entry, topic } of rows) {
      page.append(entry.epoch, ordinalOf(entry.epoch), entry.offset, topic, entry.payload);
    }
    // Where the earliest entry is changes with every trim.
    if (cursor && entries.length > 0) this.#keep(key, page);
    return page;
  }

  #keep(key: string, page: Window): void {
    this.#pages.set(key, page);
    this.#bytes += page.bytes;
    for (const [oldest, value] of this.#pages) {
      if (this.#bytes <= CACHE_BYTES_MAX || oldest === key) break;
      this.#pages.delete(oldest);
      this.#bytes -= value.bytes;
    }
  }
}
