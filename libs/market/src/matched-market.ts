import { L3Book, type L3Order, type Side } from '@depthcast/book';
import { type BookStatus, DepthcastError, type InputOf, type LogEvent, type OrderSide } from '@depthcast/protocol';
import type { Instrument } from './accounts/instrument.ts';
import type { OrderDesk } from './accounts/order-desk.ts';
import type { PaperOrder } from './accounts/paper-order.ts';
import { ladderJson } from './event-writer.ts';
import type { SymbolFolds } from './folds/symbol-folds.ts';
import { OrderBookWriter } from './matching/order-book-writer.ts';
import { type OrderMatch, ownSide, type Plan, planMatches, type Taker } from './matching/plan.ts';
import { PAPER_ORDERS_MAX, SymbolCore, type Times } from './symbol-core.ts';
import type { DefinedSymbol, StoredBookState, StoredOrder } from './symbol-definition.ts';
import { emptyFold, type SymbolFold } from './symbol-fold.ts';

/** Orders that a matched book holds, of flow and accounts together: its `book_snapshot` has then some 6 MB. */
export const MATCHED_ORDERS_MAX = 100_000;

const DIGIT_9 = 57;

/**
 * A symbol whose book is made here, of orders, by matching them: those of its venue's flow, which is anonymous and
 * comes from the producer whose feed is up, and those of paper accounts.
 *
 * It is open from its first `up` on. Each `up` begins the flow anew: its orders leave the book at once, those of
 * accounts keep their places. When the feed is lost the accounts go on, since the book is here. Its best bid and offer
 * are always the book's.
 */
export class MatchedMarket extends SymbolCore<L3Book> {
  readonly #changes: OrderBookWriter;
  /** What the input's trades have made the folds say: told after the book. Empty between inputs. */
  readonly #anomalies: LogEvent[] = [];
  /** The last trade that has been followed by its `market` event. */
  #toldTradeId: number;
  /** Orders of accounts in the book. */
  #paperOrders = 0;
  readonly #accountOf = (id: string): string | undefined => this.#paperOrder(id)?.account;

  constructor(
    defined: DefinedSymbol,
    folds: SymbolFolds,
    desk: OrderDesk,
    book: L3Book = new L3Book(defined.prices, defined.sizes, { ordersMax: MATCHED_ORDERS_MAX }),
    fold: SymbolFold = emptyFold(),
  ) {
    super(defined, book, folds, desk, fold);
    this.#changes = new OrderBookWriter(book, this.writer);
    this.#toldTradeId = fold.tradeId;
    this.#paperOrders = paperOrdersOf(book).length;
  }

  /**
   * An order of the flow. Nobody is told what becomes of it but by what it does to the book.
   *
   * @throws DepthcastError when it is none, or the book does not take it.
   */
  onFlowOrder(input: InputOf<'order'>, second: number): LogEvent[] {
    const { book } = this;
    const { orderId, side, tif = 'GTC', postOnly = false, tsEventUs } = input;
    // Of two producers the last to say `up` is the venue: what the other still sends has no place to go.
    if (this.fold.feedSrc !== input.src) return [];
    const ticks = input.price === undefined ? undefined : book.priceScale.parse(input.price, 'price');
    const lots = book.sizeScale.parse(input.qty, 'qty');
    if (postOnly && (ticks === undefined || tif !== 'GTC')) throw invalid('postOnly true is for GTC with a price');
    if (book.has(orderId)) throw invalid(`orderId ${orderId} is that of an order in the book`);
    const taker: Taker = { side, ticks, lots };
    const plan = planMatches(book, taker, this.#accountOf);
    const left = lots - plan.lots;
    const rests = left > 0 && plan.end === 'beyond' && ticks !== undefined && tif === 'GTC';
    if (rests && !this.#fits(side, ticks, left, plan)) throw invalid(`orderId ${orderId} finds no place in the book`);

    const events = this.resume(input);
    if ((postOnly && plan.lots > 0) || (tif === 'FOK' && left > 0)) return events;
    this.#trade(taker, undefined, plan.matches, tsEventUs, second, events);
    if (rests) this.#changes.add(orderId, side, ticks, left, tsEventUs, events);
    this.finish(input, second, events);
    return events;
  }

  /** Of an order that has gone meanwhile nothing is said: the producer's word and the match have crossed. */
  onFlowCancel(input: InputOf<'cancel'>, second: number): LogEvent[] {
    if (this.fold.feedSrc !== input.src) return [];
    const events = this.resume(input);
    this.#changes.cancel(input.orderId, input.tsEventUs, events);
    this.finish(input, second, events);
    return events;
  }

  /**
   * Another price or size of an order of the flow. One that would match at its new price leaves its place, matches, and
   * then rests as a new one.
   *
   * @throws DepthcastError when price or size are none, or the book does not take it.
   */
  onAmend(input: InputOf<'amend'>, second: number): LogEvent[] {
    const { book } = this;
    const { orderId, tsEventUs } = input;
    if (this.fold.feedSrc !== input.src) return [];
    const ticks = book.priceScale.parse(input.price, 'price');
    const lots = book.sizeScale.parse(input.qty, 'qty');
    const order = book.order(orderId);
    if (order === undefined || (order.price === ticks && order.size === lots)) return this.resume(input);
    const side = order.side === 'bid' ? 'BUY' : 'SELL';
    const taker: Taker = { side, ticks, lots };
    const plan = planMatches(book, taker, this.#accountOf);
    const left = lots - plan.lots;
    const others = book.ladder(order.side).sizeAt(ticks) - (order.price === ticks ? order.size : 0);
    if (others + left > book.sizeScale.stepsMax) throw invalid(`orderId ${orderId} finds no place in the book`);

    const events = this.resume(input);
    if (plan.lots === 0) this.#changes.replace(order, ticks, lots, tsEventUs, events);
    else {
      this.#changes.cancel(orderId, tsEventUs, events);
      this.#trade(taker, undefined, plan.matches, tsEventUs, second, events);
      if (left > 0 && plan.end === 'beyond') this.#changes.add(orderId, side, ticks, left, tsEventUs, events);
    }
    this.finish(input, second, events);
    return events;
  }

  override stored(): StoredBookState {
    return { ...super.stored(), orders: { bids: this.#storedOrders('bid'), asks: this.#storedOrders('ask') } };
  }

  protected onUp({ reason, tsEventUs, tsRecvUs }: InputOf<'feed'>, second: number): LogEvent[] {
    const { book, fold, writer } = this;
    const kept = paperOrdersOf(book);
    book.clear();
    for (const { id, side, price, size, tsUs } of kept) book.add(id, side, price, size, tsUs);
    this.folds.onBook();
    fold.last++;
    fold.tsEventUs = tsEventUs;
    fold.checksumSecond = second;
    fold.status = 'synced';
    fold.isOpen = true;
    const { last } = fold;
    const bids = ladderJson(book.bids, book.priceScale, book.sizeScale);
    const asks = ladderJson(book.asks, book.priceScale, book.sizeScale);
    const events = [
      writer.bookStatus(tsEventUs, 'buffering', { reason }),
      writer.bookChange({ tsEventUs, first: last, last }, true, bids, asks, book.checksum()),
      writer.bookOrders(tsEventUs, last, book),
      writer.bookStatus(tsEventUs, 'synced'),
    ];
    this.followBest({ tsEventUs, tsRecvUs }, events);
    this.followMid({ tsEventUs, tsRecvUs }, events);
    return events;
  }

  protected onLost(): void {}

  protected resumedStatus(): BookStatus {
    return 'synced';
  }

  protected isOpen(): boolean {
    return this.fold.isOpen;
  }

  protected plan(order: PaperOrder): Plan<OrderMatch> {
    return planMatches(this.book, order, this.#accountOf);
  }

  protected hasRoom(order: PaperOrder, plan: Plan): boolean {
    const left = order.lots - plan.lots;
    return this.#paperOrders < PAPER_ORDERS_MAX && this.#fits(order.side, order.ticks as number, left, plan);
  }

  protected execute(
    order: PaperOrder,
    _instrument: Instrument,
    matches: readonly OrderMatch[],
    tsEventUs: number,
    second: number,
    events: LogEvent[],
  ): void {
    this.#trade(order, order, matches, tsEventUs, second, events);
  }

  protected rest(order: PaperOrder, tsEventUs: number, events: LogEvent[]): void {
    const left = order.lots - order.executed;
    this.#changes.add(order.venueOrderId, order.side, order.ticks as number, left, tsEventUs, events);
    this.#paperOrders++;
  }

  protected withdraw(order: PaperOrder, tsEventUs: number, events: LogEvent[]): void {
    this.#changes.cancel(order.venueOrderId, tsEventUs, events);
    this.#paperOrders--;
  }

  /** What an input has made of the book as a whole: its levels, its best, its price. */
  protected finish(times: Times, second: number, events: LogEvent[]): void {
    if (!this.#changes.isTouched) return;
    const { fold } = this;
    const due = fold.checksumSecond !== second;
    fold.checksumSecond = second;
    fold.last++;
    fold.tsEventUs = times.tsEventUs;
    this.#changes.levels(fold.last, times.tsEventUs, due, events);
    this.folds.onBook();
    this.followBest(times, events);
    if (fold.tradeId === this.#toldTradeId) {
      this.followMid(times, events);
      return;
    }
    this.#toldTradeId = fold.tradeId;
    events.push(this.writer.market(times.tsEventUs, fold.market));
    if (this.#anomalies.length > 0) events.push(...this.#anomalies.splice(0));
  }

  /** @param order the taker's, where it is an account's. */
  #trade(
    taker: Taker,
    order: PaperOrder | undefined,
    matches: readonly OrderMatch[],
    tsEventUs: number,
    second: number,
    events: LogEvent[],
  ): void {
    const { book, fold, desk } = this;
    const instrument = this.defined.instrument as Instrument;
    const buys = taker.side === 'BUY';
    for (const { id, price, size } of matches) {
      const maker = this.#paperOrder(id);
      fold.tradeId++;
      fold.traded = true;
      fold.market = book.priceScale.format(price);
      events.push(this.writer.trade(tsEventUs, fold.tradeId, fold.market, book.sizeScale.format(size), taker.side));
      const gone = this.#changes.fill(id, buys ? 'SELL' : 'BUY', price, size, tsEventUs, events);
      if (order) desk.fill(order, instrument, size, price, maker !== undefined, tsEventUs, events);
      if (maker) desk.fill(maker, instrument, size, price, order !== undefined, tsEventUs, events);
      if (maker && gone) this.#paperOrders--;
      this.folds.onTrade({ tsEventUs, ticks: price, lots: size, buys }, second, this.#anomalies);
    }
  }

  /** Whether an order of which so much is left after the plan finds a place. */
  #fits(side: OrderSide, ticks: number, left: number, plan: Plan): boolean {
    const { book } = this;
    // What trades with all that it reaches has made room.
    if (book.orderCount === book.ordersMax && plan.lots === 0) return false;
    return book.ladder(ownSide(side)).sizeAt(ticks) + left <= book.sizeScale.stepsMax;
  }

  #paperOrder(id: string): PaperOrder | undefined {
    return isPaper(id) ? this.desk.byVenueId(id) : undefined;
  }

  #storedOrders(side: Side): StoredOrder[] {
    const { priceScale, sizeScale } = this.book;
    return Array.from(this.book.orders(side), ({ id, price, size, tsUs }): StoredOrder => {
      return [id, priceScale.format(price), sizeScale.format(size), tsUs];
    });
  }
}

/** The market numbers the orders of accounts; ids of a flow begin with a letter. */
function isPaper(id: string): boolean {
  return id.charCodeAt(0) <= DIGIT_9;
}

/** By side and priority. */
function paperOrdersOf(book: L3Book): L3Order[] {
  return [...book.orders('bid'), ...book.orders('ask')].filter(({ id }) => isPaper(id));
}

function invalid(message: string): DepthcastError {
  return new DepthcastError('INPUT_INVALID', message);
}
