import { L2Book } from '@depthcast/book';
import {
  type EventOf,
  type Input,
  type InputOf,
  type LogEvent,
  parseEvent,
  parseTopic,
  Scale,
  type UnstampedInput,
} from '@depthcast/protocol';

type Quote = Pick<InputOf<'quote'>, 'bidPrice' | 'bidQty' | 'askPrice' | 'askQty'>;

export interface BboDifference {
  readonly symbol: string;
  readonly last: number;
  readonly venue: string;
  readonly book: string;
}

/** The part of a Market that is used; this library may not depend on it. */
export interface MarketLike {
  apply(input: Input): LogEvent[];
  readonly rejectedInputs: number;
}

interface Followed {
  readonly book: L2Book;
  last: number;
  readonly statuses: EventOf<'book_status'>[];
  /** The venue's quotes by update id, until the book is there. */
  readonly quotes: Map<number, Quote>;
}

/**
 * What an engine and a client make of a venue's inputs: applies them to a Market, follows the books from its events
 * alone, and compares their best bid and ask with the venue's own wherever both are of the same update id.
 */
export class MarketProbe<M extends MarketLike = MarketLike> {
  readonly market: M;
  readonly inputs: UnstampedInput[] = [];
  readonly differences: BboDifference[] = [];
  /** How many times a quote and a book were of the same update id. */
  comparisons = 0;
  readonly #keepInputs: boolean;
  readonly #symbols = new Map<string, Followed>();
  #seq = 0;

  /**
   * @param market an empty Market of @depthcast/market.
   * @param keepInputs whether `inputs` fills; a capture's need not be kept.
   */
  constructor(market: M, keepInputs = true) {
    this.market = market;
    this.#keepInputs = keepInputs;
  }

  accept(input: UnstampedInput): void {
    if (this.#keepInputs) this.inputs.push(input);
    if (input.type === 'symbol') this.#define(input);
    for (const event of this.market.apply({ ...input, src: 'probe', seq: ++this.#seq } as Input)) {
      const { type, symbol = '' } = parseTopic(event.topic);
      if (type === 'book_change') this.#onChange(symbol, parseEvent('book_change', event.payload));
      if (type === 'book_status') this.follow(symbol).statuses.push(parseEvent('book_status', event.payload));
    }
    if (input.type === 'quote') this.#onQuote(input);
  }

  /** `synced`, `gap 1005 1010` and so on, in the order they came. */
  statuses(symbol: string): string[] {
    return this.follow(symbol).statuses.map((s) => (s.status === 'gap' ? `gap ${s.expected} ${s.got}` : s.status));
  }

  status(symbol: string): string | undefined {
    return this.follow(symbol).statuses.at(-1)?.status;
  }

  levels(symbol: string): { bids: [string, string][]; asks: [string, string][] } {
    const { book } = this.follow(symbol);
    return { bids: book.wireLevels('bid'), asks: book.wireLevels('ask') };
  }

  /** Throws for a symbol that has not been defined. */
  follow(symbol: string): Followed {
    const followed = this.#symbols.get(symbol);
    if (!followed) throw new Error(`no symbol input has defined ${symbol}`);
    return followed;
  }

  has(symbol: string): boolean {
    return this.#symbols.has(symbol);
  }

  #define(input: { symbol: string; tick: string; step: string }): void {
    if (this.#symbols.has(input.symbol)) return;
    const book = new L2Book(Scale.ofStep(input.tick), Scale.ofStep(input.step));
    this.#symbols.set(input.symbol, { book, last: 0, statuses: [], quotes: new Map() });
  }

  #onChange(symbol: string, event: EventOf<'book_change'>): void {
    const followed = this.follow(symbol);
    if (event.is_snapshot) followed.book.replace(event.bids, event.asks);
    else followed.book.apply(event.bids, event.asks);
    followed.last = event.last;
    const quote = followed.quotes.get(event.last);
    if (quote) this.#compare(symbol, followed, quote);
    for (const last of followed.quotes.keys()) {
      if (last > event.last) break;
      followed.quotes.delete(last);
    }
  }

  #onQuote(input: { symbol: string; last: number } & Quote): void {
    const followed = this.follow(input.symbol);
    if (input.last === followed.last) this.#compare(input.symbol, followed, input);
    else if (input.last > followed.last) followed.quotes.set(input.last, input);
  }

  #compare(symbol: string, { book, last }: Followed, quote: Quote): void {
    this.comparisons++;
    const { priceScale: p, sizeScale: s } = book;
    const venue = [p.parse(quote.bidPrice), s.parse(quote.bidQty), p.parse(quote.askPrice), s.parse(quote.askQty)];
    const ours = [book.bids.priceOf(0), book.bids.sizeOf(0), book.asks.priceOf(0), book.asks.sizeOf(0)];
    if (String(venue) !== String(ours)) {
      this.differences.push({ symbol, last, venue: String(venue), book: String(ours) });
    }
  }
}
