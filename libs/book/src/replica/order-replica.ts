import type { Cursor, EventOf } from '@depthcast/protocol';
import { L3Book, type OrderMemory } from '../l3-book.ts';
import { type BookEventType, BookReplica, type PayloadText, toUs } from './book-replica.ts';

type WireOrder = EventOf<'book_orders'>['bids'][number];

/** As the events' own, but that `ts_ns` has lost its last digits in a Number, see {@link toUs}. */
type OrderPayload = Omit<EventOf<'book_order'>, 'ts_ns'> & { readonly ts_ns: number };
type OrdersPayload = Omit<EventOf<'book_orders'>, 'ts_ns'> & { readonly ts_ns: number };
type SnapshotPayload = Omit<EventOf<'book_snapshot'>, 'ts_ns'> & { readonly ts_ns: number };

const LAST = '"last":';
const CHECKSUM = '"checksum":';
const IS_SNAPSHOT = '"is_snapshot":true';

/**
 * A book of orders: `book_order` changes it, `book_orders` replaces it. `book_change`, which follows the orders of each
 * input, changes nothing here that they have not, and closes the input: views show the book after whole inputs, never
 * an order half matched.
 *
 * A venue may say 50,000 orders a second, and every gateway applies each: about 1 µs an event, most of it JSON.parse.
 */
export class OrderReplica extends BookReplica {
  readonly kind = 'orders';
  book: L3Book | undefined;

  apply(type: BookEventType, cursor: Cursor, payload: PayloadText): string | undefined {
    switch (type) {
      case 'book_order':
        return this.#order(cursor, JSON.parse(payload.toString()) as OrderPayload);
      case 'book_change':
        return this.#change(cursor, payload.toString());
      case 'book_status':
        return this.applyStatus(payload);
      case 'book_orders': {
        const { ts_ns: tsNs, last, bids, asks, checksum } = JSON.parse(payload.toString()) as OrdersPayload;
        return this.#whole(cursor, tsNs, last, bids, asks, checksum);
      }
      case 'book_snapshot':
        return this.#snapshot(cursor, payload);
    }
  }

  /**
   * Makes the book exactly these orders, each side's by priority.
   *
   * @throws RangeError or DepthcastError when they are no book; nothing has changed then.
   */
  replace(bids: readonly WireOrder[], asks: readonly WireOrder[]): void {
    const [, price, size] = bids[0] ?? asks[0] ?? [];
    const scales = this.scalesOf(price, size);
    if (!scales) return;
    const [prices, sizes] = scales;
    const read = ([id, price, size, tsUs]: WireOrder): OrderMemory => [
      id,
      prices.parse(price),
      sizes.parse(size),
      tsUs,
    ];
    this.book = L3Book.restore(prices, sizes, { bids: bids.map(read), asks: asks.map(read) });
    this.isSuspect = false;
  }

  /** All that rests, each side by priority, as events say it. */
  wireOrders(): { bids: WireOrder[]; asks: WireOrder[] } {
    const { book } = this;
    if (!book) return { bids: [], asks: [] };
    const wire = ([id, price, size, tsUs]: OrderMemory): WireOrder => [
      id,
      book.priceScale.format(price),
      book.sizeScale.format(size),
      tsUs,
    ];
    const { bids, asks } = book.memory();
    return { bids: bids.map(wire), asks: asks.map(wire) };
  }

  /** Its symbol begins, or begins again as another: nothing rests. */
  begin(cursor: Cursor): void {
    this.book = undefined;
    this.replace([], []);
    this.cursor = cursor;
    this.noteChange();
  }

  #order(cursor: Cursor, order: OrderPayload): string | undefined {
    const { book } = this;
    if (!book) return undefined;
    this.cursor = cursor;
    this.tsEventUs = toUs(order.ts_ns);
    const price = book.priceScale.parse(order.price);
    const size = book.sizeScale.parse(order.qty);
    if (!this.#applyOrder(book, order, price, size)) return `${order.action} of order ${order.order_id} does not fit`;
    if (order.checksum === undefined || order.checksum === book.ordersChecksum()) return undefined;
    return `checksum of the orders differs after order ${order.order_id}`;
  }

  #applyOrder(book: L3Book, { action, order_id: id, side }: OrderPayload, price: number, size: number): boolean {
    switch (action) {
      case 'A':
        return book.add(id, side === 'BUY' ? 'bid' : 'ask', price, size, this.tsEventUs) === 'added';
      case 'M': {
        const result = book.replace(id, price, size, this.tsEventUs);
        return result === 'kept' || result === 'requeued';
      }
      case 'C':
        return book.cancel(id) === size;
      case 'F':
        return book.reduce(id, size) === size;
    }
  }

  /** Once an input: two numbers are read out of the text, nothing is parsed. */
  #change(cursor: Cursor, payload: string): string | undefined {
    this.last = numberAfter(payload, LAST) ?? this.last;
    const { book } = this;
    // A whole book of levels: the orders that it is made of come next.
    if (!book || payload.includes(IS_SNAPSHOT)) return undefined;
    this.cursor = cursor;
    this.noteChange();
    const checksum = numberAfter(payload, CHECKSUM);
    if (checksum === undefined || checksum === book.checksum()) return undefined;
    return `checksum of the levels differs at update ${this.last}`;
  }

  /** It repeats what a sound replica knows. */
  #snapshot(cursor: Cursor, payload: PayloadText): string | undefined {
    if (this.book && !this.isSuspect) return undefined;
    const snapshot = JSON.parse(payload.toString()) as SnapshotPayload;
    const { ts_ns: tsNs, last, bid_orders: bids, ask_orders: asks, orders_checksum: checksum } = snapshot;
    return bids && asks && this.#whole(cursor, tsNs, last, bids, asks, checksum);
  }

  #whole(
    cursor: Cursor,
    tsNs: number,
    last: number,
    bids: readonly WireOrder[],
    asks: readonly WireOrder[],
    checksum: number | undefined,
  ): string | undefined {
    this.replace(bids, asks);
    this.cursor = cursor;
    this.last = last;
    this.tsEventUs = toUs(tsNs);
    this.noteChange();
    if (checksum === undefined || !this.book || checksum === this.book.ordersChecksum()) return undefined;
    return `checksum of the orders differs in the whole book of update ${last}`;
  }
}

/** The whole number behind a member's name. Names stand in quotes, which no text of a book event has inside. */
function numberAfter(payload: string, name: string): number | undefined {
  const at = payload.indexOf(name);
  return at < 0 ? undefined : Number.parseInt(payload.slice(at + name.length, at + name.length + 16), 10);
}
