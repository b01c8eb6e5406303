import type { Scale } from '@depthcast/protocol';
import { ExactSum } from './exact-sum.ts';
import { averageText, decimalText, quotientText } from './number-text.ts';

/** Trades are forgotten five minutes at a time: 288 buckets, where minutes would make a snapshot five times as long. */
export const BUCKET_SECONDS = 300;
/** 24 hours, the bucket that is being filled included. */
export const BUCKETS_MAX = 288;

/** Index, then lots bought and sold and notional (ticks × lots) as text. */
type BucketMemory = readonly [index: number, bought: string, sold: string, notional: string];

export interface RollingTradesMemory {
  /** Oldest first; the last is the one being filled. */
  readonly buckets: readonly BucketMemory[];
}

interface Totals {
  bought: bigint;
  sold: bigint;
  notional: bigint;
}

/**
 * What was bought and sold in the last 24 h of event time (the time at which trades came, so that none is too late to
 * count and none is dated out of reach), exact, to a bucket.
 */
export class RollingTrades {
  /** Buckets before the current one that are not empty, oldest first. */
  readonly #past: ({ readonly index: number } & Readonly<Totals>)[] = [];
  readonly #total: Totals = { bought: 0n, sold: 0n, notional: 0n };
  #index: number;
  #bought = new ExactSum();
  #sold = new ExactSum();
  #notional = new ExactSum();

  constructor(second: number, memory?: RollingTradesMemory) {
    this.#index = bucketOf(second);
    for (const [index, bought, sold, notional] of memory?.buckets ?? []) {
      this.#close();
      this.#index = index;
      this.#bought = ExactSum.of(BigInt(bought));
      this.#sold = ExactSum.of(BigInt(sold));
      this.#notional = ExactSum.of(BigInt(notional));
    }
  }

  memory(): RollingTradesMemory {
    const buckets = this.#past.map(
      ({ index, bought, sold, notional }): BucketMemory => [index, `${bought}`, `${sold}`, `${notional}`],
    );
    buckets.push([this.#index, `${this.#bought.value}`, `${this.#sold.value}`, `${this.#notional.value}`]);
    return { buckets };
  }

  /** In the bucket that {@link advance} has reached. */
  add(price: number, lots: number, buys: boolean): void {
    if (buys) this.#bought.add(lots);
    else this.#sold.add(lots);
    this.#notional.addProduct(price, lots);
  }

  /** @returns whether anything was forgotten. */
  advance(second: number): boolean {
    const index = bucketOf(second);
    if (index === this.#index) return false;
    this.#close();
    this.#index = index;
    let expired = 0;
    for (const { index: past, bought, sold, notional } of this.#past) {
      if (past > index - BUCKETS_MAX) break;
      expired++;
      this.#total.bought -= bought;
      this.#total.sold -= sold;
      this.#total.notional -= notional;
    }
    this.#past.splice(0, expired);
    return expired > 0;
  }

  volumeText(sizes: Scale): string {
    return lotsText(sizes, this.#total.bought + this.#total.sold + this.#bought.value + this.#sold.value);
  }

  /** The part of an `analytics` payload that is of trades. */
  json(prices: Scale, sizes: Scale): string {
    const bought = this.#total.bought + this.#bought.value;
    const sold = this.#total.sold + this.#sold.value;
    const volume = bought + sold;
    const vwap =
      volume === 0n ? '' : `,"vwap":${averageText(prices, this.#total.notional + this.#notional.value, volume)}`;
    const ratio = sold === 0n ? 'null' : quotientText(bought, sold);
    return `${vwap},"buy_volume":${lotsText(sizes, bought)},"sell_volume":${lotsText(sizes, sold)},"buy_sell_ratio":${ratio}`;
  }

  #close(): void {
    const [bought, sold, notional] = [this.#bought.value, this.#sold.value, this.#notional.value];
    if (bought + sold === 0n) return;
    this.#past.push({ index: this.#index, bought, sold, notional });
    this.#total.bought += bought;
    this.#total.sold += sold;
    this.#total.notional += notional;
    this.#bought = new ExactSum();
    this.#sold = new ExactSum();
    this.#notional = new ExactSum();
  }
}

function bucketOf(second: number): number {
  return Math.floor(second / BUCKET_SECONDS);
}

function lotsText(sizes: Scale, lots: bigint): string {
  return decimalText(lots * BigInt(sizes.stepUnits), sizes.decimals);
}
