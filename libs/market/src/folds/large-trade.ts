import type { LogEvent } from '@depthcast/protocol';
import type { MarketOptions } from '../market-options.ts';
import { Episode } from './episode.ts';
import type { FoldEventWriter } from './fold-event-writer.ts';
import { roundedText } from './number-text.ts';

/** Sizes the quantile is taken of: the last so many trades'. */
export const SIZES_MAX = 512;
/** The quantile is taken anew by the clock after so many trades: sorting 512 sizes costs as much as 10 trades. */
export const FRESH_SIZES_MIN = 64;

/** Lots oldest first, how many of them are newer than the quantile, the quantile in lots, episode. */
export type LargeTradeMemory = readonly [readonly number[], number, number, number];

const UNKNOWN = -1;

const sorted = new Float64Array(SIZES_MAX);

/**
 * Trades of more than `largeTradeFactor` times the `largeTradeQuantile` of the last {@link SIZES_MAX} sizes (the
 * nearest rank), as of the second's beginning. Says nothing before `largeTradeWarmupTrades`.
 */
export class LargeTrade {
  readonly #options: MarketOptions;
  readonly #writer: FoldEventWriter;
  readonly #episode: Episode;
  /** A ring; the oldest is at #next once it is full. */
  readonly #sizes: number[];
  #next: number;
  #fresh: number;
  #quantile: number;

  constructor(options: MarketOptions, writer: FoldEventWriter, memory?: LargeTradeMemory) {
    const [sizes, fresh, quantile, episode] = memory ?? [[], 0, UNKNOWN, undefined];
    this.#options = options;
    this.#writer = writer;
    this.#episode = new Episode(options.anomalyCalmSeconds, episode);
    this.#sizes = [...sizes];
    this.#next = sizes.length % SIZES_MAX;
    this.#fresh = fresh;
    this.#quantile = quantile;
  }

  memory(): LargeTradeMemory {
    const sizes = [...this.#sizes.slice(this.#next), ...this.#sizes.slice(0, this.#next)];
    return [sizes, this.#fresh, this.#quantile, this.#episode.memory()];
  }

  onTrade(second: number, tsEventUs: number, lots: number, events: LogEvent[]): void {
    if (this.#quantile > 0) {
      const threshold = this.#options.largeTradeFactor * this.#quantile;
      const goesOn = lots > this.#options.anomalyRelease * threshold;
      if (goesOn && this.#episode.at(second, lots > threshold, true)) {
        const { sizes } = this.#writer;
        events.push(this.#writer.anomaly(tsEventUs, 'large_trade', sizes.format(lots), roundedText(sizes, threshold)));
      }
    }
    this.#sizes[this.#next] = lots;
    this.#next = (this.#next + 1) % SIZES_MAX;
    if (this.#fresh < SIZES_MAX) this.#fresh++;
  }

  onClock(): void {
    if (this.#fresh < FRESH_SIZES_MIN && this.#quantile !== UNKNOWN) return;
    const count = this.#sizes.length;
    if (this.#fresh === 0 || count < this.#options.largeTradeWarmupTrades) return;
    sorted.set(this.#sizes);
    sorted.subarray(0, count).sort();
    this.#quantile = sorted[Math.ceil(this.#options.largeTradeQuantile * count) - 1] as number;
    this.#fresh = 0;
  }
}
