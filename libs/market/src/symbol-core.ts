import type { PriceBook } from '@depthcast/book';
import type { BookStatus, InputOf, LogEvent, OrderReason } from '@depthcast/protocol';
import type { Instrument } from './accounts/instrument.ts';
import type { OrderDesk } from './accounts/order-desk.ts';
import type { PaperOrder } from './accounts/paper-order.ts';
import { errorEvent, SymbolEventWriter } from './event-writer.ts';
import type { SymbolFolds } from './folds/symbol-folds.ts';
import type { Match, Plan } from './matching/plan.ts';
import { type DefinedSymbol, type StoredBookState, tradingOf } from './symbol-definition.ts';
import type { SymbolFold } from './symbol-fold.ts';

/** Event time between two `book_snapshot` events of a symbol. */
export const BOOK_SNAPSHOT_EVERY_US = 60_000_000;
/**
 * Open paper orders of a symbol; a further one that would rest is refused. When the symbol changes they all end in one
 * input, of which each says two events and each account one more.
 */
export const PAPER_ORDERS_MAX = 5_000;
/** The VeloZ seed's message for a lost venue. */
const MARKET_SOURCE_ERROR = 'market_source_error';
/** What the message of a venue that stays away begins with. */
const MARKET_SOURCE_UNREACHABLE = 'market_source_unreachable';
const NEVER = -1;
const US_PER_SECOND = 1_000_000;

/** When an input's cause happened at its venue, and when a producer received or made it. */
export interface Times {
  readonly tsEventUs: number;
  readonly tsRecvUs: number;
}

/**
 * What all symbols have in common: a book, the feed that it comes from, what follows from the two, and how a paper
 * order goes in. Where the book comes from, and what an order meets there, is for the two kinds to say.
 *
 * Every method first reads all that it needs of its input, and throws a DepthcastError before anything has changed.
 */
export abstract class SymbolCore<Book extends PriceBook = PriceBook> {
  /** May be laid anew, as long as it is not another: see `isAnother`. */
  defined: DefinedSymbol;
  readonly book: Book;
  readonly fold: SymbolFold;
  /** What is derived from its trades and its book. */
  readonly folds: SymbolFolds;
  protected readonly desk: OrderDesk;
  protected readonly writer: SymbolEventWriter;

  constructor(defined: DefinedSymbol, book: Book, folds: SymbolFolds, desk: OrderDesk, fold: SymbolFold) {
    this.defined = defined;
    this.book = book;
    this.folds = folds;
    this.desk = desk;
    this.fold = fold;
    this.writer = new SymbolEventWriter(defined.definition.symbol);
  }

  get symbol(): string {
    return this.defined.definition.symbol;
  }

  /** What the symbol is. */
  describe(timeUs: number): LogEvent {
    return this.writer.symbol(timeUs, this.defined.described);
  }

  /** The symbol is new, or no longer what it was: its book begins empty. */
  begin(timeUs: number, reason: string): LogEvent {
    return this.writer.bookStatus(timeUs, 'buffering', { reason });
  }

  /**
   * `down` is said once, however often a venue that cannot be reached is tried.
   *
   * The feed is that of the last producer to say `up`. When one takes over from another, in a rolling restart, the old
   * one's `down` comes last and changes nothing. But a producer that has just defined the symbol and has no feed yet
   * puts the other's in doubt, which may have died without a word: the book is stale until that one is heard again.
   *
   * That a venue stays away, too, is said once, until it is `up`; and not of a feed that another producer has.
   */
  onFeed(input: InputOf<'feed'>, second: number): LogEvent[] {
    const { fold } = this;
    if (input.status === 'up') {
      fold.feedSrc = input.src;
      fold.unreachable = false;
      return this.onUp(input, second);
    }
    const own = fold.feedSrc === '' || fold.feedSrc === input.src;
    if (!own && (this.defined.definition.src !== input.src || input.retries !== undefined)) return [];
    if (own) {
      this.onLost();
      fold.feedSrc = '';
    }
    const events: LogEvent[] = [];
    if (fold.status !== 'stale') this.#doubt(input.tsEventUs, input.reason, events);
    if (input.retries !== undefined && !fold.unreachable) {
      fold.unreachable = true;
      const message = `${MARKET_SOURCE_UNREACHABLE}: ${input.retries} retries in a row have failed, more follow`;
      events.push(errorEvent(input.tsEventUs, message, this.symbol));
    }
    return events;
  }

  /**
   * A paper order that the desk has opened but not announced. What it can trade at once it does; the rest rests, if it
   * may.
   */
  onOrder(order: PaperOrder, instrument: Instrument, times: Times, second: number, events: LogEvent[]): void {
    const { desk } = this;
    const { tsEventUs } = times;
    const early = this.#refusalAtOnce(order, instrument);
    if (early !== undefined) {
      desk.reject(order, early, tsEventUs, events);
      return;
    }
    const plan = this.plan(order);
    const refusal = this.#refusal(order, instrument, plan);
    if (refusal !== undefined) {
      desk.reject(order, refusal, tsEventUs, events);
      return;
    }
    const matches = order.tif === 'FOK' && plan.lots < order.lots ? [] : plan.matches;
    if (!desk.accept(order, instrument, costOf(order, matches, instrument), tsEventUs, events)) return;
    this.execute(order, instrument, matches, tsEventUs, second, events);
    if (order.executed < order.lots) {
      const reason = whyExpired(order, plan);
      if (reason === undefined) this.rest(order, tsEventUs, events);
      else desk.close(order, 'EXPIRED', reason, tsEventUs, events);
    }
    this.finish(times, second, events);
  }

  /** An open paper order of this symbol ends, as its account wishes. */
  onCancel(order: PaperOrder, times: Times, second: number, events: LogEvent[]): void {
    this.desk.close(order, 'CANCELLED', '', times.tsEventUs, events);
    this.withdraw(order, times.tsEventUs, events);
    this.finish(times, second, events);
  }

  /**
   * Event time moved to `second`.
   *
   * @param isSilent of a producer: whether it is gone, while others go on. Should it be heard again, so is its feed.
   */
  onClock(second: number, isSilent: (src: string) => boolean, events: LogEvent[]): void {
    const { fold, book } = this;
    const timeUs = second * US_PER_SECOND;
    if (fold.feedSrc !== '' && fold.status !== 'stale' && isSilent(fold.feedSrc)) {
      this.#doubt(timeUs, 'nothing is heard of the producer', events);
    }
    const synced = fold.status === 'synced';
    if (synced && (fold.snapshotUs === NEVER || timeUs - fold.snapshotUs >= BOOK_SNAPSHOT_EVERY_US)) {
      fold.snapshotUs = timeUs;
      events.push(this.writer.bookSnapshot(timeUs, fold.last, book));
    }
    this.folds.onClock(second, synced ? book : undefined, fold.market, events);
  }

  stored(): StoredBookState {
    const { book, fold, defined } = this;
    const trading = tradingOf(defined);
    return {
      symbol: this.symbol,
      venue: defined.definition.venue,
      book: defined.definition.depthRule === 'matched' ? 'orders' : 'levels',
      tick: book.priceScale.step,
      step: book.sizeScale.step,
      ...(trading === undefined ? {} : { trading }),
      status: fold.status,
      last: fold.last,
      tsEventUs: fold.tsEventUs,
      bids: book.wireLevels('bid'),
      asks: book.wireLevels('ask'),
      ...(fold.market === '' ? {} : { market: fold.market }),
    };
  }

  /** The feed is this producer's, and begins. */
  protected abstract onUp(input: InputOf<'feed'>, second: number): LogEvent[];

  /** The feed has ended. */
  protected abstract onLost(): void;

  /** What becomes of the status when the feed is heard that was in doubt. */
  protected abstract resumedStatus(): BookStatus;

  /** Whether paper orders are taken now. */
  protected abstract isOpen(): boolean;

  /** What the order would trade at once; changes nothing. */
  protected abstract plan(order: PaperOrder): Plan;

  /** Whether an order of which so much is left after the plan finds a place. */
  protected abstract hasRoom(order: PaperOrder, plan: Plan): boolean;

  /** Trades with what {@link plan} found. */
  protected abstract execute(
    order: PaperOrder,
    instrument: Instrument,
    matches: readonly Match[],
    tsEventUs: number,
    second: number,
    events: LogEvent[],
  ): void;

  protected abstract rest(order: PaperOrder, tsEventUs: number, events: LogEvent[]): void;

  protected abstract withdraw(order: PaperOrder, tsEventUs: number, events: LogEvent[]): void;

  /** Tells what an input's orders have come to. */
  protected abstract finish(times: Times, second: number, events: LogEvent[]): void;

  /** The feed that was put in doubt is there after all. */
  protected resume({ src, tsEventUs }: { src: string; tsEventUs: number }): LogEvent[] {
    const { fold } = this;
    if (fold.status !== 'stale' || fold.feedSrc !== src) return [];
    fold.status = this.resumedStatus();
    return [this.writer.bookStatus(tsEventUs, fold.status, { reason: 'the feed goes on' })];
  }

  /** The book's best bid and offer, where it is another than the one last told. */
  protected followBest({ tsEventUs, tsRecvUs }: Times, events: LogEvent[]): void {
    const { bids, asks, priceScale, sizeScale } = this.book;
    if (bids.length === 0 || asks.length === 0) return;
    const { bbo } = this.fold;
    const [bid, bidSize, ask, askSize] = [bids.priceOf(0), bids.sizeOf(0), asks.priceOf(0), asks.sizeOf(0)];
    if (bbo[0] === bid && bbo[1] === bidSize && bbo[2] === ask && bbo[3] === askSize) return;
    this.fold.bbo = [bid, bidSize, ask, askSize];
    const quote = {
      bidPrice: priceScale.format(bid),
      bidQty: sizeScale.format(bidSize),
      askPrice: priceScale.format(ask),
      askQty: sizeScale.format(askSize),
    };
    events.push(this.writer.bbo(tsEventUs, tsRecvUs, quote));
  }

  /** The mid, as long as nothing has been traded. */
  protected followMid({ tsEventUs }: Times, events: LogEvent[]): void {
    const { book, fold } = this;
    if (fold.traded || book.bids.length === 0 || book.asks.length === 0) return;
    const mid = book.bids.priceOf(0) + book.asks.priceOf(0);
    if (mid === fold.mid) return;
    fold.mid = mid;
    fold.market = book.midText() as string;
    events.push(this.writer.market(tsEventUs, fold.market));
  }

  #doubt(timeUs: number, reason: string, events: LogEvent[]): void {
    this.fold.status = 'stale';
    events.push(
      this.writer.bookStatus(timeUs, 'stale', { reason }),
      errorEvent(timeUs, MARKET_SOURCE_ERROR, this.symbol),
    );
  }

  /** What can be told without walking the book, which may be a thousand orders long: nobody has that for nothing. */
  #refusalAtOnce(order: PaperOrder, instrument: Instrument): OrderReason | undefined {
    if (!this.isOpen()) return 'book_not_synced';
    // One lot shows whether it meets anything.
    if (order.postOnly && meetsAnything(this.plan({ ...order, lots: 1 }))) return 'post_only';
    // At market only the plan knows what it costs.
    return order.ticks === undefined || this.desk.affords(order, instrument) ? undefined : 'insufficient_balance';
  }

  #refusal(order: PaperOrder, instrument: Instrument, plan: Plan): OrderReason | undefined {
    const best = plan.matches[0];
    if (order.ticks === undefined && best && instrument.quoteOf(best.price, order.lots) < instrument.minNotional) {
      return 'notional_too_small';
    }
    return whyExpired(order, plan) === undefined && plan.lots < order.lots && !this.hasRoom(order, plan)
      ? 'book_full'
      : undefined;
  }
}

function meetsAnything({ lots, end }: Plan): boolean {
  return lots > 0 || end === 'own_order';
}

/** Why what the plan leaves of an order cannot rest; undefined when it can. */
function whyExpired(order: PaperOrder, { end, lots }: Plan): OrderReason | undefined {
  if (order.tif === 'FOK' && lots > 0) return 'not_filled_at_once';
  if (end === 'own_order') return order.tif === 'FOK' ? 'not_filled_at_once' : 'self_trade';
  if (end === 'match_limit') return 'match_limit';
  if (order.ticks === undefined && lots === 0) return 'no_liquidity';
  return order.tif === 'GTC' ? undefined : 'not_filled_at_once';
}

/** The exact cost of a market BUY, whose price nobody knows before; undefined of any other order. */
function costOf(order: PaperOrder, matches: readonly Match[], instrument: Instrument): bigint | undefined {
  if (order.ticks !== undefined || order.side === 'SELL') return undefined;
  let cost = 0n;
  for (const { price, size } of matches) cost += instrument.quoteOf(price, size);
  return cost;
}
