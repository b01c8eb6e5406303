import type { PriceBook } from '@depthcast/book';
import type { LogEvent } from '@depthcast/protocol';
import type { FoldEventWriter } from './fold-event-writer.ts';
import { shareText, signedText } from './number-text.ts';
import type { TradeFolds } from './trade-folds.ts';

/** Levels a side that the imbalance is of. */
export const IMBALANCE_LEVELS = 5;

/** Whether anything has changed since, and what was said last, but for its time. */
export type AnalyticsMemory = readonly [due: boolean, said: string];

/** The state of a symbol's book and trades, told each second in which it is another than the one told last. */
export class Analytics {
  readonly #writer: FoldEventWriter;
  #due: boolean;
  #said: string;

  constructor(writer: FoldEventWriter, memory?: AnalyticsMemory) {
    this.#writer = writer;
    this.#due = memory?.[0] ?? false;
    this.#said = memory?.[1] ?? '';
  }

  memory(): AnalyticsMemory {
    return [this.#due, this.#said];
  }

  onChange(): void {
    this.#due = true;
  }

  /** Of a synced book. */
  onClock(second: number, book: PriceBook, trades: TradeFolds | undefined, events: LogEvent[]): void {
    if (!this.#due) return;
    this.#due = false;
    const { prices, sizes } = this.#writer;
    const spread = book.spread();
    const best = spread === undefined ? '' : `,"spread":${signedText(prices, spread)},"mid":${book.midText()}`;
    const imbalance = shareText(book.imbalance(IMBALANCE_LEVELS));
    const none = sizes.format(0);
    const traded =
      trades?.rolling.json(prices, sizes) ?? `,"buy_volume":${none},"sell_volume":${none},"buy_sell_ratio":null`;
    const { lateTrades = 0, earlyTrades = 0 } = trades?.bars ?? {};
    const said = `${best},"imbalance":${imbalance}${traded},"late_trades":${lateTrades},"early_trades":${earlyTrades}}`;
    if (said === this.#said) return;
    this.#said = said;
    events.push(this.#writer.analytics(second * 1_000_000, said));
  }
}
