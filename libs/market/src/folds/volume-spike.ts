import type { LogEvent } from '@depthcast/protocol';
import type { MarketOptions } from '../market-options.ts';
import { Episode } from './episode.ts';
import { ExactSum } from './exact-sum.ts';
import type { FoldEventWriter } from './fold-event-writer.ts';
import { roundedText } from './number-text.ts';

/** Average (lots a second), seconds it is made of, last second, its lots and trades so far, episode. */
export type VolumeSpikeMemory = readonly [number, number, number, string, number, number];

/**
 * Seconds in which far more is traded than of late: `volumeSpikeFactor` times the exponential average of the size
 * traded in a second, in at least `volumeSpikeTradesMin` trades (where there is a trade a minute, each is many times
 * the average; that one is large is for `large_trade` to say). The average goes on through an episode, so that what
 * lasts becomes usual.
 */
export class VolumeSpike {
  readonly #options: MarketOptions;
  readonly #writer: FoldEventWriter;
  readonly #episode: Episode;
  #average: number;
  #averagedSeconds: number;
  #second: number;
  #lots: ExactSum;
  #trades: number;

  constructor(options: MarketOptions, writer: FoldEventWriter, second: number, memory?: VolumeSpikeMemory) {
    const [average, averagedSeconds, last, lots, trades, episode] = memory ?? [0, 0, second, '0', 0, undefined];
    this.#options = options;
    this.#writer = writer;
    this.#episode = new Episode(options.anomalyCalmSeconds, episode);
    this.#average = average;
    this.#averagedSeconds = averagedSeconds;
    this.#second = last;
    this.#lots = ExactSum.of(BigInt(lots));
    this.#trades = trades;
  }

  memory(): VolumeSpikeMemory {
    const lots = String(this.#lots.value);
    return [this.#average, this.#averagedSeconds, this.#second, lots, this.#trades, this.#episode.memory()];
  }

  onTrade(lots: number): void {
    this.#lots.add(lots);
    this.#trades++;
  }

  onClock(second: number, events: LogEvent[]): void {
    const { volumeSpikeFactor, volumeSpikeTradesMin, volumeSpikeWarmupSeconds, anomalyRelease } = this.#options;
    // Where event time jumped, the mean of the seconds that it jumped over.
    const seconds = second - this.#second;
    const lots = this.#lots.toNumber() / seconds;
    const threshold = volumeSpikeFactor * this.#average;
    if (this.#averagedSeconds >= volumeSpikeWarmupSeconds) {
      const begins = lots > threshold && this.#trades >= volumeSpikeTradesMin;
      if (this.#episode.at(second, begins, lots > anomalyRelease * threshold)) {
        const { sizes } = this.#writer;
        const value = roundedText(sizes, lots);
        events.push(this.#writer.anomaly(second * 1_000_000, 'volume_spike', value, roundedText(sizes, threshold)));
      }
    }
    this.#averagedSeconds++;
    // A plain mean until the window is full: an average that begins at 0 would take the usual for a spike.
    const weight = Math.max(1 / this.#averagedSeconds, 2 / (this.#options.volumeSpikeWindowSeconds + 1));
    this.#average += weight * (lots - this.#average);
    this.#second = second;
    if (this.#trades === 0) return;
    this.#lots = new ExactSum();
    this.#trades = 0;
  }
}
