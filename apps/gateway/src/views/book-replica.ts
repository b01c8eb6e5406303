import { L2Book, type WireLevel } from '@depthcast/book';
import type { StoredBook } from '@depthcast/log';
import { type BookStatus, type Cursor, compareCursors, Scale } from '@depthcast/protocol';

/** The members of book events that a replica reads. `ts_ns` loses its last digits in a Number, see {@link toUs}. */
interface BookPayload {
  readonly ts_ns: number;
  readonly is_snapshot?: boolean;
  readonly last: number;
  readonly bids: WireLevel[];
  readonly asks: WireLevel[];
  readonly checksum?: number;
}

/** What `book:<SYMBOL>` holds, written by the engine with its snapshots. */
interface StoredBookState {
  readonly tick: string;
  readonly step: string;
  readonly status: BookStatus;
  readonly last: number;
  readonly tsEventUs: number;
  readonly bids: WireLevel[];
  readonly asks: WireLevel[];
  readonly market?: string;
}

/**
 * Counted over all replicas: one that takes another's place, when the tail starts anew, never repeats its versions, which
 * would pass for the frames rendered from it.
 */
let changes = 0;

/**
 * One symbol's book as of the last event that this gateway has read: what views are rendered from, and what a client
 * is shown after a reset.
 */
export class BookReplica {
  readonly symbol: string;
  /** `undefined` until the symbol's first whole book. */
  book: L2Book | undefined;
  status: BookStatus = 'buffering';
  /** The event that the book is as of. */
  cursor: Cursor | undefined;
  /** Rises with every change of what a view shows; of all replicas, no two have the same. */
  version = ++changes;
  /** Venue's update id and time of the last change; the time also of the last status. */
  last = 0;
  tsEventUs = 0;
  statusTsUs = 0;
  /** A checksum did not match: the next whole book in the log replaces this one. */
  isSuspect = false;
  /** The last price, from a stored book, until a `market` event says it. */
  storedPrice: string | undefined;

  constructor(symbol: string) {
    this.symbol = symbol;
  }

  /** Starts from the engine's stored book. Events up to its cursor are in it. */
  static restore({ symbol, cursor, state }: StoredBook): BookReplica {
    const stored = JSON.parse(state) as StoredBookState;
    const replica = new BookReplica(symbol);
    replica.book = new L2Book(Scale.ofStep(stored.tick), Scale.ofStep(stored.step));
    replica.book.replace(stored.bids, stored.asks);
    replica.status = stored.status;
    replica.cursor = cursor;
    replica.last = stored.last;
    replica.tsEventUs = stored.tsEventUs;
    replica.statusTsUs = stored.tsEventUs;
    replica.storedPrice = stored.market;
    return replica;
  }

  /** Whether an event's effect is in the book already. */
  has(cursor: Cursor): boolean {
    return this.cursor !== undefined && compareCursors(cursor, this.cursor) <= 0;
  }

  /** Applies `book_change`; returns false when its checksum shows that the replica was wrong. */
  applyChange(cursor: Cursor, payload: string): boolean {
    const change = JSON.parse(payload) as BookPayload;
    if (change.is_snapshot) {
      this.#replace(change);
    } else if (this.book) {
      this.book.apply(change.bids, change.asks);
    } else return true;
    this.#note(cursor, change);
    if (change.checksum === undefined || !this.book || change.checksum === this.book.checksum()) return true;
    this.isSuspect = true;
    return false;
  }

  /** Applies `book_snapshot`, which repeats what a sound replica knows. */
  applySnapshot(cursor: Cursor, payload: string): void {
    if (this.book && !this.isSuspect) return;
    const snapshot = JSON.parse(payload) as BookPayload;
    this.#replace(snapshot);
    this.#note(cursor, snapshot);
  }

  applyStatus(payload: string): void {
    const { status, ts_ns: tsNs } = JSON.parse(payload) as { status: BookStatus; ts_ns: number };
    if (status === this.status) return;
    this.status = status;
    this.statusTsUs = toUs(tsNs);
    this.version = ++changes;
  }

  #note(cursor: Cursor, change: BookPayload): void {
    this.cursor = cursor;
    this.last = change.last;
    this.tsEventUs = toUs(change.ts_ns);
    this.version = ++changes;
  }

  /** The log shows each price with all its symbol's decimals, so that any level tells the scale. */
  #replace({ bids, asks }: BookPayload): void {
    const level = bids[0] ?? asks[0];
    if (level) {
      const [priceScale, sizeScale] = [Scale.ofText(level[0]), Scale.ofText(level[1])];
      const { book } = this;
      const isSame =
        book?.priceScale.decimals === priceScale.decimals && book.sizeScale.decimals === sizeScale.decimals;
      if (!isSame) this.book = new L2Book(priceScale, sizeScale);
    }
    this.book?.replace(bids, asks);
    this.isSuspect = false;
  }
}

/** A Number holds 1.7e18 to the nearest 256, so the microsecond it was made from is exact after rounding. */
function toUs(tsNs: number): number {
  return Math.round(tsNs / 1000);
}
