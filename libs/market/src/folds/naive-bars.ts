import { klineIntervals } from '@depthcast/protocol';
import { INTERVAL_SECONDS } from './bar-series.ts';
import { EARLINESS_SECONDS, LATENESS_SECONDS } from './bars.ts';

interface NaiveTrade {
  readonly tsUs: number;
  readonly ticks: number;
  readonly lots: number;
  readonly buys: boolean;
}

/** Bars for the specs: all trades are kept, and every bar is computed from all of its trades each time. Slow, plain. */
export class NaiveBars {
  late = 0;
  early = 0;
  readonly #trades: NaiveTrade[] = [];
  readonly #closes: Record<string, number[]> = {};
  readonly #closedUpTo: Record<string, number> = {};
  #fresh: NaiveTrade[] = [];
  #second = 0;

  trade(trade: NaiveTrade): void {
    const second = Math.floor(trade.tsUs / 1e6);
    if (barOf(second, 60) < settled(this.#second)) this.late++;
    else if (second > this.#second + EARLINESS_SECONDS) this.early++;
    else {
      this.#trades.push(trade);
      this.#fresh.push(trade);
    }
  }

  /** @returns the kline events' payloads without type and symbol, for a tick of 0.01 and a step of 1. */
  clock(second: number): unknown[] {
    const bars = klineIntervals.flatMap((interval) => this.#interval(interval, second));
    this.#second = second;
    this.#fresh = [];
    return bars;
  }

  #interval(interval: (typeof klineIntervals)[number], second: number): unknown[] {
    const length = INTERVAL_SECONDS[interval];
    const startOf = (trade: NaiveTrade) => barOf(Math.floor(trade.tsUs / 1e6), length);
    const of = (start: number) => this.#trades.filter((trade) => startOf(trade) === start);
    this.#closes[interval] ??= [];
    const closes = this.#closes[interval];
    const made: unknown[] = [];
    if (this.#trades.length === 0) return made;
    const first = Math.min(...this.#trades.map(startOf));
    let start = this.#closedUpTo[interval] ?? first;
    for (; start + length <= settled(second); start += length) {
      const trades = of(start);
      if (trades.length === 0 && start > this.#second) continue;
      made.push(bar(interval, start, trades, closes, true));
      closes.push(closeOf(trades, closes));
    }
    if (start > first) this.#closedUpTo[interval] = start;
    const changed = new Set(this.#fresh.map(startOf).filter((open) => open >= start));
    for (const open of [...changed].sort((a, b) => a - b)) made.push(bar(interval, open, of(open), closes, false));
    return made;
  }
}

function settled(second: number): number {
  return barOf(Math.max(0, second - LATENESS_SECONDS), 60);
}

function barOf(second: number, length: number): number {
  return Math.floor(second / length) * length;
}

/** In the order of the venue's times; those of one time in the order in which they came. */
function inOrder(trades: readonly NaiveTrade[]): NaiveTrade[] {
  return [...trades].sort((a, b) => a.tsUs - b.tsUs);
}

function closeOf(trades: readonly NaiveTrade[], closes: readonly number[]): number {
  return inOrder(trades).at(-1)?.ticks ?? (closes.at(-1) as number);
}

function bar(
  interval: string,
  start: number,
  trades: readonly NaiveTrade[],
  closes: readonly number[],
  closed: boolean,
): unknown {
  const close = closeOf(trades, closes);
  const prices = trades.length === 0 ? [close] : trades.map((trade) => trade.ticks);
  const sum = (of: (trade: NaiveTrade) => number) => trades.reduce((total, trade) => total + BigInt(of(trade)), 0n);
  const volume = sum((trade) => trade.lots);
  const notional = trades.reduce((total, { ticks, lots }) => total + BigInt(ticks) * BigInt(lots), 0n);
  const all = [...closes, close];
  const sma = (last: number[]) => last.reduce((total, c) => total + BigInt(c), 0n);
  let ema: bigint | undefined;
  for (let i = 19; i < all.length; i++) {
    ema =
      ema === undefined
        ? halfUp(sma(all.slice(0, 20)) * 1_000_000n, 20n)
        : halfUp(ema * 19n + BigInt(all[i] as number) * 2_000_000n, 21n);
  }
  return {
    interval,
    open_ts: start * 1_000,
    open: (inOrder(trades)[0]?.ticks ?? close) / 100,
    high: Math.max(...prices) / 100,
    low: Math.min(...prices) / 100,
    close: close / 100,
    volume: Number(volume),
    buy_volume: Number(sum((trade) => (trade.buys ? trade.lots : 0))),
    trades: trades.length,
    ...(volume === 0n ? {} : { vwap: Number(halfUp(notional * 100n, volume)) / 1e4 }),
    ...(all.length < 20 ? {} : { sma: Number(halfUp(sma(all.slice(-20)) * 100n, 20n)) / 1e4 }),
    ...(ema === undefined ? {} : { ema: Number(halfUp(ema, 10_000n)) / 1e4 }),
    closed,
  };
}

function halfUp(dividend: bigint, divisor: bigint): bigint {
  const rest = dividend % divisor;
  return dividend / divisor + (2n * rest >= divisor ? 1n : 0n);
}
