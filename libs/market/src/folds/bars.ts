import { klineIntervals, type LogEvent } from '@depthcast/protocol';
import { BarSeries, type BarSeriesMemory } from './bar-series.ts';
import type { FoldEventWriter } from './fold-event-writer.ts';
import { Minute, type MinuteMemory } from './minute.ts';

/** A bar closes when event time is this far beyond its end: what a venue's trades take to get here. */
export const LATENESS_SECONDS = 2;
/**
 * A trade that the venue dates further than this beyond event time is in no bar. Wide enough for a clock that is some
 * seconds behind the venue's and for a second that comes late; with the lateness less than a minute, so that hardly
 * ever more than two minutes are open.
 */
export const EARLINESS_SECONDS = 10;
/** A trade that would open a further minute is in no bar. Reached only before the first clock, or by one put off. */
export const MINUTES_OPEN_MAX = 4;

const MINUTE_SECONDS = 60;
const US_PER_SECOND = 1_000_000;

export interface BarsMemory {
  readonly seen: number;
  readonly lateTrades: number;
  readonly earlyTrades: number;
  readonly minutes: readonly MinuteMemory[];
  readonly series: readonly BarSeriesMemory[];
}

/**
 * A symbol's bars of every interval, by the venue's times, moved on by event time alone: no trade, however it is
 * dated, can close a bar.
 *
 * Trades add up in minutes, of which every interval's bars are made when the clock asks: a trade costs the same
 * however many intervals there are, and bars of different intervals always agree. That is also why a trade that is too
 * late for its minute is too late for all of its bars; it is counted, and still in the `trade` events.
 */
export class Bars {
  /** Trades dated into minutes that had been closed. */
  lateTrades: number;
  /** Trades dated too far beyond event time. */
  earlyTrades: number;
  /** Event time as of the last clock. */
  #seen: number;
  /** Open minutes with trades, in order. */
  readonly #minutes: Minute[];
  readonly #series: readonly BarSeries[];
  #changed: boolean;

  constructor(writer: FoldEventWriter, second: number, memory?: BarsMemory) {
    this.#seen = memory?.seen ?? second;
    this.lateTrades = memory?.lateTrades ?? 0;
    this.earlyTrades = memory?.earlyTrades ?? 0;
    this.#minutes = (memory?.minutes ?? []).map(Minute.restore);
    this.#changed = this.#minutes.some((minute) => minute.changed);
    this.#series = klineIntervals.map((interval, i) => new BarSeries(interval, writer, memory?.series[i]));
  }

  memory(): BarsMemory {
    return {
      seen: this.#seen,
      lateTrades: this.lateTrades,
      earlyTrades: this.earlyTrades,
      minutes: this.#minutes.map((minute) => minute.memory()),
      series: this.#series.map((series) => series.memory()),
    };
  }

  /** @param second event time; 0 before the first clock, when trades are taken as they are dated. */
  onTrade(second: number, tsEventUs: number, price: number, lots: number, buys: boolean): void {
    const at = Math.floor(tsEventUs / US_PER_SECOND);
    const start = at - (at % MINUTE_SECONDS);
    if (start < closedUntil(second)) {
      this.lateTrades++;
      return;
    }
    const minute = second > 0 && at > second + EARLINESS_SECONDS ? undefined : this.#minute(start);
    if (minute === undefined) {
      this.earlyTrades++;
      return;
    }
    minute.add(tsEventUs, price, lots, buys);
    this.#changed = true;
  }

  /** Event time moved to `second`: every bar that closes, and every open one that changed. */
  onClock(second: number, events: LogEvent[]): void {
    const seen = this.#seen;
    const limit = closedUntil(second);
    this.#seen = second;
    if (!this.#changed && limit === closedUntil(seen)) return;
    const minutes = this.#minutes;
    if (seen === 0) this.#dropStrays(limit, second);
    let ended = 0;
    while (ended < minutes.length && (minutes[ended] as Minute).start < limit) ended++;
    for (const series of this.#series) {
      for (let i = 0; i < ended; i++) series.take(minutes[i] as Minute, seen, events);
      series.closeUpTo(limit, seen, events);
      if (this.#changed) series.update(minutes, ended, events);
    }
    minutes.splice(0, ended);
    for (const minute of minutes) minute.changed = false;
    this.#changed = false;
  }

  #minute(start: number): Minute | undefined {
    const minutes = this.#minutes;
    let i = minutes.length;
    while (i > 0 && (minutes[i - 1] as Minute).start > start) i--;
    const found = minutes[i - 1];
    if (found?.start === start) return found;
    if (minutes.length === MINUTES_OPEN_MAX) return undefined;
    const minute = new Minute(start);
    minutes.splice(i, 0, minute);
    return minute;
  }

  /** The first clock says which of the minutes that came before it can be. */
  #dropStrays(limit: number, second: number): void {
    for (let i = this.#minutes.length - 1; i >= 0; i--) {
      const { start, sums } = this.#minutes[i] as Minute;
      if (start < limit) this.lateTrades += sums.trades;
      else if (start > second + EARLINESS_SECONDS) this.earlyTrades += sums.trades;
      else continue;
      this.#minutes.splice(i, 1);
    }
  }
}

/** Minutes that begin before this second are closed. */
function closedUntil(second: number): number {
  const settled = Math.max(0, second - LATENESS_SECONDS);
  return settled - (settled % MINUTE_SECONDS);
}
