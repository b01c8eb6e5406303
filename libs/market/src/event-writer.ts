import { canonicalText, L3Book, type LevelView, type PriceBook, type Side, type WireLevel } from '@depthcast/book';
import {
  type BookStatus,
  eventTopic,
  formatTsNs,
  type LogEvent,
  type OrderSide,
  type Scale,
} from '@depthcast/protocol';

const US_PER_MS = 1_000;

export function clockEvent(timeUs: number, second: number): LogEvent {
  return { topic: 'clock', payload: `{"type":"clock","ts_ns":${formatTsNs(timeUs)},"second":${second}}` };
}

/** VeloZ seed. With a symbol it goes to those who follow that symbol; the payload is the seed's either way. */
export function errorEvent(timeUs: number, message: string, symbol?: string): LogEvent {
  return {
    topic: eventTopic('error', symbol),
    payload: `{"type":"error","ts_ns":${formatTsNs(timeUs)},"message":${JSON.stringify(message)}}`,
  };
}

export interface BookChange {
  readonly tsEventUs: number;
  readonly first: number;
  readonly last: number;
  readonly prev?: number;
}

/** The four texts of a best bid and offer. */
export interface QuoteText {
  readonly bidPrice: string;
  readonly bidQty: string;
  readonly askPrice: string;
  readonly askQty: string;
}

/** What has happened to an order of a book: see the `book_order` event. */
export type OrderAction = 'A' | 'C' | 'M' | 'F';

/** What does not change from one event of a type to the next: the topic, and the payload up to its time. */
interface Head {
  readonly topic: string;
  readonly text: string;
}

/**
 * One symbol's events as wire bytes. Concatenated: the keys are constant, decimals are exact text already, and a
 * `ts_ns` must not pass through a Number, so JSON.stringify could not write them.
 */
export class SymbolEventWriter {
  readonly #symbol: Head;
  readonly #market: Head;
  readonly #trade: Head;
  readonly #bbo: Head;
  readonly #bookChange: Head;
  readonly #bookOrder: Head;
  readonly #bookOrders: Head;
  readonly #bookSnapshot: Head;
  readonly #bookStatus: Head;

  constructor(symbol: string) {
    const head = (type: Parameters<typeof eventTopic>[0]): Head => ({
      topic: eventTopic(type, symbol),
      text: `{"type":"${type}","symbol":"${symbol}","ts_ns":`,
    });
    this.#symbol = head('symbol');
    this.#market = head('market');
    this.#trade = head('trade');
    this.#bbo = { topic: eventTopic('bbo', symbol), text: `{"symbol":"${symbol}","bidPrice":"` };
    this.#bookChange = head('book_change');
    this.#bookOrder = head('book_order');
    this.#bookOrders = head('book_orders');
    this.#bookSnapshot = head('book_snapshot');
    this.#bookStatus = head('book_status');
  }

  /** @param described the payload's members after the time, without the closing brace. */
  symbol(timeUs: number, described: string): LogEvent {
    return event(this.#symbol, timeUs, `,${described}}`);
  }

  market(timeUs: number, price: string): LogEvent {
    return event(this.#market, timeUs, `,"price":${price}}`);
  }

  trade(timeUs: number, tradeId: number, price: string, qty: string, side: OrderSide): LogEvent {
    return event(this.#trade, timeUs, `,"trade_id":${tradeId},"price":${price},"qty":${qty},"side":"${side}"}`);
  }

  /** BBO seed. */
  bbo(tsEventUs: number, tsRecvUs: number, quote: QuoteText): LogEvent {
    const timestamp = Math.floor(tsEventUs / US_PER_MS);
    const serverTimestamp = Math.floor(tsRecvUs / US_PER_MS);
    return {
      topic: this.#bbo.topic,
      payload: `${this.#bbo.text}${quote.bidPrice}","bidQty":"${quote.bidQty}","askPrice":"${quote.askPrice}","askQty":"${quote.askQty}","timestamp":${timestamp},"serverTimestamp":${serverTimestamp},"backendLatency":${serverTimestamp - timestamp}}`,
    };
  }

  /** @param bids and `asks` JSON texts of level lists. */
  bookChange(change: BookChange, isSnapshot: boolean, bids: string, asks: string, checksum?: number): LogEvent {
    const prev = change.prev === undefined ? '' : `,"prev":${change.prev}`;
    const crc = checksum === undefined ? '' : `,"checksum":${checksum}`;
    return event(
      this.#bookChange,
      change.tsEventUs,
      `,"is_snapshot":${isSnapshot},"first":${change.first},"last":${change.last}${prev},"bids":${bids},"asks":${asks}${crc}}`,
    );
  }

  /** @param side the order's own. */
  bookOrder(timeUs: number, action: OrderAction, id: string, side: OrderSide, price: string, qty: string): LogEvent {
    return event(
      this.#bookOrder,
      timeUs,
      `,"action":"${action}","order_id":"${id}","side":"${side}","price":"${price}","qty":"${qty}"}`,
    );
  }

  bookOrders(timeUs: number, last: number, book: L3Book): LogEvent {
    const { bids, asks } = ordersJson(book);
    return event(
      this.#bookOrders,
      timeUs,
      `,"last":${last},"bids":${bids},"asks":${asks},"checksum":${book.ordersChecksum()}}`,
    );
  }

  bookSnapshot(timeUs: number, last: number, book: PriceBook): LogEvent {
    const bids = ladderJson(book.bids, book.priceScale, book.sizeScale);
    const asks = ladderJson(book.asks, book.priceScale, book.sizeScale);
    let orders = '';
    if (book instanceof L3Book) {
      const json = ordersJson(book);
      orders = `,"bid_orders":${json.bids},"ask_orders":${json.asks},"orders_checksum":${book.ordersChecksum()}`;
    }
    return event(
      this.#bookSnapshot,
      timeUs,
      `,"last":${last},"bids":${bids},"asks":${asks},"checksum":${book.checksum()}${orders}}`,
    );
  }

  bookStatus(
    timeUs: number,
    status: BookStatus,
    detail: { expected?: number; got?: number; reason?: string } = {},
  ): LogEvent {
    const ids = detail.expected === undefined ? '' : `,"expected":${detail.expected},"got":${detail.got}`;
    const reason = detail.reason === undefined ? '' : `,"reason":${JSON.stringify(detail.reason)}`;
    return event(this.#bookStatus, timeUs, `,"status":"${status}"${ids}${reason}}`);
  }
}

function event(head: Head, timeUs: number, rest: string): LogEvent {
  return { topic: head.topic, payload: head.text + formatTsNs(timeUs) + rest };
}

/** The same event with a `checksum` as its last member. */
export function withChecksum({ topic, payload }: LogEvent, checksum: number): LogEvent {
  return { topic, payload: `${payload.slice(0, -1)},"checksum":${checksum}}` };
}

/** Levels that a venue sent and the book accepted, as JSON text in the scales' spelling. */
export function levelsJson(levels: readonly WireLevel[], prices: Scale, sizes: Scale): string {
  let json = '[';
  for (let i = 0; i < levels.length; i++) {
    const [price, size] = levels[i] as WireLevel;
    json += `${i === 0 ? '["' : ',["'}${canonicalText(prices, price)}","${canonicalText(sizes, size)}"]`;
  }
  return `${json}]`;
}

/** A whole side as JSON text, best first. */
export function ladderJson(ladder: LevelView, prices: Scale, sizes: Scale): string {
  let json = '[';
  for (let rank = 0; rank < ladder.length; rank++) {
    json += `${rank === 0 ? '["' : ',["'}${prices.format(ladder.priceOf(rank))}","${sizes.format(ladder.sizeOf(rank))}"]`;
  }
  return `${json}]`;
}

/** All orders of both sides as JSON texts, by priority. */
function ordersJson(book: L3Book): { bids: string; asks: string } {
  return { bids: sideOrdersJson(book, 'bid'), asks: sideOrdersJson(book, 'ask') };
}

function sideOrdersJson(book: L3Book, side: Side): string {
  const { priceScale, sizeScale } = book;
  let json = '';
  for (const { id, price, size, tsUs } of book.orders(side)) {
    json += `${json === '' ? '' : ','}["${id}","${priceScale.format(price)}","${sizeScale.format(size)}",${tsUs}]`;
  }
  return `[${json}]`;
}
