import type { Scale } from '@depthcast/protocol';
import {
  type AnomalyKind,
  eventTopic,
  formatTsNs,
  type KlineInterval,
  klineIntervals,
  type LogEvent,
} from '@depthcast/protocol';
import type { BarSums } from './bar-sums.ts';
import { type Averages, EMA_UNITS_PER_TICK, SMA_BARS } from './moving-averages.ts';
import { averageText } from './number-text.ts';

const SMA_DIVISOR = BigInt(SMA_BARS);

/** One symbol's derived events as wire bytes, concatenated for the reason that `SymbolEventWriter` gives. */
export class FoldEventWriter {
  readonly prices: Scale;
  readonly sizes: Scale;
  readonly #klineTopic: string;
  readonly #klineHeads: Readonly<Record<KlineInterval, string>>;
  readonly #ticker: LogEvent;
  readonly #analytics: LogEvent;
  readonly #anomaly: LogEvent;

  constructor(symbol: string, prices: Scale, sizes: Scale) {
    this.prices = prices;
    this.sizes = sizes;
    this.#klineTopic = eventTopic('kline', symbol);
    const heads = klineIntervals.map((interval) => [
      interval,
      `{"type":"kline","symbol":"${symbol}","interval":"${interval}","open_ts":`,
    ]);
    this.#klineHeads = Object.fromEntries(heads);
    this.#ticker = {
      topic: eventTopic('ticker', symbol),
      payload: `{"type":"ticker","symbol":"${symbol}","price":`,
    };
    const [analytics, anomaly] = (['analytics', 'anomaly'] as const).map((type) => ({
      topic: eventTopic(type, symbol),
      payload: `{"type":"${type}","symbol":"${symbol}","ts_ns":`,
    }));
    this.#analytics = analytics as LogEvent;
    this.#anomaly = anomaly as LogEvent;
  }

  /** @param start second since 1970. */
  kline(interval: KlineInterval, start: number, sums: BarSums, averages: Averages, closed: boolean): LogEvent {
    const { prices, sizes } = this;
    const { volume } = sums;
    const { smaSum, ema } = averages;
    const vwap = volume.isZero ? '' : `,"vwap":${averageText(prices, sums.notional.value, volume.value)}`;
    const sma = smaSum === undefined ? '' : `,"sma":${averageText(prices, smaSum, SMA_DIVISOR)}`;
    const exponential = ema === undefined ? '' : `,"ema":${averageText(prices, ema, EMA_UNITS_PER_TICK)}`;
    return {
      topic: this.#klineTopic,
      payload: `${this.#klineHeads[interval]}${start * 1_000},"open":${prices.format(sums.open)},"high":${prices.format(sums.high)},"low":${prices.format(sums.low)},"close":${prices.format(sums.close)},"volume":${volume.text(sizes)},"buy_volume":${sums.buyVolume.text(sizes)},"trades":${sums.trades}${vwap}${sma}${exponential},"closed":${closed}}`,
    };
  }

  ticker(second: number, price: string, volume: string): LogEvent {
    const { topic, payload } = this.#ticker;
    return { topic, payload: `${payload}${price},"volume":${volume},"timestamp":${second * 1_000}}` };
  }

  /** @param rest the payload's members after the time, with the closing brace. */
  analytics(timeUs: number, rest: string): LogEvent {
    const { topic, payload } = this.#analytics;
    return { topic, payload: payload + formatTsNs(timeUs) + rest };
  }

  anomaly(timeUs: number, kind: AnomalyKind, value: string, threshold: string): LogEvent {
    const { topic, payload } = this.#anomaly;
    return {
      topic,
      payload: `${payload}${formatTsNs(timeUs)},"kind":"${kind}","value":${value},"threshold":${threshold}}`,
    };
  }
}
