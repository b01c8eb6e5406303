import { shown } from '@depthcast/book';
import { DepthcastError, type InputOf, type LogEvent } from '@depthcast/protocol';
import type { OrderDesk } from './accounts/order-desk.ts';
import { SymbolFolds } from './folds/symbol-folds.ts';
import type { MarketOptions } from './market-options.ts';
import { MatchedMarket } from './matched-market.ts';
import { type DefinedSymbol, defined, isAnother } from './symbol-definition.ts';
import { emptyFold, type SymbolFold } from './symbol-fold.ts';
import { SymbolMarket } from './symbol-market.ts';

/** A further symbol is refused. */
export const SYMBOLS_MAX = 10_000;

/**
 * Once a clock input has given so many events, the symbols that are left have their turn with the next one: the events
 * of an input are appended as a whole, which 16,000 of them can be. Enough for 1,500 symbols each second, or 600 at
 * midnight.
 */
export const CLOCK_EVENTS_MAX = 12_000;

export type AnySymbol = SymbolMarket | MatchedMarket;

/** The symbols of a partition. */
export class SymbolTable {
  readonly #options: MarketOptions;
  readonly #desk: OrderDesk;
  /** In the order of definition; a symbol that is defined anew keeps its place. */
  readonly #symbols = new Map<string, AnySymbol>();
  readonly #names: string[] = [];
  /** Index in {@link #names} of the symbol whose turn with the clock is next. */
  #turn: number;

  constructor(options: MarketOptions, desk: OrderDesk, turn = 0) {
    this.#options = options;
    this.#desk = desk;
    this.#turn = turn;
  }

  get turn(): number {
    return this.#turn;
  }

  all(): IterableIterator<AnySymbol> {
    return this.#symbols.values();
  }

  find(symbol: string): AnySymbol | undefined {
    return this.#symbols.get(symbol);
  }

  /** @throws DepthcastError `INPUT_INVALID` when no `symbol` input has defined it. */
  get(symbol: string): AnySymbol {
    const known = this.#symbols.get(symbol);
    if (known === undefined) {
      throw new DepthcastError('INPUT_INVALID', `symbol ${shown(symbol)} is not one that a symbol input has defined`);
    }
    return known;
  }

  /** @throws DepthcastError `INPUT_INVALID` when its book is not its venue's. */
  levels(symbol: string): SymbolMarket {
    const known = this.get(symbol);
    if (known instanceof SymbolMarket) return known;
    throw new DepthcastError('INPUT_INVALID', `symbol ${symbol} is matched here, from orders alone`);
  }

  /** @throws DepthcastError `INPUT_INVALID` when its book is not made here. */
  matched(symbol: string): MatchedMarket {
    const known = this.get(symbol);
    if (known instanceof MatchedMarket) return known;
    throw new DepthcastError('INPUT_INVALID', `symbol ${symbol} is not matched here: it takes orders of accounts only`);
  }

  /**
   * A symbol as its venue defines it. One that is no longer what it was begins with an empty book, and the open orders
   * of accounts end.
   *
   * @throws DepthcastError naming the field.
   */
  define(input: InputOf<'symbol'>): LogEvent[] {
    const { symbol, venue, tick, step, depthRule, quotes, trading, src } = input;
    const next = defined({ symbol, venue, tick, step, depthRule, quotes, src, ...(trading ? { trading } : {}) });
    const known = this.#symbols.get(symbol);
    if (known !== undefined && !isAnother(known.defined, next)) {
      const said = known.defined.described === next.described;
      known.defined = next;
      return said ? [] : [known.describe(input.tsRecvUs)];
    }
    if (known === undefined && this.#symbols.size >= SYMBOLS_MAX) {
      throw new DepthcastError('INPUT_INVALID', `symbol ${symbol} is one more than ${SYMBOLS_MAX}`);
    }
    const events: LogEvent[] = [];
    if (known !== undefined) this.#endOrders(symbol, input.tsRecvUs, events);
    const fresh = this.#fresh(next, known);
    this.add(fresh);
    const reason = known === undefined ? 'new symbol' : 'tick, step, depth rule or assets changed';
    events.push(fresh.describe(input.tsRecvUs), fresh.begin(input.tsRecvUs, reason));
    return events;
  }

  /** As it is remembered, or has been made anew. */
  add(symbol: AnySymbol): void {
    if (!this.#symbols.has(symbol.symbol)) this.#names.push(symbol.symbol);
    this.#symbols.set(symbol.symbol, symbol);
  }

  /** Event time moved to `second`: each in its turn, up to {@link CLOCK_EVENTS_MAX}. */
  onClock(second: number, isSilent: (src: string) => boolean, events: LogEvent[]): void {
    const names = this.#names;
    for (let i = 0; i < names.length; i++) {
      if (events.length >= CLOCK_EVENTS_MAX) return;
      this.#symbols.get(names[this.#turn] as string)?.onClock(second, isSilent, events);
      this.#turn = (this.#turn + 1) % names.length;
    }
    this.#turn = 0;
  }

  #endOrders(symbol: string, timeUs: number, events: LogEvent[]): void {
    const open = Array.from(this.#desk.openOrders()).filter((order) => order.symbol === symbol);
    for (const order of open) this.#desk.close(order, 'CANCELLED', 'symbol_changed', timeUs, events);
  }

  #fresh(next: DefinedSymbol, known: AnySymbol | undefined): AnySymbol {
    const folds = foldsFor(next, this.#options, known);
    return next.definition.depthRule === 'matched'
      ? new MatchedMarket(next, folds, this.#desk, undefined, matchedFold(known))
      : new SymbolMarket(next, folds, this.#desk, undefined, freshFold(known));
  }
}

/**
 * Of an empty book. What is said of the symbol's trades goes on from what it was, and so do the numbers that a matched
 * symbol gives, even where its book has been its venue's in between: no two trades of a symbol have one `trade_id`.
 */
function freshFold(known: AnySymbol | undefined): SymbolFold {
  if (known === undefined) return emptyFold();
  const { traded, market, tradeId, last, matchedLast } = known.fold;
  return {
    ...emptyFold(),
    traded,
    market,
    tradeId,
    matchedLast: known instanceof MatchedMarket ? last : matchedLast,
  };
}

function matchedFold(known: AnySymbol | undefined): SymbolFold {
  const fold = freshFold(known);
  return { ...fold, last: fold.matchedLast };
}

/** Bars and averages outlive a new book, but not another tick or step: they count in these. */
function foldsFor(
  { definition, prices, sizes }: DefinedSymbol,
  options: MarketOptions,
  known?: AnySymbol,
): SymbolFolds {
  if (known?.defined.prices.step === prices.step && known.defined.sizes.step === sizes.step) return known.folds;
  return new SymbolFolds(definition.symbol, prices, sizes, options);
}
