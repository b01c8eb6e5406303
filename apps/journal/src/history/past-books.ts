import { BOOK_EVENT_TYPES, type BookReplica } from '@depthcast/book';
import {
  type BookStatus,
  type Cursor,
  compareCursors,
  DepthcastError,
  formatCursor,
  partitionOf,
  successor,
} from '@depthcast/protocol';
import { Inject, Injectable } from '@nestjs/common';
import type { EventQuery, ReadRow } from '../stores/journal-store.ts';
import { PARTITIONS } from '../tokens.ts';
import { BookRebuilder, REBUILD_TYPES } from './book-rebuilder.ts';
import { HISTORY, type HistorySource } from './history-source.ts';

const PAGE_ROWS = 5_000;
const WHOLE_TYPES = ['book_snapshot', 'book_orders'];

/** Where the rebuilding of a book begins. */
interface Start {
  /** The whole book that it begins with. */
  readonly whole: Cursor | undefined;
  /** Exclusive; undefined: with the first event that is kept. */
  readonly after: Cursor | undefined;
  /** Nothing has been before. */
  readonly knowsAll: boolean;
}

/** Books as of any moment that is kept: the last whole book before it, and every change from there. */
@Injectable()
export class PastBooks {
  readonly #history: HistorySource;
  readonly #partitions: number;

  constructor(@Inject(HISTORY) history: HistorySource, @Inject(PARTITIONS) partitions: number) {
    this.#history = history;
    this.#partitions = partitions;
  }

  /**
   * A symbol's book after an event of its partition's log.
   *
   * @throws DepthcastError `HISTORY_MISSING` where what it is made of is not kept.
   * @throws Error when a checksum shows that the rebuilt book is not what the engine's was.
   */
  async asOf(symbol: string, at: Cursor): Promise<BookReplica> {
    const partition = this.#partitionOf(symbol);
    await this.#checkKept(partition, at);
    const start = await this.#start(partition, symbol, at);
    const rebuilder = new BookRebuilder(symbol, start.knowsAll);
    if (start.whole) await this.#recall(symbol, start.whole, rebuilder);
    const query = { symbols: [symbol], types: REBUILD_TYPES, before: successor(at), partition };
    const all = start.after ? { ...query, after: start.after } : query;
    for await (const page of this.#history.events(all, PAGE_ROWS)) {
      for (const row of page) {
        const wrong = rebuilder.apply(row);
        if (wrong !== undefined) throw new Error(`history of ${symbol} at ${formatCursor(row)}: ${wrong}`);
      }
    }
    const { replica } = rebuilder;
    if (!replica.book) throw missing(`no whole book of ${symbol} is kept before ${formatCursor(at)}`);
    replica.storedPrice = await this.#price(symbol, at);
    return replica;
  }

  /**
   * The last event of a symbol's book that is not after a time.
   *
   * @param tsUs undefined: the last there is.
   * @throws DepthcastError `HISTORY_MISSING`
   */
  async lastChange(symbol: string, tsUs: number | undefined): Promise<Cursor> {
    const until = tsUs === undefined ? {} : { toUs: tsUs + 1 };
    const row = await this.#newest(symbol, { types: BOOK_EVENT_TYPES, ...until });
    if (!row) throw missing(`no book of ${symbol} is kept from then`);
    return { epoch: row.epoch, offset: row.offset };
  }

  /** Whether the timeline that is kept goes through an event. */
  async #checkKept(partition: number, at: Cursor): Promise<void> {
    const [partitions, epochs] = await Promise.all([this.#history.partitions(), this.#history.epochs(partition)]);
    const kept = partitions.find((summary) => summary.partition === partition);
    const tail = kept?.position.cursor;
    if (!tail || compareCursors(at, tail) > 0) {
      throw missing(`${formatCursor(at)} is not stored yet: history ends at ${tail ? formatCursor(tail) : 'nothing'}`);
    }
    const lost = epochs.find(({ previousTail: end }) => end?.epoch === at.epoch && at.offset > end.offset);
    const rows = {
      after: { epoch: at.epoch, offset: at.offset - 1 },
      before: successor(at),
      everyAccount: true,
    } as const;
    // Before the earliest, single updates may have been dropped, of which no book is made.
    const isAmongAll = kept.earliest && compareCursors(at, kept.earliest) >= 0;
    if (lost || (isAmongAll && !(await this.#newestIn(partition, rows)))) {
      throw missing(`${formatCursor(at)} is no event of the log as it went on`);
    }
  }

  async #start(partition: number, symbol: string, at: Cursor): Promise<Start> {
    const holes = await this.#history.holes(partition);
    const hole = holes.filter(({ next }) => compareCursors(next, at) <= 0).at(-1)?.next;
    const whole = await this.#newest(symbol, { types: WHOLE_TYPES, before: successor(at) });
    if (whole && (!hole || compareCursors(whole, hole) >= 0)) {
      return { whole: { epoch: whole.epoch, offset: whole.offset }, after: before(whole), knowsAll: false };
    }
    return {
      whole: undefined,
      after: hole && before(hole),
      knowsAll: !hole && (await this.#isFromTheBeginning(partition)),
    };
  }

  async #isFromTheBeginning(partition: number): Promise<boolean> {
    const [partitions, [first]] = await Promise.all([this.#history.partitions(), this.#history.epochs(partition)]);
    const earliest = partitions.find((summary) => summary.partition === partition)?.earliest;
    return first?.previousTail === null && earliest?.epoch === first.epoch && earliest.offset === 0;
  }

  /** What is known of a symbol beside its book, as of a whole one. */
  async #recall(symbol: string, whole: Cursor, rebuilder: BookRebuilder): Promise<void> {
    const [defined, status] = await Promise.all([
      this.#newest(symbol, { types: ['symbol'], before: whole }),
      this.#newest(symbol, { types: ['book_status'], before: whole }),
    ]);
    if (defined) rebuilder.apply(defined);
    if (status) rebuilder.replica.status = (JSON.parse(status.payload) as { status: BookStatus }).status;
  }

  #partitionOf(symbol: string): number {
    return partitionOf(symbol, this.#partitions);
  }

  async #price(symbol: string, at: Cursor): Promise<string | undefined> {
    const row = await this.#newest(symbol, { types: ['market'], before: successor(at) });
    return row && /"price":([^,}]+)/.exec(row.payload)?.[1];
  }

  #newest(symbol: string, query: EventQuery): Promise<ReadRow | undefined> {
    return this.#newestIn(this.#partitionOf(symbol), { ...query, symbols: [symbol] });
  }

  async #newestIn(partition: number, query: EventQuery): Promise<ReadRow | undefined> {
    const pages = this.#history.events({ ...query, partition, newestFirst: true, limit: 1 });
    for await (const [row] of pages) return row;
    return undefined;
  }
}

function before(cursor: Cursor): Cursor {
  return { epoch: cursor.epoch, offset: cursor.offset - 1 };
}

function missing(message: string): DepthcastError {
  return new DepthcastError('HISTORY_MISSING', message);
}
