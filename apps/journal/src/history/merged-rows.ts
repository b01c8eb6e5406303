import type { ReadRow } from '../stores/journal-store.ts';
import type { Pages } from './answers.ts';

/**
 * The rows of several partitions as one sequence: of those that are next in each the oldest, by event time; of equal ones
 * the first partition's.
 *
 * Which row comes next depends on nothing but how far each partition has been read. So whoever goes on later with a cursor
 * of each loses nothing and gets nothing twice, wherever the first part ended.
 *
 * @param partitions the rows of each, in its log's order; each is held by a page.
 */
export async function* mergedRows(partitions: readonly Pages[]): Pages {
  const all = partitions.map((pages) => new Head(pages));
  try {
    // One after the other: the database has few readers, and others wait for them too.
    for (const head of all) await head.load();
    let rows: ReadRow[] = [];
    for (let head = oldest(all); head; head = oldest(all)) {
      rows.push(head.take());
      if (head.row) continue;
      yield rows;
      rows = [];
      await head.load();
    }
  } finally {
    await Promise.all(all.map((head) => head.end()));
  }
}

/** Where one partition stands. */
class Head {
  /** Of the next row; infinite where there is none. */
  tsUs = Number.POSITIVE_INFINITY;
  row: ReadRow | undefined;
  readonly #pages: AsyncIterator<readonly ReadRow[]>;
  #page: readonly ReadRow[] = [];
  #next = 0;

  constructor(pages: Pages) {
    this.#pages = pages[Symbol.asyncIterator]();
  }

  async load(): Promise<void> {
    this.#next = 0;
    do {
      const { value, done } = await this.#pages.next();
      this.#page = done ? [] : value;
      if (done) break;
    } while (this.#page.length === 0);
    this.#show();
  }

  take(): ReadRow {
    const { row } = this;
    this.#next++;
    this.#show();
    return row as ReadRow;
  }

  async end(): Promise<void> {
    await this.#pages.return?.();
  }

  #show(): void {
    this.row = this.#page[this.#next];
    this.tsUs = this.row?.tsUs ?? Number.POSITIVE_INFINITY;
  }
}

function oldest(heads: readonly Head[]): Head | undefined {
  let found: Head | undefined;
  for (const head of heads) if (head.row && (!found || head.tsUs < found.tsUs)) found = head;
  return found;
}
