import { previousTailOf } from '@depthcast/log';
import { type Cursor, compareCursors, cursorsEqual, formatCursor } from '@depthcast/protocol';
import { BookRebuilder, REBUILD_TYPES } from '../history/book-rebuilder.ts';
import type { EpochRecord, HoleRecord, ReadRow } from '../stores/journal-store.ts';

export interface ProofOptions {
  /** In the log's order. */
  readonly holes: readonly HoleRecord[];
  readonly epochs: readonly EpochRecord[];
  /** From here on nothing may be missing but what holes name. */
  readonly earliest: Cursor | null;
  /** How many BBO updates retention has dropped from between others. */
  readonly droppedItems: number;
}

const PROBLEMS_KEPT_MAX = 100;
const BOOK_TYPES = new Set<string>(REBUILD_TYPES);

/** One partition's rows, proven one after the other as they come in the log's order. */
export class PartitionProof {
  readonly #options: ProofOptions;
  readonly #books = new Map<string, BookRebuilder>();
  /** The last entry that was seen. */
  #last: Cursor | undefined;
  /** Whether the first entry of all began an empty log, so that every book is known from its beginning. */
  #knowsAll = false;
  rows = 0;
  epochs = 0;
  holes = 0;
  dropped = 0;
  snapshots = 0;
  checksums = 0;
  problemCount = 0;
  readonly problems: string[] = [];

  constructor(options: ProofOptions) {
    this.#options = options;
  }

  add(row: ReadRow): void {
    this.rows++;
    this.#place(row);
    this.#last = { epoch: row.epoch, offset: row.offset };
    if (row.symbol !== null && BOOK_TYPES.has(row.type)) this.#book(row, row.symbol);
  }

  /** @param tail where the partition stands. */
  end(tail: Cursor): void {
    const { earliest, droppedItems } = this.#options;
    if (this.#last && !cursorsEqual(this.#last, tail)) {
      this.#problem(`the last entry is ${formatCursor(this.#last)}, the cursor says ${formatCursor(tail)}`);
    }
    if (this.rows === 0 && earliest) this.#problem(`there is no entry, though ${formatCursor(earliest)} is kept`);
    if (this.dropped > droppedItems) {
      this.#problem(`${this.dropped} entries are missing from between others, ${droppedItems} were dropped`);
    }
  }

  /** Whether an entry may stand behind the one before it. */
  #place(row: ReadRow): void {
    const last = this.#last;
    if (row.type === 'epoch' && row.offset === 0) this.epochs++;
    if (!last) {
      this.#knowsAll = row.type === 'epoch' && row.offset === 0 && tailOf(row) === undefined;
      return;
    }
    if (compareCursors(row, last) <= 0) {
      this.#problem(`${formatCursor(row)} comes after ${formatCursor(last)}`);
      return;
    }
    if (row.epoch === last.epoch && row.offset === last.offset + 1) return;
    if (row.epoch !== last.epoch && this.#isLinked(last, row)) return;
    this.#missing(last, row);
  }

  /** A new epoch says itself what it follows, and the table of epochs must say the same. */
  #isLinked(last: Cursor, row: ReadRow): boolean {
    if (row.type !== 'epoch' || row.offset !== 0) return false;
    const tail = tailOf(row);
    const record = this.#options.epochs.find(({ epoch }) => epoch === row.epoch);
    const recorded = record?.previousTail ?? undefined;
    if (!record) this.#problem(`epoch ${row.epoch} is not among the epochs`);
    else if (tail && recorded ? !cursorsEqual(tail, recorded) : tail !== recorded) {
      this.#problem(`epoch ${row.epoch} is recorded as following another entry than it says`);
    }
    return tail !== undefined && cursorsEqual(tail, last);
  }

  #missing(last: Cursor, row: ReadRow): void {
    const { holes, earliest } = this.#options;
    const between = holes.filter(({ next }) => compareCursors(next, row) <= 0 && compareCursors(next, last) > 0);
    if (between.length > 0) {
      this.holes += between.length;
      this.#knowsAll = false;
      for (const book of this.#books.values()) book.lose();
      return;
    }
    // Retention takes single BBO updates from between others, an epoch's last too; no book is made of them.
    const end = row.type === 'epoch' && row.offset === 0 ? tailOf(row) : { epoch: row.epoch, offset: row.offset - 1 };
    if (end?.epoch === last.epoch && end.offset > last.offset && earliest && compareCursors(row, earliest) <= 0) {
      this.dropped += end.offset - last.offset;
      return;
    }
    this.#problem(`after ${formatCursor(last)} comes ${formatCursor(row)}, and no hole is recorded`);
    for (const book of this.#books.values()) book.lose();
  }

  #book(row: ReadRow, symbol: string): void {
    let book = this.#books.get(symbol);
    if (!book) {
      book = new BookRebuilder(symbol, this.#knowsAll);
      this.#books.set(symbol, book);
    }
    if (row.type === 'book_snapshot') this.snapshots++;
    else if (row.payload.includes('"checksum":')) this.checksums++;
    const wrong = book.apply(row);
    if (wrong !== undefined) this.#problem(`${symbol} at ${formatCursor(row)}: ${wrong}`);
  }

  #problem(text: string): void {
    this.problemCount++;
    if (this.problems.length < PROBLEMS_KEPT_MAX) this.problems.push(text);
  }
}

function tailOf(row: ReadRow): Cursor | undefined {
  return previousTailOf(Buffer.from(row.payload));
}
