import type { PriceBook } from '@depthcast/book';
import type { LogEvent, Scale } from '@depthcast/protocol';
import type { MarketOptions } from '../market-options.ts';
import { Analytics, type AnalyticsMemory } from './analytics.ts';
import { FoldEventWriter } from './fold-event-writer.ts';
import { type Trade, TradeFolds, type TradeFoldsMemory } from './trade-folds.ts';
import { WideSpread, type WideSpreadMemory } from './wide-spread.ts';

export interface SymbolFoldsMemory {
  /** Absent until the first trade. */
  readonly trades: TradeFoldsMemory | null;
  readonly analytics: AnalyticsMemory;
  readonly wideSpread: WideSpreadMemory;
}

/**
 * Everything that is derived from one symbol's trades and book: bars, ticker, analytics, anomalies. Trades cost some
 * additions each; the events come with the clock. A symbol that has never traded has no part of it but the book's.
 */
export class SymbolFolds {
  readonly #options: MarketOptions;
  readonly #writer: FoldEventWriter;
  readonly #analytics: Analytics;
  readonly #wideSpread: WideSpread;
  #trades: TradeFolds | undefined;

  constructor(symbol: string, prices: Scale, sizes: Scale, options: MarketOptions, memory?: SymbolFoldsMemory) {
    this.#options = options;
    this.#writer = new FoldEventWriter(symbol, prices, sizes);
    this.#analytics = new Analytics(this.#writer, memory?.analytics);
    this.#wideSpread = new WideSpread(options, this.#writer, memory?.wideSpread);
    if (memory?.trades) this.#trades = new TradeFolds(options, this.#writer, 0, memory.trades);
  }

  memory(): SymbolFoldsMemory {
    return {
      trades: this.#trades?.memory() ?? null,
      analytics: this.#analytics.memory(),
      wideSpread: this.#wideSpread.memory(),
    };
  }

  onTrade(trade: Trade, second: number, events: LogEvent[]): void {
    this.#trades ??= new TradeFolds(this.#options, this.#writer, second);
    this.#trades.onTrade(trade, second, events);
    this.#analytics.onChange();
  }

  /** The book is another. */
  onBook(): void {
    this.#analytics.onChange();
  }

  /**
   * Event time moved to `second`.
   *
   * @param book where it is synced.
   * @param price text of the last trade's, where there was one.
   */
  onClock(second: number, book: PriceBook | undefined, price: string, events: LogEvent[]): void {
    const trades = this.#trades;
    if (trades !== undefined) {
      if (trades.rolling.advance(second)) this.#analytics.onChange();
      trades.bars.onClock(second, events);
      events.push(this.#writer.ticker(second, price, trades.rolling.volumeText(this.#writer.sizes)));
      trades.largeTrade.onClock();
    }
    if (book !== undefined) this.#analytics.onClock(second, book, trades, events);
    trades?.volumeSpike.onClock(second, events);
    if (book === undefined) this.#wideSpread.onUnsynced();
    else this.#wideSpread.onClock(second, book, events);
  }
}
