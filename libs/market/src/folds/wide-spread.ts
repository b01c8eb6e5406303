import type { PriceBook } from '@depthcast/book';
import { type LogEvent, Scale } from '@depthcast/protocol';
import type { MarketOptions } from '../market-options.ts';
import { Episode } from './episode.ts';
import type { FoldEventWriter } from './fold-event-writer.ts';
import { roundedText } from './number-text.ts';

export type WideSpreadMemory = readonly [syncedSecond: number, episode: number];

const NEVER = -1;
/** Basis points are shown to the hundredth. */
const BPS_SCALE = Scale.ofDecimals(2);

/**
 * A spread beyond `wideSpreadBps` of the mid, looked at as each second begins: between a cancel and its replacement
 * any book is wide for a moment. Says nothing until the book has been synced for `wideSpreadWarmupSeconds`.
 */
export class WideSpread {
  readonly #options: MarketOptions;
  readonly #writer: FoldEventWriter;
  readonly #episode: Episode;
  #syncedSecond: number;

  constructor(options: MarketOptions, writer: FoldEventWriter, memory?: WideSpreadMemory) {
    this.#options = options;
    this.#writer = writer;
    this.#syncedSecond = memory?.[0] ?? NEVER;
    this.#episode = new Episode(options.anomalyCalmSeconds, memory?.[1]);
  }

  memory(): WideSpreadMemory {
    return [this.#syncedSecond, this.#episode.memory()];
  }

  onUnsynced(): void {
    this.#syncedSecond = NEVER;
  }

  /** Of a synced book. */
  onClock(second: number, { bids, asks }: PriceBook, events: LogEvent[]): void {
    const { wideSpreadBps, wideSpreadWarmupSeconds, anomalyRelease } = this.#options;
    if (this.#syncedSecond === NEVER) this.#syncedSecond = second;
    if (second - this.#syncedSecond < wideSpreadWarmupSeconds || bids.length === 0 || asks.length === 0) return;
    const [bid, ask] = [bids.priceOf(0), asks.priceOf(0)];
    const bps = (20_000 * (ask - bid)) / (ask + bid);
    if (!this.#episode.at(second, bps > wideSpreadBps, bps > anomalyRelease * wideSpreadBps)) return;
    const threshold = roundedText(BPS_SCALE, wideSpreadBps * 100);
    events.push(this.#writer.anomaly(second * 1_000_000, 'wide_spread', roundedText(BPS_SCALE, bps * 100), threshold));
  }
}
