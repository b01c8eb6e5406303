import { canonicalText, type L2Book, type Ladder, type WireLevel } from '@depthcast/book';
import { type BookStatus, eventTopic, formatTsNs, type LogEvent, type Scale } from '@depthcast/protocol';

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

/**
 * One symbol's events as wire bytes. Concatenated: the keys are constant, decimals are exact text already, and a
 * `ts_ns` must not pass through a Number, so JSON.stringify could not write them.
 */
export class SymbolEventWriter {
  readonly #symbol: string;
  readonly #heads = new Map<string, { topic: string; head: string }>();

  constructor(symbol: string) {
    this.#symbol = symbol;
    for (const type of ['market', 'trade', 'book_change', 'book_snapshot', 'book_status'] as const) {
      this.#heads.set(type, {
        topic: eventTopic(type, symbol),
        head: `{"type":"${type}","symbol":"${symbol}","ts_ns":`,
      });
    }
  }

  market(timeUs: number, price: string): LogEvent {
    return this.#event('market', timeUs, `,"price":${price}}`);
  }

  trade(timeUs: number, tradeId: number, price: string, qty: string, side: 'BUY' | 'SELL'): LogEvent {
    return this.#event('trade', timeUs, `,"trade_id":${tradeId},"price":${price},"qty":${qty},"side":"${side}"}`);
  }

  /** BBO seed. */
  bbo(tsEventUs: number, tsRecvUs: number, quote: QuoteText): LogEvent {
    const timestamp = Math.floor(tsEventUs / US_PER_MS);
    const serverTimestamp = Math.floor(tsRecvUs / US_PER_MS);
    return {
      topic: eventTopic('bbo', this.#symbol),
      payload: `{"symbol":"${this.#symbol}","bidPrice":"${quote.bidPrice}","bidQty":"${quote.bidQty}","askPrice":"${quote.askPrice}","askQty":"${quote.askQty}","timestamp":${timestamp},"serverTimestamp":${serverTimestamp},"backendLatency":${serverTimestamp - timestamp}}`,
    };
  }

  /** @param bids and `asks` JSON texts of level lists. */
  bookChange(change: BookChange, isSnapshot: boolean, bids: string, asks: string, checksum?: number): LogEvent {
    const prev = change.prev === undefined ? '' : `,"prev":${change.prev}`;
    const crc = checksum === undefined ? '' : `,"checksum":${checksum}`;
    return this.#event(
      'book_change',
      change.tsEventUs,
      `,"is_snapshot":${isSnapshot},"first":${change.first},"last":${change.last}${prev},"bids":${bids},"asks":${asks}${crc}}`,
    );
  }

  bookSnapshot(timeUs: number, last: number, book: L2Book): LogEvent {
    const bids = ladderJson(book.bids, book.priceScale, book.sizeScale);
    const asks = ladderJson(book.asks, book.priceScale, book.sizeScale);
    return this.#event(
      'book_snapshot',
      timeUs,
      `,"last":${last},"bids":${bids},"asks":${asks},"checksum":${book.checksum()}}`,
    );
  }

  bookStatus(
    timeUs: number,
    status: BookStatus,
    detail: { expected?: number; got?: number; reason?: string } = {},
  ): LogEvent {
    const ids = detail.expected === undefined ? '' : `,"expected":${detail.expected},"got":${detail.got}`;
    const reason = detail.reason === undefined ? '' : `,"reason":${JSON.stringify(detail.reason)}`;
    return this.#event('book_status', timeUs, `,"status":"${status}"${ids}${reason}}`);
  }

  #event(type: string, timeUs: number, rest: string): LogEvent {
    const { topic, head } = this.#heads.get(type) as { topic: string; head: string };
    return { topic, payload: head + formatTsNs(timeUs) + rest };
  }
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
export function ladderJson(ladder: Ladder, prices: Scale, sizes: Scale): string {
  let json = '[';
  for (let rank = 0; rank < ladder.length; rank++) {
    json += `${rank === 0 ? '["' : ',["'}${prices.format(ladder.priceOf(rank))}","${sizes.format(ladder.sizeOf(rank))}"]`;
  }
  return `${json}]`;
}
