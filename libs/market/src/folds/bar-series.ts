import type { KlineInterval, LogEvent } from '@depthcast/protocol';
import { BarSums, type BarSumsMemory } from './bar-sums.ts';
import type { FoldEventWriter } from './fold-event-writer.ts';
import type { Minute } from './minute.ts';
import { MovingAverages, type MovingAveragesMemory } from './moving-averages.ts';

/** Seconds of every interval: whole minutes, and each divides the next. */
export const INTERVAL_SECONDS: Readonly<Record<KlineInterval, number>> = {
  '1m': 60,
  '5m': 300,
  '15m': 900,
  '1h': 3_600,
  '12h': 43_200,
  '1d': 86_400,
};

export interface BarSeriesMemory {
  readonly start: number;
  readonly closed: BarSumsMemory | null;
  readonly averages: MovingAveragesMemory;
}

const NEVER = -1;

/** A symbol's bars of one interval, made of minutes. All times in seconds since 1970. */
export class BarSeries {
  readonly #interval: KlineInterval;
  readonly #seconds: number;
  readonly #writer: FoldEventWriter;
  readonly #averages: MovingAverages;
  /** Where the earliest bar that is not closed begins. */
  #start: number;
  /** The closed minutes of that bar, absent when there were none with trades. */
  #closed: BarSums | undefined;
  /** Whether trades in them have not been told of yet: between `take` and `update` of one clock. */
  #changed = false;

  constructor(interval: KlineInterval, writer: FoldEventWriter, memory?: BarSeriesMemory) {
    this.#interval = interval;
    this.#seconds = INTERVAL_SECONDS[interval];
    this.#writer = writer;
    this.#averages = new MovingAverages(memory?.averages);
    this.#start = memory?.start ?? NEVER;
    this.#closed = memory?.closed ? BarSums.restore(memory.closed) : undefined;
  }

  memory(): BarSeriesMemory {
    const closed = this.#closed?.memory() ?? null;
    return { start: this.#start, closed, averages: this.#averages.memory() };
  }

  /** A minute of trades has ended. Minutes come in order. */
  take(minute: Minute, seen: number, events: LogEvent[]): void {
    if (this.#start === NEVER) this.#start = this.#barOf(minute.start);
    this.closeUpTo(minute.start, seen, events);
    if (this.#closed === undefined) this.#closed = minute.sums.copy();
    else this.#closed.append(minute.sums);
    if (minute.changed) this.#changed = true;
  }

  /**
   * Closes every bar that ends at `limit` or before. A bar without trades is flat at the close before it, as Binance
   * has it, but only where the clock before (`seen`) had reached it: of a bar that event time jumped over nobody can
   * say that nothing was traded in it, and so there is none.
   */
  closeUpTo(limit: number, seen: number, events: LogEvent[]): void {
    if (this.#start === NEVER || this.#start + this.#seconds > limit) return;
    if (this.#closed !== undefined) this.#close(this.#closed, events);
    while (this.#start + this.#seconds <= limit && this.#start <= seen) {
      this.#close(BarSums.flat(this.#averages.lastClose as number), events);
    }
    if (this.#start + this.#seconds <= limit) this.#start = this.#barOf(limit);
  }

  /** Tells of every open bar that has changed. @param minutes open ones, in order, from `from` on. */
  update(minutes: readonly Minute[], from: number, events: LogEvent[]): void {
    let next = from;
    if (this.#closed !== undefined) {
      next = this.#updateBar(this.#start, this.#closed, this.#changed, minutes, next, events);
    }
    while (next < minutes.length) {
      const { start, sums, changed } = minutes[next] as Minute;
      next = this.#updateBar(this.#barOf(start), sums, changed, minutes, next + 1, events);
    }
    this.#changed = false;
  }

  /** @returns the index of the first minute that is not of this bar. */
  #updateBar(
    start: number,
    begun: BarSums,
    begunChanged: boolean,
    minutes: readonly Minute[],
    from: number,
    events: LogEvent[],
  ): number {
    let [sums, changed, next] = [begun, begunChanged, from];
    for (; next < minutes.length && this.#barOf((minutes[next] as Minute).start) === start; next++) {
      const minute = minutes[next] as Minute;
      if (next === from) sums = begun.copy();
      sums.append(minute.sums);
      changed ||= minute.changed;
    }
    if (changed) events.push(this.#event(start, sums, false));
    return next;
  }

  #close(sums: BarSums, events: LogEvent[]): void {
    events.push(this.#event(this.#start, sums, true));
    this.#averages.push(sums.close);
    this.#closed = undefined;
    this.#changed = false;
    this.#start += this.#seconds;
  }

  /** The averages of a bar whose predecessor is still open, for the lateness allowance, leave that one out. */
  #event(start: number, sums: BarSums, closed: boolean): LogEvent {
    const averages = this.#averages.with(sums.close);
    return this.#writer.kline(this.#interval, start, sums, averages, closed);
  }

  #barOf(second: number): number {
    return second - (second % this.#seconds);
  }
}
