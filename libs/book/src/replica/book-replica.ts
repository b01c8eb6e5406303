import { type BookStatus, type Cursor, compareCursors, Scale } from '@depthcast/protocol';
import type { PriceBook } from '../price-book.ts';
import type { BookKind, SymbolDefinition } from './symbol-definition.ts';

/** The events that a replica is made from. */
export const BOOK_EVENT_TYPES = ['book_order', 'book_change', 'book_status', 'book_orders', 'book_snapshot'] as const;
export type BookEventType = (typeof BOOK_EVENT_TYPES)[number];

/** An event's JSON: a string, or a Buffer of UTF-8. Made text only where it is read. */
export interface PayloadText {
  toString(): string;
}

/**
 * Counted over all replicas: one that takes another's place, when the tail starts anew, never repeats its versions, which
 * would pass for the frames rendered from it.
 */
let changes = 0;

/**
 * One symbol's book as of the last event that was read: what a gateway renders views from and shows a client after a
 * reset, and what a past book is rebuilt with. Of price levels or of orders: each kind has a class of its own.
 */
export abstract class BookReplica {
  readonly symbol: string;
  definition: SymbolDefinition | undefined;
  status: BookStatus = 'buffering';
  /** The event that the book is as of. */
  cursor: Cursor | undefined;
  /** Rises with every change of what a view shows; of all replicas, no two have the same. */
  version = ++changes;
  /** Update id and time of the last change; the time also of the last status. */
  last = 0;
  tsEventUs = 0;
  statusTsUs = 0;
  /** An event did not fit, or a checksum: the next whole book in the log replaces this one. */
  isSuspect = false;
  /** The last price, from a stored book, until a `market` event says it. */
  storedPrice: string | undefined;

  /** @param before the replica whose place it takes: what is known of the symbol, apart from its book, stays known. */
  constructor(symbol: string, before?: BookReplica) {
    this.symbol = symbol;
    this.definition = before?.definition;
    this.status = before?.status ?? this.status;
    this.statusTsUs = before?.statusTsUs ?? this.statusTsUs;
    this.storedPrice = before?.storedPrice;
  }

  /** `undefined` while the log has not told. */
  abstract readonly kind: BookKind | undefined;

  /** `undefined` until the symbol's first whole book. */
  abstract readonly book: PriceBook | undefined;

  /**
   * Applies one of its symbol's events, in the order of the log.
   *
   * @returns what shows that the replica is not the engine's book; `undefined` when nothing does.
   * @throws when the payload cannot be read.
   */
  abstract apply(type: BookEventType, cursor: Cursor, payload: PayloadText): string | undefined;

  /** Whether an event's effect is in the book already. */
  has(cursor: Cursor): boolean {
    return this.cursor !== undefined && compareCursors(cursor, this.cursor) <= 0;
  }

  protected applyStatus(payload: PayloadText): undefined {
    const { status, ts_ns: tsNs } = JSON.parse(payload.toString()) as { status: BookStatus; ts_ns: number };
    if (status === this.status) return;
    this.status = status;
    this.statusTsUs = toUs(tsNs);
    this.noteChange();
  }

  /** What views show is another now. */
  noteChange(): void {
    this.version = ++changes;
  }

  /**
   * What a whole book counts in. Where no definition is known, its texts tell: the log shows each price and size with
   * all its symbol's decimals. `undefined` of an empty book without either.
   */
  protected scalesOf(price: string | undefined, size: string | undefined): readonly [Scale, Scale] | undefined {
    const { definition, book } = this;
    if (definition) return [Scale.ofStep(definition.tick), Scale.ofStep(definition.step)];
    if (price !== undefined && size !== undefined) return [Scale.ofText(price), Scale.ofText(size)];
    return book && [book.priceScale, book.sizeScale];
  }
}

/** A Number holds 1.7e18 to the nearest 256, so the microsecond it was made from is exact after rounding. */
export function toUs(tsNs: number): number {
  return Math.round(tsNs / 1000);
}
