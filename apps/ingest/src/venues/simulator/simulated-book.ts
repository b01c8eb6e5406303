import { Scale } from '@depthcast/protocol';
import type { DepthInput, DepthSnapshotInput, SymbolInput, TradeInput } from '../venue.ts';
import { Prng } from './prng.ts';
import { SimulatedSide } from './simulated-side.ts';
import type { SymbolProfile } from './symbol-profile.ts';

const LEVELS = 200;
/** A side is never eaten or cancelled below this. */
const LEVELS_MIN = 20;
const TRADE_SHARE = 0.25;
const TRADED_LEVELS_MAX = 3;
/** How strongly the price is pulled back to where it started, per update. */
const REVERSION = 0.000_5;
/** The price stays within this share of where it started. */
const RANGE = 0.2;
const PULLED_LEVELS_MAX = 6;

/**
 * One simulated symbol: a book of about 200 levels a side around a price that wanders and comes back, with trades that
 * take the best levels. It speaks as a real venue does: absolute sizes, update ids of its own without a hole, a
 * snapshot at any id. Best bid is always below best ask.
 *
 * Pure: the same profile, seed and times give the same inputs.
 */
export class SimulatedBook {
  readonly symbol: string;
  readonly #profile: SymbolProfile;
  readonly #random: Prng;
  readonly #prices: Scale;
  readonly #sizes: Scale;
  readonly #bids = new SimulatedSide('bid');
  readonly #asks = new SimulatedSide('ask');
  #fairTicks: number;
  #last = 0;
  #tradeId = 0;

  constructor(profile: SymbolProfile, seed: number) {
    this.symbol = profile.symbol;
    this.#profile = profile;
    this.#random = new Prng(`${seed}:${profile.symbol}`);
    this.#prices = Scale.ofStep(profile.tick);
    this.#sizes = Scale.ofStep(profile.step);
    this.#fairTicks = profile.startTicks;
    const bestBid = Math.floor(profile.startTicks - profile.spreadTicks / 2);
    this.#bids.set(bestBid, this.#size());
    this.#asks.set(bestBid + profile.spreadTicks, this.#size());
    while (this.#bids.length < LEVELS) this.#extend(this.#bids);
    while (this.#asks.length < LEVELS) this.#extend(this.#asks);
    this.#last = (this.#bids.takeChanges().length + this.#asks.takeChanges().length) / 2;
  }

  definition(tsUs: number): SymbolInput {
    return {
      type: 'symbol',
      symbol: this.symbol,
      venue: 'simulator',
      tick: this.#profile.tick,
      step: this.#profile.step,
      depthRule: 'spot',
      quotes: false,
      tsRecvUs: tsUs,
    };
  }

  snapshot(tsUs: number): DepthSnapshotInput {
    const { symbol } = this;
    const bids = this.#levels(this.#bids);
    const asks = this.#levels(this.#asks);
    return { type: 'depth_snapshot', symbol, last: this.#last, bids, asks, tsEventUs: tsUs, tsRecvUs: tsUs };
  }

  /** One update: the trades, if any, and then the diff of all that changed. */
  next(tsUs: number): (TradeInput | DepthInput)[] {
    const inputs: (TradeInput | DepthInput)[] = [];
    if (this.#random.unit() < TRADE_SHARE) this.#trade(inputs, tsUs);
    this.#followPrice();
    this.#stir();
    this.#trim(this.#bids);
    this.#trim(this.#asks);
    inputs.push(this.#diff(tsUs));
    return inputs;
  }

  #diff(tsUs: number): DepthInput {
    const bids = this.#changes(this.#bids);
    const asks = this.#changes(this.#asks);
    const first = this.#last + 1;
    this.#last += bids.length + asks.length;
    return {
      type: 'depth',
      symbol: this.symbol,
      first,
      last: this.#last,
      bids,
      asks,
      tsEventUs: tsUs,
      tsRecvUs: tsUs,
    };
  }

  #trade(inputs: (TradeInput | DepthInput)[], tsUs: number): void {
    const middle = (this.#bids.price() + this.#asks.price()) / 2;
    // Takers push towards the fair price.
    const buys = this.#random.unit() < (this.#fairTicks > middle ? 0.6 : 0.4);
    const maker = buys ? this.#asks : this.#bids;
    let left = Math.max(1, Math.round(this.#size() * this.#random.unit()));
    for (let levels = 0; left > 0 && levels < TRADED_LEVELS_MAX && maker.length > LEVELS_MIN; levels++) {
      const price = maker.price();
      const size = maker.size();
      const taken = Math.min(left, size);
      left -= taken;
      maker.set(price, size - taken);
      inputs.push({
        type: 'trade',
        symbol: this.symbol,
        tradeId: ++this.#tradeId,
        price: this.#prices.format(price),
        qty: this.#sizes.format(taken),
        side: buys ? 'BUY' : 'SELL',
        tsEventUs: tsUs,
        tsRecvUs: tsUs,
      });
    }
  }

  /** The fair price moves; makers pull what it has passed and quote up to it. */
  #followPrice(): void {
    const { startTicks, moveTicks, spreadTicks } = this.#profile;
    const random = this.#random;
    const moved = this.#fairTicks + (startTicks - this.#fairTicks) * REVERSION + moveTicks * random.bell();
    this.#fairTicks = Math.min(startTicks * (1 + RANGE), Math.max(startTicks * (1 - RANGE), moved));
    const spread = Math.max(1, Math.round(spreadTicks * (0.5 + random.unit())));
    const bidTarget = Math.floor(this.#fairTicks - spread / 2);
    this.#pull(this.#bids, bidTarget);
    this.#pull(this.#asks, bidTarget + spread);
    this.#quote(this.#bids, bidTarget, this.#asks);
    this.#quote(this.#asks, bidTarget + spread, this.#bids);
  }

  #pull(side: SimulatedSide, target: number): void {
    for (let pulled = 0; pulled < PULLED_LEVELS_MAX && side.length > LEVELS_MIN; pulled++) {
      if (side.sign * side.price() <= side.sign * target) return;
      side.set(side.price(), 0);
    }
  }

  #quote(side: SimulatedSide, target: number, other: SimulatedSide): void {
    // When pulling hit its limit the other side still stands at or beyond our target: quote just short of it.
    const limit = other.price() - side.sign;
    const price = side.sign * target < side.sign * limit ? target : limit;
    if (price > 0 && side.sign * price > side.sign * side.price()) side.set(price, this.#size());
  }

  /** Orders come and go, mostly near the top. */
  #stir(): void {
    const random = this.#random;
    for (let changes = random.integer(1, 3); changes > 0; changes--) {
      const side = random.unit() < 0.5 ? this.#bids : this.#asks;
      const rank = Math.min(side.length - 1, random.geometric(0.93));
      const kind = random.unit();
      if (kind < 0.15 && side.length > LEVELS_MIN) side.set(side.price(rank), 0);
      else if (kind < 0.3) {
        // Behind an existing level, so never across.
        const price = side.price(rank) - side.sign * random.integer(1, 2 * this.#profile.gapTicks);
        if (price > 0) side.set(price, this.#size());
      } else side.set(side.price(rank), this.#size());
    }
  }

  #trim(side: SimulatedSide): void {
    if (side.length < LEVELS) this.#extend(side);
    while (side.length > LEVELS) side.set(side.price(side.length - 1), 0);
  }

  #extend(side: SimulatedSide): void {
    const price = side.price(side.length - 1) - side.sign * this.#random.integer(1, 2 * this.#profile.gapTicks - 1);
    if (price > 0) side.set(price, 2 * this.#size());
  }

  /** Most are small, some are several times the usual. */
  #size(): number {
    const skewed = this.#random.unit() ** 2;
    return Math.max(1, Math.round(this.#profile.sizeLots * (0.1 + 3 * skewed)));
  }

  #levels(side: SimulatedSide): [string, string][] {
    return Array.from({ length: side.length }, (_, rank) => this.#level(side.price(rank), side.size(rank)));
  }

  #changes(side: SimulatedSide): [string, string][] {
    const changes = side.takeChanges();
    const levels: [string, string][] = [];
    for (let i = 0; i < changes.length; i += 2) {
      levels.push(this.#level(changes[i] as number, changes[i + 1] as number));
    }
    return levels;
  }

  #level(price: number, size: number): [string, string] {
    return [this.#prices.format(price), this.#sizes.format(size)];
  }
}
