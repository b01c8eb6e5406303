import { canonicalText, DepthSync, L2Book, type WireLevel } from '@depthcast/book';
import {
  type BookStatus,
  DepthcastError,
  type DepthRule,
  type InputOf,
  type LogEvent,
  type Scale,
} from '@depthcast/protocol';
import { errorEvent, ladderJson, levelsJson, SymbolEventWriter } from './event-writer.ts';
import type { SymbolFolds } from './folds/symbol-folds.ts';

/** Event time between two `book_snapshot` events of a symbol. */
export const BOOK_SNAPSHOT_EVERY_US = 60_000_000;
/** The VeloZ seed's message for a lost venue. */
const MARKET_SOURCE_ERROR = 'market_source_error';
const NEVER = -1;
const US_PER_SECOND = 1_000_000;

/** What is kept of a diff until the book can take it. */
export interface DepthDiff {
  readonly first: number;
  readonly last: number;
  readonly prev?: number;
  readonly tsEventUs: number;
  readonly bids: readonly WireLevel[];
  readonly asks: readonly WireLevel[];
}

/** What a symbol is, as its venue says. */
export interface SymbolDefinition {
  readonly symbol: string;
  readonly venue: string;
  readonly depthRule: DepthRule;
  readonly quotes: boolean;
  /** The producer that defined it last. */
  readonly src: string;
}

/** The scalar part of a symbol's state: everything but the book, the sync and the definition. Plain data. */
export interface SymbolFold {
  status: BookStatus;
  /** The producer whose feed is up: that of the last `up`, '' once it has said `down`. */
  feedSrc: string;
  /** Last update id in the book. */
  last: number;
  /** Venue time of the last change of the book. */
  tsEventUs: number;
  /** Text of the last `market` price, '' before the first. */
  market: string;
  traded: boolean;
  /** Half ticks of the mid that was last published, -1 before the first. */
  mid: number;
  /** Best bid and ask that were last published: price, size, price, size in ticks and lots. */
  bbo: [number, number, number, number];
  /** Update id of the last quote. */
  quoteLast: number;
  /** Event-time second of the last checksum. */
  checksumSecond: number;
  /** Event time of the last `book_snapshot`. */
  snapshotUs: number;
}

export function emptyFold(): SymbolFold {
  return {
    status: 'buffering',
    feedSrc: '',
    last: 0,
    tsEventUs: 0,
    market: '',
    traded: false,
    mid: NEVER,
    bbo: [NEVER, NEVER, NEVER, NEVER],
    quoteLast: NEVER,
    checksumSecond: NEVER,
    snapshotUs: NEVER,
  };
}

/**
 * One symbol: its book, kept in step with the venue, and what follows from it. Every method first reads all that it
 * needs of its input, and throws a DepthcastError before anything has changed.
 */
export class SymbolMarket {
  definition: SymbolDefinition;
  readonly book: L2Book;
  readonly sync: DepthSync<DepthDiff>;
  readonly fold: SymbolFold;
  /** What is derived from its trades and its book. */
  readonly folds: SymbolFolds;
  readonly #writer: SymbolEventWriter;

  constructor(
    definition: SymbolDefinition,
    book: L2Book,
    folds: SymbolFolds,
    sync: DepthSync<DepthDiff> = new DepthSync<DepthDiff>(definition.depthRule),
    fold: SymbolFold = emptyFold(),
  ) {
    this.definition = definition;
    this.book = book;
    this.folds = folds;
    this.sync = sync;
    this.fold = fold;
    this.#writer = new SymbolEventWriter(definition.symbol);
  }

  /** The symbol is new, or no longer what it was: its book begins empty. */
  begin(timeUs: number, reason: string): LogEvent[] {
    return [this.#writer.bookStatus(timeUs, 'buffering', { reason })];
  }

  /**
   * `down`: the old book keeps serving, as stale, and depth that still trickles in is ignored, since `up` starts a
   * new sync anyway. Said once, however often a venue that cannot be reached is tried.
   *
   * The feed is that of the last producer to say `up`. When one takes over from another, in a rolling restart, the old
   * one's `down` comes last and changes nothing. But a producer that has just defined the symbol and has no feed yet
   * puts the other's in doubt, which may have died without a word: the book is stale until that one is heard again.
   */
  onFeed(input: InputOf<'feed'>): LogEvent[] {
    const { fold } = this;
    if (input.status === 'down') {
      const own = fold.feedSrc === '' || fold.feedSrc === input.src;
      if (!own && this.definition.src !== input.src) return [];
      if (own) {
        this.sync.reset();
        fold.feedSrc = '';
      }
      if (fold.status === 'stale') return [];
      fold.status = 'stale';
      return [
        this.#writer.bookStatus(input.tsEventUs, 'stale', { reason: input.reason }),
        errorEvent(input.tsEventUs, MARKET_SOURCE_ERROR, this.definition.symbol),
      ];
    }
    this.sync.reset();
    fold.feedSrc = input.src;
    // A venue that was restarted may count its quotes anew.
    fold.quoteLast = NEVER;
    fold.status = 'buffering';
    return [this.#writer.bookStatus(input.tsEventUs, 'buffering', { reason: input.reason })];
  }

  onDepth(input: InputOf<'depth'>, second: number): LogEvent[] {
    const { bids, asks, first, last, prev, tsEventUs } = input;
    if (this.definition.depthRule === 'usdm' && prev === undefined) {
      throw new DepthcastError('INPUT_INVALID', 'prev undefined is not a whole number ≥ 0, which usdm symbols need');
    }
    this.book.stage(bids, asks);
    const events = this.#resume(input);
    if (this.fold.status === 'stale') return [];
    const diff: DepthDiff = { first, last, ...(prev === undefined ? {} : { prev }), tsEventUs, bids, asks };
    const verdict = this.sync.onDiff(diff);
    if (verdict.kind === 'gap') {
      this.fold.status = 'gap';
      events.push(this.#writer.bookStatus(tsEventUs, 'gap', { expected: verdict.expected, got: verdict.got }));
    }
    if (verdict.kind !== 'apply') return events;
    events.push(this.#applyStaged(diff, second));
    this.#follow(tsEventUs, input.tsRecvUs, events);
    return events;
  }

  onDepthSnapshot(input: InputOf<'depth_snapshot'>, second: number): LogEvent[] {
    const { book, fold } = this;
    const { last, tsEventUs } = input;
    book.stage(input.bids, input.asks);
    const events = this.#resume(input);
    if (fold.status === 'stale') return [];
    const verdict = this.sync.onSnapshot(last);
    if (verdict.kind === 'ignored') return events;
    if (verdict.kind === 'refetch') {
      fold.status = 'buffering';
      const reason = `the snapshot is of update ${last}, older than the first buffered one, ${verdict.first}`;
      events.push(this.#writer.bookStatus(tsEventUs, 'buffering', { reason }));
      return events;
    }
    book.commitReplace();
    this.folds.onBook();
    fold.last = last;
    fold.tsEventUs = tsEventUs;
    fold.checksumSecond = second;
    const bids = ladderJson(book.bids, book.priceScale, book.sizeScale);
    const asks = ladderJson(book.asks, book.priceScale, book.sizeScale);
    events.push(this.#writer.bookChange({ tsEventUs, first: last, last }, true, bids, asks, book.checksum()));
    for (const diff of verdict.replay) {
      // It was accepted when it was buffered, by the same scales.
      book.stage(diff.bids, diff.asks);
      events.push(this.#applyStaged(diff, second));
    }
    fold.status = 'synced';
    events.push(this.#writer.bookStatus(tsEventUs, 'synced'));
    this.#follow(tsEventUs, input.tsRecvUs, events);
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
    return [this.#writer.bbo(input.tsEventUs, input.tsRecvUs, quote)];
  }

  onTrade(input: InputOf<'trade'>, second: number): LogEvent[] {
    const { priceScale, sizeScale } = this.book;
    const { tsEventUs } = input;
    const ticks = priceScale.parse(input.price, 'price');
    const lots = sizeScale.parse(input.qty, 'qty');
    const price = canonicalText(priceScale, input.price);
    this.fold.traded = true;
    this.fold.market = price;
    const events = [
      this.#writer.trade(tsEventUs, input.tradeId, price, canonicalText(sizeScale, input.qty), input.side),
      this.#writer.market(tsEventUs, price),
    ];
    this.folds.onTrade({ tsEventUs, ticks, lots, buys: input.side === 'BUY' }, second, events);
    return events;
  }

  /** Event time moved to `second`. */
  onClock(second: number, events: LogEvent[]): void {
    const { fold, book } = this;
    const timeUs = second * US_PER_SECOND;
    const synced = fold.status === 'synced';
    if (synced && (fold.snapshotUs === NEVER || timeUs - fold.snapshotUs >= BOOK_SNAPSHOT_EVERY_US)) {
      fold.snapshotUs = timeUs;
      events.push(this.#writer.bookSnapshot(timeUs, fold.last, book));
    }
    this.folds.onClock(second, synced ? book : undefined, fold.market, events);
  }

  /** The feed that was put in doubt is there after all. */
  #resume({ src, tsEventUs }: { src: string; tsEventUs: number }): LogEvent[] {
    const { fold, sync } = this;
    if (fold.status !== 'stale' || fold.feedSrc !== src) return [];
    fold.status = sync.state;
    return [this.#writer.bookStatus(tsEventUs, sync.state, { reason: 'the feed goes on' })];
  }

  /** Puts what is staged into the book and tells of it, with a checksum once a second of event time. */
  #applyStaged(diff: DepthDiff, second: number): LogEvent {
    const { book, fold } = this;
    book.commit();
    this.folds.onBook();
    fold.last = diff.last;
    fold.tsEventUs = diff.tsEventUs;
    const due = fold.checksumSecond !== second;
    fold.checksumSecond = second;
    const bids = levelsJson(diff.bids, book.priceScale, book.sizeScale);
    const asks = levelsJson(diff.asks, book.priceScale, book.sizeScale);
    return this.#writer.bookChange(diff, false, bids, asks, due ? book.checksum() : undefined);
  }

  /** What follows from a changed book: its best bid and offer, and the mid as long as nothing has been traded. */
  #follow(tsEventUs: number, tsRecvUs: number, events: LogEvent[]): void {
    const { book, fold } = this;
    const { bids, asks, priceScale, sizeScale } = book;
    if (bids.length === 0 || asks.length === 0) return;
    const [bid, bidSize, ask, askSize] = [bids.priceOf(0), bids.sizeOf(0), asks.priceOf(0), asks.sizeOf(0)];
    if (!this.definition.quotes) {
      const { bbo } = fold;
      if (bbo[0] !== bid || bbo[1] !== bidSize || bbo[2] !== ask || bbo[3] !== askSize) {
        fold.bbo = [bid, bidSize, ask, askSize];
        const quote = {
          bidPrice: priceScale.format(bid),
          bidQty: sizeScale.format(bidSize),
          askPrice: priceScale.format(ask),
          askQty: sizeScale.format(askSize),
        };
        events.push(this.#writer.bbo(tsEventUs, tsRecvUs, quote));
      }
    }
    if (!fold.traded && bid + ask !== fold.mid) {
      fold.mid = bid + ask;
      fold.market = book.midText() as string;
      events.push(this.#writer.market(tsEventUs, fold.market));
    }
  }
}

/** A decimal's one spelling. @throws DepthcastError `DECIMAL_…` naming `field`. */
function readText(scale: Scale, text: string, field: string): string {
  scale.parse(text, field);
  return canonicalText(scale, text);
}
