import { canonicalText, DepthSync, L2Book, type WireLevel } from '@depthcast/book';
import { type BookStatus, DepthcastError, type InputOf, type LogEvent, type Scale } from '@depthcast/protocol';
import type { Instrument } from './accounts/instrument.ts';
import type { OrderDesk } from './accounts/order-desk.ts';
import type { PaperOrder } from './accounts/paper-order.ts';
import { ladderJson, levelsJson } from './event-writer.ts';
import type { SymbolFolds } from './folds/symbol-folds.ts';
import { type Match, makerSide, ownSide, type Plan, planLevels } from './matching/plan.ts';
import { PaperQueue } from './paper-queue.ts';
import { PAPER_ORDERS_MAX, SymbolCore, type Times } from './symbol-core.ts';
import type { DefinedSymbol } from './symbol-definition.ts';
import { emptyFold, type SymbolFold } from './symbol-fold.ts';

const NEVER = -1;

/** What is kept of a diff until the book can take it. */
export interface DepthDiff {
  readonly first: number;
  readonly last: number;
  readonly prev?: number;
  readonly tsEventUs: number;
  readonly bids: readonly WireLevel[];
  readonly asks: readonly WireLevel[];
}

/**
 * A symbol whose book is its venue's: levels, kept in step with what the venue says. Paper orders meet what is shown
 * there, and nothing of them can be seen by anyone but their accounts.
 */
export class SymbolMarket extends SymbolCore<L2Book> {
  readonly sync: DepthSync<DepthDiff>;
  readonly queue: PaperQueue;

  constructor(
    defined: DefinedSymbol,
    folds: SymbolFolds,
    desk: OrderDesk,
    sync: DepthSync<DepthDiff> = new DepthSync<DepthDiff>(defined.definition.depthRule),
    fold: SymbolFold = emptyFold(),
    queue: PaperQueue = new PaperQueue(),
  ) {
    super(defined, new L2Book(defined.prices, defined.sizes), folds, desk, fold);
    this.sync = sync;
    this.queue = queue;
  }

  onDepth(input: InputOf<'depth'>, second: number): LogEvent[] {
    const { bids, asks, first, last, prev, tsEventUs } = input;
    if (this.defined.definition.depthRule === 'usdm' && prev === undefined) {
      throw new DepthcastError('INPUT_INVALID', 'prev undefined is not a whole number ≥ 0, which usdm symbols need');
    }
    this.book.stage(bids, asks);
    const events = this.resume(input);
    if (this.fold.status === 'stale') return [];
    const diff: DepthDiff = { first, last, ...(prev === undefined ? {} : { prev }), tsEventUs, bids, asks };
    const verdict = this.sync.onDiff(diff);
    if (verdict.kind === 'gap') {
      this.fold.status = 'gap';
      events.push(this.writer.bookStatus(tsEventUs, 'gap', { expected: verdict.expected, got: verdict.got }));
    }
    if (verdict.kind !== 'apply') return events;
    events.push(this.#applyStaged(diff, second));
    this.#follow(input, events);
    return events;
  }

  onDepthSnapshot(input: InputOf<'depth_snapshot'>, second: number): LogEvent[] {
    const { book, fold } = this;
    const { last, tsEventUs } = input;
    book.stage(input.bids, input.asks);
    const events = this.resume(input);
    if (fold.status === 'stale') return [];
    const verdict = this.sync.onSnapshot(last);
    if (verdict.kind === 'ignored') return events;
    if (verdict.kind === 'refetch') {
      fold.status = 'buffering';
      const reason = `the snapshot is of update ${last}, older than the first buffered one, ${verdict.first}`;
      events.push(this.writer.bookStatus(tsEventUs, 'buffering', { reason }));
      return events;
    }
    book.commitReplace();
    this.folds.onBook();
    this.queue.onReplaced(book);
    fold.last = last;
    fold.tsEventUs = tsEventUs;
    fold.checksumSecond = second;
    const bids = ladderJson(book.bids, book.priceScale, book.sizeScale);
    const asks = ladderJson(book.asks, book.priceScale, book.sizeScale);
    events.push(this.writer.bookChange({ tsEventUs, first: last, last }, true, bids, asks, book.checksum()));
    for (const diff of verdict.replay) {
      // It was accepted when it was buffered, by the same scales.
      book.stage(diff.bids, diff.asks);
      events.push(this.#applyStaged(diff, second));
    }
    fold.status = 'synced';
    events.push(this.writer.bookStatus(tsEventUs, 'synced'));
    this.#follow(input, events);
    return events;
  }

  onQuote(input: InputOf<'quote'>): LogEvent[] {
    const { priceScale, sizeScale } = this.book;
    const quote = {
      bidPrice: readText(priceScale, input.bidPrice, 'bidPrice'),
      bidQty: readText(sizeScale, input.bidQty, 'bidQty'),
      askPrice: readText(priceScale, input.askPrice, 'askPrice'),
      askQty: readText(sizeScale, input.askQty, 'askQty'),
    };
    if (input.last <= this.fold.quoteLast) return [];
    this.fold.quoteLast = input.last;
    return [this.writer.bbo(input.tsEventUs, input.tsRecvUs, quote)];
  }

  /** A trade at the venue, and then what it does to paper orders. */
  onTrade(input: InputOf<'trade'>, second: number): LogEvent[] {
    const { priceScale, sizeScale } = this.book;
    const { tsEventUs, side } = input;
    const ticks = priceScale.parse(input.price, 'price');
    const lots = sizeScale.parse(input.qty, 'qty');
    const price = canonicalText(priceScale, input.price);
    this.fold.traded = true;
    this.fold.market = price;
    const events = [
      this.writer.trade(tsEventUs, input.tradeId, price, canonicalText(sizeScale, input.qty), side),
      this.writer.market(tsEventUs, price),
    ];
    this.folds.onTrade({ tsEventUs, ticks, lots, buys: side === 'BUY' }, second, events);
    if (this.queue.length > 0) {
      const instrument = this.defined.instrument as Instrument;
      for (const { order, lots: filled } of this.queue.onTrade(side, ticks, lots)) {
        this.desk.fill(order, instrument, filled, order.ticks as number, false, tsEventUs, events);
      }
    }
    return events;
  }

  protected onUp(input: InputOf<'feed'>): LogEvent[] {
    this.sync.reset();
    // A venue that was restarted may count its quotes anew.
    this.fold.quoteLast = NEVER;
    this.fold.status = 'buffering';
    return [this.writer.bookStatus(input.tsEventUs, 'buffering', { reason: input.reason })];
  }

  /** The old book keeps serving, and depth that still trickles in is ignored: `up` starts a new sync anyway. */
  protected onLost(): void {
    this.sync.reset();
  }

  protected resumedStatus(): BookStatus {
    return this.sync.state;
  }

  protected isOpen(): boolean {
    return this.fold.status === 'synced';
  }

  protected plan(order: PaperOrder): Plan {
    return planLevels(this.book, order, (side, price) => this.queue.takenOf(side, price));
  }

  protected hasRoom(): boolean {
    return this.queue.length < PAPER_ORDERS_MAX;
  }

  /** The venue did not trade: there is no `trade` event. */
  protected execute(
    order: PaperOrder,
    instrument: Instrument,
    matches: readonly Match[],
    tsEventUs: number,
    _second: number,
    events: LogEvent[],
  ): void {
    const side = makerSide(order.side);
    for (const { price, size } of matches) {
      this.queue.take(side, price, size);
      this.desk.fill(order, instrument, size, price, false, tsEventUs, events);
    }
  }

  protected rest(order: PaperOrder): void {
    this.queue.add(order, this.book.ladder(ownSide(order.side)).sizeAt(order.ticks as number));
  }

  protected withdraw(order: PaperOrder): void {
    this.queue.remove(order);
  }

  protected finish(): void {}

  /** Puts what is staged into the book and tells of it, with a checksum once a second of event time. */
  #applyStaged(diff: DepthDiff, second: number): LogEvent {
    const { book, fold, queue } = this;
    book.commit();
    this.folds.onBook();
    if (!queue.isIdle) {
      this.#showQueue('bid', diff.bids);
      this.#showQueue('ask', diff.asks);
    }
    fold.last = diff.last;
    fold.tsEventUs = diff.tsEventUs;
    const due = fold.checksumSecond !== second;
    fold.checksumSecond = second;
    const bids = levelsJson(diff.bids, book.priceScale, book.sizeScale);
    const asks = levelsJson(diff.asks, book.priceScale, book.sizeScale);
    return this.writer.bookChange(diff, false, bids, asks, due ? book.checksum() : undefined);
  }

  #showQueue(side: 'bid' | 'ask', levels: readonly WireLevel[]): void {
    const { book, queue } = this;
    for (const [text] of levels) {
      const price = book.priceScale.parse(text);
      queue.onLevel(side, price, book.ladder(side).sizeAt(price));
    }
  }

  #follow(times: Times, events: LogEvent[]): void {
    if (!this.defined.definition.quotes) this.followBest(times, events);
    this.followMid(times, events);
  }
}

/** A decimal's one spelling. @throws DepthcastError `DECIMAL_…` naming `field`. */
function readText(scale: Scale, text: string, field: string): string {
  scale.parse(text, field);
  return canonicalText(scale, text);
}
