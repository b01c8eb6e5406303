import type { Cursor } from '@depthcast/protocol';
import { L2Book } from '../l2-book.ts';
import type { WireLevel } from '../level-batch.ts';
import { type BookEventType, BookReplica, type PayloadText, toUs } from './book-replica.ts';
import type { BookKind } from './symbol-definition.ts';

/** The members that are read of it. `ts_ns` loses its last digits in a Number, see {@link toUs}. */
interface LevelsPayload {
  readonly ts_ns: number;
  readonly is_snapshot?: boolean;
  readonly last: number;
  readonly bids: readonly WireLevel[];
  readonly asks: readonly WireLevel[];
  readonly checksum?: number;
}

/** A book of price levels: `book_change` sets sizes. Also what a symbol has whose kind of book is not known yet. */
export class LevelReplica extends BookReplica {
  book: L2Book | undefined;

  get kind(): BookKind | undefined {
    return this.definition?.book ?? (this.book && 'levels');
  }

  apply(type: BookEventType, cursor: Cursor, payload: PayloadText): string | undefined {
    if (type === 'book_status') return this.applyStatus(payload);
    if (type === 'book_change') return this.#change(cursor, JSON.parse(payload.toString()) as LevelsPayload);
    // It repeats what a sound replica knows.
    if (type !== 'book_snapshot' || (this.book && !this.isSuspect)) return undefined;
    return this.#whole(cursor, JSON.parse(payload.toString()) as LevelsPayload);
  }

  /** Makes the book exactly these levels. @throws DepthcastError `DECIMAL_…`; nothing has changed then. */
  replace(bids: readonly WireLevel[], asks: readonly WireLevel[]): void {
    const [price, size] = bids[0] ?? asks[0] ?? [];
    const scales = this.scalesOf(price, size);
    if (!scales) return;
    const book = new L2Book(...scales);
    book.replace(bids, asks);
    this.book = book;
    this.isSuspect = false;
  }

  #change(cursor: Cursor, change: LevelsPayload): string | undefined {
    if (change.is_snapshot) return this.#whole(cursor, change);
    this.book?.apply(change.bids, change.asks);
    return this.book && this.#note(cursor, change);
  }

  #whole(cursor: Cursor, levels: LevelsPayload): string | undefined {
    this.replace(levels.bids, levels.asks);
    return this.#note(cursor, levels);
  }

  #note(cursor: Cursor, { last, ts_ns: tsNs, checksum }: LevelsPayload): string | undefined {
    this.cursor = cursor;
    this.last = last;
    this.tsEventUs = toUs(tsNs);
    this.noteChange();
    if (checksum === undefined || !this.book || checksum === this.book.checksum()) return undefined;
    return `checksum of the levels differs at update ${last}`;
  }
}
