import { type InputOf, Scale } from '@depthcast/protocol';
import type { SymbolInput } from '../venue.ts';
import { FairPrice } from './fair-price.ts';
import { type LiveOrder, LiveOrders } from './live-orders.ts';
import { Prng } from './prng.ts';
import { type SymbolProfile, tradingOf } from './symbol-profile.ts';

type Unstamped<T extends 'order' | 'cancel' | 'amend'> = Omit<InputOf<T>, 'src' | 'seq'>;
export type FlowInput = Unstamped<'order'> | Unstamped<'cancel'> | Unstamped<'amend'>;
type OrderInput = Unstamped<'order'>;

/** Updates with a taker. Limit orders that meet what the price has passed make it a quarter that trade. */
const TAKER_SHARE = 0.2;
/** Takers that go where the price goes. */
const INFORMED_SHARE = 0.8;
/** How many times the usual size they take. */
const SWEEP_SIZES = 4;
/** Of their orders; the others rest at their price with what they leave. */
const IOC_SHARE = 0.7;
/** New orders and amends in an update, but for a taker's. */
const UPDATE_ORDERS_MAX = 3;
const AMEND_SHARE = 0.15;
const REDUCE_SHARE = 0.5;
/** What a burst of activity makes of the share of takers, and of the orders of an update. */
const BURST_TAKERS = 2.5;
const BURST_ORDERS = 3;
/** Most orders are close to the best price and live for a short while; the others are anywhere, and live for long. */
const NEAR_SHARE = 0.7;
/** How far behind the best price they are, on average, and for how many turns they live. */
const NEAR_GAPS = 10;
const NEAR_LIFE = 50;
/** How far behind it the others are at most, and how many times the usual size. */
const DEPTH_GAPS = 400;
const DEPTH_SIZES = 2;
/** Orders at a multiple of the gap: round prices are what makes several share a level. */
const ROUND_SHARE = 0.4;
/** Deviation of a size's logarithm: the largest is some 16 times the usual one. */
const SIZE_DEVIATION = 0.8;

/**
 * The orders that all the traders of one simulated symbol send. It knows what they think the symbol is worth and which
 * of their orders they have not cancelled, but neither the book nor what has traded: others trade in it as well. Every
 * order has a life, in new orders of the symbol, and is cancelled after it whether or not it is still there. So none
 * rests for ever, and a few hundred do.
 *
 * Makers quote around the fair price as takers last made it known, never across one another. Meanwhile it moves on,
 * until the next taker buys or sells up to where it is now. So an update trades where a taker comes, and for a while
 * after one who could not take everything that the price had passed.
 *
 * Pure: the same profile, seed and calls give the same inputs.
 */
export class OrderFlow {
  readonly symbol: string;
  readonly #profile: SymbolProfile;
  readonly #idPrefix: string;
  readonly #random: Prng;
  readonly #prices: Scale;
  readonly #sizes: Scale;
  readonly #fair: FairPrice;
  readonly #live: LiveOrders;
  readonly #lifeMax: number;
  /** The fair price that makers know of. */
  #quotedTicks: number;
  #sent = 0;

  /**
   * @param idPrefix letters; they make the orders' ids differ from those of other symbols.
   * @param orders how many rest, about; at least 50.
   */
  constructor(profile: SymbolProfile, seed: number, idPrefix: string, orders: number) {
    this.symbol = profile.symbol;
    this.#profile = profile;
    this.#idPrefix = idPrefix;
    this.#random = new Prng(`${seed}:${profile.symbol}`);
    this.#prices = Scale.ofStep(profile.tick);
    this.#sizes = Scale.ofStep(profile.step);
    this.#fair = new FairPrice(profile, this.#random);
    this.#quotedTicks = profile.startTicks;
    this.#lifeMax = Math.ceil((2 * (orders - NEAR_SHARE * NEAR_LIFE)) / (1 - NEAR_SHARE));
    this.#live = new LiveOrders(this.#lifeMax);
    // As if it had been at it for the longest life: then as many rest as ever will.
    for (let turn = 0; turn < this.#lifeMax; turn++) this.#rest([]);
  }

  definition(tsUs: number): SymbolInput {
    const { symbol, tick, step } = this.#profile;
    return {
      type: 'symbol',
      symbol,
      venue: 'simulator',
      tick,
      step,
      depthRule: 'matched',
      quotes: false,
      trading: tradingOf(this.#profile),
      tsRecvUs: tsUs,
    };
  }

  /**
   * All resting orders once more, for an empty book: the best first, so that its best prices are right at once, and at
   * one price the oldest first. What the price has passed since must have traded, and is forgotten.
   */
  resting(tsUs: number): OrderInput[] {
    const bidTicksMax = this.#bidTicksMax();
    this.#live.retain(({ sign, ticks }) => (sign > 0 ? ticks <= bidTicksMax : ticks > bidTicksMax));
    const distance = (order: LiveOrder): number => Math.abs(order.ticks - this.#quotedTicks);
    return this.#live
      .values()
      .sort((a, b) => distance(a) - distance(b) || a.number - b.number)
      .map((order) => stamp(this.#input(order), tsUs));
  }

  /**
   * What happens next: a small burst of inputs, at least one. Their times are 0, and for the caller to {@link stamp}
   * when their turn comes.
   */
  update(): FlowInput[] {
    const inputs: FlowInput[] = [];
    const random = this.#random;
    this.#fair.move();
    const { isBursting } = this.#fair;
    if (random.unit() < TAKER_SHARE * (isBursting ? BURST_TAKERS : 1)) this.#take(inputs);
    for (let left = random.integer(1, UPDATE_ORDERS_MAX) * (isBursting ? BURST_ORDERS : 1); left > 0; left--) {
      if (random.unit() >= AMEND_SHARE || !this.#amend(inputs)) this.#rest(inputs);
    }
    return inputs;
  }

  /** A taker makes the fair price known, and makers quote around it. */
  #take(inputs: FlowInput[]): void {
    const random = this.#random;
    const moved = this.#fair.ticks - this.#quotedTicks;
    this.#quotedTicks = this.#fair.ticks;
    const isInformed = random.unit() < INFORMED_SHARE;
    const sign = moved > 0 === isInformed ? 1 : -1;
    if (isInformed && Math.abs(moved) > this.#profile.spreadTicks / 2) this.#sweep(inputs, sign);
    else inputs.push(this.#marketInput(sign));
    this.#send(inputs, this.#order(1, 0), this.#nearLife());
    this.#send(inputs, this.#order(-1, 0), this.#nearLife());
  }

  /** Takes what the price has passed, and no more: its limit is the fair price. */
  #sweep(inputs: FlowInput[], sign: 1 | -1): void {
    const ticks = this.#bidTicksMax() + (sign > 0 ? 0 : 1);
    const order = { number: ++this.#sent, sign, ticks, lots: SWEEP_SIZES * this.#lots() };
    if (this.#random.unit() < IOC_SHARE) inputs.push({ ...this.#input(order), tif: 'IOC' });
    else this.#send(inputs, order, this.#nearLife());
  }

  #rest(inputs: FlowInput[]): void {
    const random = this.#random;
    const sign = random.unit() < 0.5 ? 1 : -1;
    if (random.unit() < NEAR_SHARE) this.#send(inputs, this.#order(sign, this.#nearTicks()), this.#nearLife());
    else {
      const order = this.#order(sign, random.integer(0, DEPTH_GAPS * this.#profile.gapTicks));
      order.lots *= DEPTH_SIZES;
      this.#send(inputs, order, random.integer(1, this.#lifeMax));
    }
  }

  /** Makes an order near the best price smaller, where it is, or puts it elsewhere. False: it found none. */
  #amend(inputs: FlowInput[]): boolean {
    const random = this.#random;
    const order = this.#live.find(this.#nearLife());
    if (order === undefined) return false;
    if (random.unit() < REDUCE_SHARE) order.lots = Math.ceil(order.lots * (0.3 + 0.6 * random.unit()));
    else {
      order.ticks = this.#ticks(order.sign, this.#nearTicks());
      order.lots = this.#lots();
    }
    inputs.push({
      type: 'amend',
      symbol: this.symbol,
      orderId: `${this.#idPrefix}${order.number}`,
      qty: this.#sizes.format(order.lots),
      price: this.#prices.format(order.ticks),
      tsEventUs: 0,
      tsRecvUs: 0,
    });
    return true;
  }

  /** An order that may rest, after the cancellation of the one whose life it ends. */
  #send(inputs: FlowInput[], order: LiveOrder, life: number): void {
    const ended = this.#live.turn();
    if (ended !== undefined) {
      const orderId = `${this.#idPrefix}${ended.number}`;
      inputs.push({ type: 'cancel', symbol: this.symbol, orderId, tsEventUs: 0, tsRecvUs: 0 });
    }
    this.#live.add(order, life);
    inputs.push(this.#input(order));
  }

  #order(sign: 1 | -1, distance: number): LiveOrder {
    return { number: ++this.#sent, sign, ticks: this.#ticks(sign, distance), lots: this.#lots() };
  }

  #input({ number, sign, ticks, lots }: LiveOrder): OrderInput {
    return {
      type: 'order',
      symbol: this.symbol,
      orderId: `${this.#idPrefix}${number}`,
      side: sign > 0 ? 'BUY' : 'SELL',
      qty: this.#sizes.format(lots),
      price: this.#prices.format(ticks),
      tsEventUs: 0,
      tsRecvUs: 0,
    };
  }

  #marketInput(sign: 1 | -1): OrderInput {
    return {
      type: 'order',
      symbol: this.symbol,
      orderId: `${this.#idPrefix}${++this.#sent}`,
      side: sign > 0 ? 'BUY' : 'SELL',
      qty: this.#sizes.format(Math.ceil(this.#lots() * this.#random.unit()) || 1),
      tsEventUs: 0,
      tsRecvUs: 0,
    };
  }

  /** The price of a quote, or of an order so far behind it. At or below {@link #bidTicksMax} for bids, above for asks. */
  #ticks(sign: 1 | -1, distance: number): number {
    const { spreadTicks, gapTicks } = this.#profile;
    const random = this.#random;
    const spread = Math.max(1, Math.round(spreadTicks * (0.8 + 0.8 * random.unit())));
    const bid = Math.round(this.#quotedTicks - spread / 2);
    const ticks = sign > 0 ? bid - distance : bid + spread + distance;
    if (distance === 0 || random.unit() >= ROUND_SHARE) return ticks;
    return sign > 0 ? Math.floor(ticks / gapTicks) * gapTicks : Math.ceil(ticks / gapTicks) * gapTicks;
  }

  /** The highest price at which a bid meets no ask, as makers quote at present. */
  #bidTicksMax(): number {
    return Math.round(this.#quotedTicks - 0.5);
  }

  #nearTicks(): number {
    return Math.floor(NEAR_GAPS * this.#profile.gapTicks * this.#random.exponential());
  }

  #nearLife(): number {
    return Math.min(1 + Math.floor(NEAR_LIFE * this.#random.exponential()), this.#lifeMax);
  }

  /** Most are about as large as usual, a few many times that. */
  #lots(): number {
    return Math.max(1, Math.round(this.#profile.sizeLots * Math.exp(SIZE_DEVIATION * this.#random.bell())));
  }
}

/** Gives an input its time. */
export function stamp<T extends FlowInput>(input: T, tsUs: number): T {
  input.tsEventUs = tsUs;
  input.tsRecvUs = tsUs;
  return input;
}
