import type { LogEntry } from '@depthcast/log';
import type { Cursor } from '@depthcast/protocol';
import { Segment } from '../fanout/segment.ts';
import type { Topic, TopicTable } from '../fanout/topics.ts';
import { Window } from '../fanout/window.ts';

/** What follows a cursor: the entries of a page at the positions `from` to `to - 1`. At the page's end there are none. */
export interface HistoryPart {
  readonly page: Window;
  readonly from: number;
  readonly to: number;
}

export interface PageOptions {
  readonly topics: TopicTable;
  /** `undefined`: an epoch that is not on this timeline. */
  readonly ordinalOf: (epoch: number) => number | undefined;
}

/** An entry as it goes into a page. */
export interface PageRow {
  readonly entry: LogEntry;
  readonly topic: Topic;
  readonly ordinal: number;
}

/** The entries before the first whose epoch our tail has not met: until it has, they have no integer ids. */
export function rowsOf(entries: readonly LogEntry[], { topics, ordinalOf }: PageOptions): PageRow[] {
  const rows: PageRow[] = [];
  let ordinal: number | undefined;
  let epoch = -1;
  for (const entry of entries) {
    if (entry.epoch !== epoch) {
      epoch = entry.epoch;
      ordinal = ordinalOf(epoch);
    }
    if (ordinal === undefined) break;
    rows.push({ entry, topic: topics.of(entry.topic, entry.payload), ordinal });
  }
  return rows;
}

/** What the frames of rows take at most. */
export function frameBytesOf(rows: readonly PageRow[]): number {
  return rows.reduce((sum, { entry, topic }) => sum + Segment.frameBytesMax(topic, entry.payload.length), 0);
}

/** A page that begins after a cursor and has nothing in it yet. */
export function newPage(after: Cursor | undefined, segmentBytes: number): Window {
  const page = new Window({
    bytesMax: Number.POSITIVE_INFINITY,
    entriesMax: Number.POSITIVE_INFINITY,
    segmentBytes,
  });
  if (after) page.restart(after);
  return page;
}

export function appendRows(page: Window, rows: readonly PageRow[]): void {
  for (const { entry, topic, ordinal } of rows) {
    page.append(entry.epoch, ordinal, entry.offset, topic, entry.payload);
  }
}

/** Pages by name, those used last, up to a bound of their memory. */
export class PageCache {
  readonly #bytesMax: number;
  readonly #pages = new Map<string, Window>();
  #bytes = 0;

  constructor(bytesMax: number) {
    this.#bytesMax = bytesMax;
  }

  has(key: string): boolean {
    return this.#pages.has(key);
  }

  get(key: string): Window | undefined {
    const page = this.#pages.get(key);
    if (!page) return undefined;
    this.#pages.delete(key);
    this.#pages.set(key, page);
    return page;
  }

  set(key: string, page: Window): void {
    this.#bytes += page.bytes - (this.#pages.get(key)?.bytes ?? 0);
    this.#pages.delete(key);
    this.#pages.set(key, page);
    for (const [oldest, value] of this.#pages) {
      if (this.#bytes <= this.#bytesMax || oldest === key) break;
      this.#pages.delete(oldest);
      this.#bytes -= value.bytes;
    }
  }

  clear(): void {
    this.#pages.clear();
    this.#bytes = 0;
  }
}
