import { DepthcastError, type Scale } from '@depthcast/protocol';
import { crc32 } from './crc32.ts';
import { midText } from './decimal-text.ts';
import type { LevelView, Side } from './level-view.ts';

/** One level of a slice; price in ticks, size and cumulative size (from the best level down) in lots. */
export interface MbpLevel {
  readonly price: number;
  readonly size: number;
  readonly cumulative: number;
}

/**
 * What taking a volume out of one side would cost.
 *
 * `averagePrice` is in price units (a double, correctly derived from exact sums), `worstPrice` in ticks, `cost` the
 * exact sum of ticks × lots, `levels` how many levels are touched. `thin`: the side holds less than was asked for;
 * the figures are then of `available`, all that there is, and absent when the side is empty.
 */
export type Execution =
  | {
      readonly kind: 'filled';
      readonly averagePrice: number;
      readonly worstPrice: number;
      readonly cost: bigint;
      readonly levels: number;
    }
  | {
      readonly kind: 'thin';
      readonly available: number;
      readonly averagePrice?: number;
      readonly worstPrice?: number;
      readonly cost: bigint;
      readonly levels: number;
    };

/** The levels of each side that the checksum covers. */
export const CHECKSUM_LEVELS = 10;

/**
 * What can be asked of any book, whether it is kept by price levels (L2) or by orders (L3): everything that needs no
 * more than the levels. Prices in ticks, sizes in lots; sums of lots are exact below 2^53.
 */
export abstract class PriceBook<Levels extends LevelView = LevelView> {
  readonly bids: Levels;
  readonly asks: Levels;
  readonly priceScale: Scale;
  readonly sizeScale: Scale;

  constructor(priceScale: Scale, sizeScale: Scale, bids: Levels, asks: Levels) {
    this.priceScale = priceScale;
    this.sizeScale = sizeScale;
    this.bids = bids;
    this.asks = asks;
  }

  ladder(side: Side): Levels {
    return side === 'bid' ? this.bids : this.asks;
  }

  /** Ticks between best ask and best bid (negative when crossed), `undefined` when a side is empty. */
  spread(): number | undefined {
    return this.bids.length > 0 && this.asks.length > 0 ? this.asks.priceOf(0) - this.bids.priceOf(0) : undefined;
  }

  /** Best bid plus best ask: the mid in HALF ticks, an exact integer. `undefined` when a side is empty. */
  mid(): number | undefined {
    return this.bids.length > 0 && this.asks.length > 0 ? this.asks.priceOf(0) + this.bids.priceOf(0) : undefined;
  }

  /** The mid as exact decimal text, with one more decimal when it falls between two units. */
  midText(): string | undefined {
    if (this.bids.length === 0 || this.asks.length === 0) return undefined;
    return midText(this.priceScale, this.bids.priceOf(0), this.asks.priceOf(0));
  }

  /** Lots in the best `depth` levels of a side. */
  volume(side: Side, depth: number): number {
    const ladder = this.ladder(side);
    const count = Math.min(depth, ladder.length);
    let sum = 0;
    for (let rank = 0; rank < count; rank++) sum += ladder.sizeOf(rank);
    return sum;
  }

  /** (bid − ask) ÷ (bid + ask) of the volume in the best `depth` levels: −1 … 1, and 0 for an empty book. */
  imbalance(depth: number): number {
    const bid = this.volume('bid', depth);
    const ask = this.volume('ask', depth);
    return bid + ask === 0 ? 0 : (bid - ask) / (bid + ask);
  }

  /** How many levels of a side are at most `priceRange` ticks away from that side's best. */
  levelsWithin(side: Side, priceRange: number): number {
    const ladder = this.ladder(side);
    if (ladder.length === 0 || priceRange < 0) return 0;
    return ladder.countUpTo(ladder.priceOf(0) + (side === 'bid' ? -priceRange : priceRange));
  }

  /**
   * What it would cost to take `volume` lots out of a side: `ask` is what a buyer takes, `bid` what a seller hits.
   *
   * @throws DepthcastError `PARAMETER_INVALID` when the volume is not a whole number of lots ≥ 1.
   */
  executionPrice(side: Side, volume: number): Execution {
    if (!Number.isSafeInteger(volume) || volume < 1) {
      throw new DepthcastError('PARAMETER_INVALID', `volume ${volume} is not a whole number of lots ≥ 1`);
    }
    const ladder = this.ladder(side);
    let left = volume;
    let levels = 0;
    let cost = 0n;
    while (left > 0 && levels < ladder.length) {
      const taken = Math.min(left, ladder.sizeOf(levels));
      // Ticks × lots pass 2^53 with a few thousand bitcoin.
      cost += BigInt(ladder.priceOf(levels)) * BigInt(taken);
      left -= taken;
      levels++;
    }
    if (levels === 0) return { kind: 'thin', available: 0, cost, levels };
    const averagePrice = this.priceScale.toNumber(divide(cost, volume - left));
    const worstPrice = ladder.priceOf(levels - 1);
    return left === 0
      ? { kind: 'filled', averagePrice, worstPrice, cost, levels }
      : { kind: 'thin', available: volume - left, averagePrice, worstPrice, cost, levels };
  }

  /** The best `levels` of a side, best first. */
  slice(side: Side, levels: number): MbpLevel[] {
    const ladder = this.ladder(side);
    const count = Math.min(levels, ladder.length);
    const slice: MbpLevel[] = new Array(count);
    let cumulative = 0;
    for (let rank = 0; rank < count; rank++) {
      const size = ladder.sizeOf(rank);
      cumulative += size;
      slice[rank] = { price: ladder.priceOf(rank), size, cumulative };
    }
    return slice;
  }

  /**
   * CRC32 of `price:size` of the best {@link CHECKSUM_LEVELS} levels, bid and ask alternating, joined by `:`, in the
   * scales' text. Where one side has fewer levels, the other's follow one another.
   */
  checksum(): number {
    let text = '';
    for (let rank = 0; rank < CHECKSUM_LEVELS; rank++) {
      if (rank < this.bids.length) text += this.#levelText(this.bids, rank);
      if (rank < this.asks.length) text += this.#levelText(this.asks, rank);
    }
    return crc32(text.slice(1));
  }

  /** A side's levels as wire text, best first. */
  wireLevels(side: Side, limit: number = Number.POSITIVE_INFINITY): [string, string][] {
    const ladder = this.ladder(side);
    return Array.from({ length: Math.min(limit, ladder.length) }, (_, rank): [string, string] => [
      this.priceScale.format(ladder.priceOf(rank)),
      this.sizeScale.format(ladder.sizeOf(rank)),
    ]);
  }

  #levelText(ladder: LevelView, rank: number): string {
    return `:${this.priceScale.format(ladder.priceOf(rank))}:${this.sizeScale.format(ladder.sizeOf(rank))}`;
  }
}

/** A quotient of integers as a double, without first rounding the dividend to one. */
function divide(dividend: bigint, divisor: number): number {
  const by = BigInt(divisor);
  return Number(dividend / by) + Number(dividend % by) / divisor;
}
