import type { L3Book, L3Order, Side } from '@depthcast/book';
import type { LogEvent, OrderSide } from '@depthcast/protocol';
import { type OrderAction, type SymbolEventWriter, withChecksum } from '../event-writer.ts';
import { ownSide } from './plan.ts';

/**
 * Changes a book of orders and tells of each change, then of all that an input has changed as levels. From either alone
 * a reader has the book.
 */
export class OrderBookWriter {
  readonly #book: L3Book;
  readonly #writer: SymbolEventWriter;
  /** Prices whose levels have been changed since they were told. Empty between inputs. */
  readonly #touched: Readonly<Record<Side, number[]>> = { bid: [], ask: [] };

  constructor(book: L3Book, writer: SymbolEventWriter) {
    this.#book = book;
    this.#writer = writer;
  }

  /** Whether there is anything that {@link levels} would tell. */
  get isTouched(): boolean {
    return this.#touched.bid.length > 0 || this.#touched.ask.length > 0;
  }

  add(id: string, side: OrderSide, price: number, size: number, tsUs: number, events: LogEvent[]): void {
    this.#book.add(id, ownSide(side), price, size, tsUs);
    this.#tell('A', id, side, price, size, tsUs, events);
  }

  /** Of an unknown order nothing happens. */
  cancel(id: string, tsUs: number, events: LogEvent[]): void {
    const order = this.#book.order(id);
    if (order === undefined) return;
    this.#book.cancel(id);
    this.#tell('C', id, sideOf(order), order.price, order.size, tsUs, events);
  }

  /** Another price or size, which the book must have room for. */
  replace(order: L3Order, price: number, size: number, tsUs: number, events: LogEvent[]): void {
    this.#book.replace(order.id, price, size, tsUs);
    this.#touch(order.side, order.price);
    this.#tell('M', order.id, sideOf(order), price, size, tsUs, events);
  }

  /** Lots of a resting order are traded. @returns whether it is gone. */
  fill(id: string, side: OrderSide, price: number, size: number, tsUs: number, events: LogEvent[]): boolean {
    const fill = this.#book.execute(id, size);
    this.#tell('F', id, side, price, size, tsUs, events);
    return fill?.left === 0;
  }

  /**
   * Tells of the levels that have been changed, as they are now.
   *
   * @param sequence the number of this change.
   * @param due whether the checksums of levels and orders are to be told too.
   */
  levels(sequence: number, tsUs: number, due: boolean, events: LogEvent[]): void {
    const book = this.#book;
    if (due) checksumLast(events, book);
    const change = { tsEventUs: tsUs, first: sequence, last: sequence };
    const bids = this.#levelsJson('bid');
    const asks = this.#levelsJson('ask');
    events.push(this.#writer.bookChange(change, false, bids, asks, due ? book.checksum() : undefined));
  }

  #tell(
    action: OrderAction,
    id: string,
    side: OrderSide,
    price: number,
    size: number,
    tsUs: number,
    events: LogEvent[],
  ): void {
    const { priceScale, sizeScale } = this.#book;
    this.#touch(ownSide(side), price);
    events.push(this.#writer.bookOrder(tsUs, action, id, side, priceScale.format(price), sizeScale.format(size)));
  }

  /** A taker meets its makers in the order of their prices, so that the last one tells whether this one is new. */
  #touch(side: Side, price: number): void {
    const prices = this.#touched[side];
    if (prices[prices.length - 1] !== price) prices.push(price);
  }

  #levelsJson(side: Side): string {
    const prices = this.#touched[side];
    if (prices.length === 0) return '[]';
    const { priceScale, sizeScale } = this.#book;
    const ladder = this.#book.ladder(side);
    let json = '';
    for (const price of prices) {
      json += `${json === '' ? '["' : ',["'}${priceScale.format(price)}","${sizeScale.format(ladder.sizeAt(price))}"]`;
    }
    prices.length = 0;
    return `[${json}]`;
  }
}

function sideOf({ side }: L3Order): OrderSide {
  return side === 'bid' ? 'BUY' : 'SELL';
}

/** The book's checksum goes with the last event that changed an order. */
function checksumLast(events: LogEvent[], book: L3Book): void {
  for (let i = events.length - 1; i >= 0; i--) {
    const event = events[i] as LogEvent;
    if (!event.topic.startsWith('book_order:')) continue;
    events[i] = withChecksum(event, book.ordersChecksum());
    return;
  }
}
