import { Scale } from '@depthcast/protocol';

/** A symbol that the fake venue trades. */
export interface FakeSymbol {
  /** `BTCUSDT`. */
  readonly symbol: string;
  readonly tick: string;
  /** LOT_SIZE, which binds orders and not what rests in the book: the flow's sizes have all 8 decimals. */
  readonly step: string;
  /** Around which the generated book begins, in ticks. Default 6,000,000. */
  readonly startTicks?: number;
}

type Level = [string, string];

const LEVELS = 40;
/** Spot writes every number with 8 decimals, whatever the tick. */
const DECIMALS = 8;

/**
 * The truth behind one symbol's generated flow: a book that changes, and the messages a spot venue would send of it.
 * Every change of a level has an update id of its own; after each diff the ticker's `u` equals the diff's.
 */
export class GeneratedMarket {
  readonly symbol: FakeSymbol;
  readonly prices: Scale;
  readonly sizes: Scale;
  readonly #bids = new Map<number, number>();
  readonly #asks = new Map<number, number>();
  #random: number;
  #last = 1_000;
  #tradeId = 1;

  constructor(symbol: FakeSymbol, seed: number) {
    this.symbol = symbol;
    this.prices = Scale.ofStep(symbol.tick);
    this.sizes = Scale.ofDecimals(DECIMALS);
    this.#random = seed >>> 0;
    const middle = symbol.startTicks ?? 6_000_000;
    for (let i = 1; i <= LEVELS; i++) {
      this.#bids.set(middle - 3 * i, this.#size());
      this.#asks.set(middle + 3 * i, this.#size());
    }
  }

  /** The last update id. */
  get last(): number {
    return this.#last;
  }

  /** All levels, best first, in the scales' text. */
  levels(): { bids: Level[]; asks: Level[] } {
    const text = ([price, size]: [number, number]): Level => [this.prices.format(price), this.sizes.format(size)];
    return { bids: this.#sorted(this.#bids, -1).map(text), asks: this.#sorted(this.#asks, 1).map(text) };
  }

  /** REST order book as of now. */
  snapshotText(): string {
    const { bids, asks } = this.levels();
    return JSON.stringify({ lastUpdateId: this.#last, bids: bids.map(wire), asks: asks.map(wire) });
  }

  /** The next moment: a trade at the best price, then what the book has become. Times in ms. */
  next(timeMs: number): { trade: object; depth: DepthMessage; bookTicker: object } {
    const changes = new Map<string, [side: Map<number, number>, price: number]>();
    const touch = (side: Map<number, number>, price: number, size: number): void => {
      if (size === 0) side.delete(price);
      else side.set(price, size);
      changes.set(`${side === this.#bids}:${price}`, [side, price]);
    };
    const trade = this.#trade(touch, timeMs);
    for (let i = 0; i < 4; i++) this.#stir(touch);
    const first = this.#last + 1;
    this.#last += changes.size;
    const side = (which: Map<number, number>): Level[] =>
      [...changes.values()].filter(([s]) => s === which).map(([, price]) => wire(this.#level(which, price)));
    const depth = {
      e: 'depthUpdate' as const,
      E: timeMs,
      s: this.symbol.symbol,
      U: first,
      u: this.#last,
      b: side(this.#bids),
      a: side(this.#asks),
    };
    return { trade, depth, bookTicker: this.#ticker() };
  }

  #trade(touch: (side: Map<number, number>, price: number, size: number) => void, timeMs: number): object {
    const buys = this.#unit() < 0.5;
    const maker = buys ? this.#asks : this.#bids;
    const [price, size] = this.#sorted(maker, buys ? 1 : -1)[0] as [number, number];
    const taken = Math.max(1, Math.ceil(size * this.#unit()));
    touch(maker, price, size - taken);
    return {
      e: 'trade',
      E: timeMs,
      s: this.symbol.symbol,
      t: this.#tradeId++,
      p: pad(this.prices.format(price)),
      q: pad(this.sizes.format(taken)),
      T: timeMs,
      m: !buys,
      M: true,
    };
  }

  #stir(touch: (side: Map<number, number>, price: number, size: number) => void): void {
    const isBid = this.#unit() < 0.5;
    const [side, other] = isBid ? [this.#bids, this.#asks] : [this.#asks, this.#bids];
    const sign = isBid ? -1 : 1;
    const otherSign = isBid ? 1 : -1;
    const ranked = this.#sorted(side, sign);
    const at = ranked[Math.floor(this.#unit() * ranked.length)] as [number, number];
    const otherBest = (this.#sorted(other, otherSign)[0] as [number, number])[0];
    const price = at[0] - sign * Math.floor(this.#unit() * 5);
    if (this.#unit() < 0.3 && side.size > LEVELS / 2) touch(side, at[0], 0);
    else if (sign * price > sign * otherBest) touch(side, price, this.#size());
    else touch(side, at[0], this.#size());
  }

  #ticker(): object {
    const [bid] = this.#sorted(this.#bids, -1) as [[number, number]];
    const [ask] = this.#sorted(this.#asks, 1) as [[number, number]];
    return {
      u: this.#last,
      s: this.symbol.symbol,
      b: pad(this.prices.format(bid[0])),
      B: pad(this.sizes.format(bid[1])),
      a: pad(this.prices.format(ask[0])),
      A: pad(this.sizes.format(ask[1])),
    };
  }

  #level(side: Map<number, number>, price: number): Level {
    return [this.prices.format(price), this.sizes.format(side.get(price) ?? 0)];
  }

  #sorted(side: Map<number, number>, sign: 1 | -1): [number, number][] {
    return [...side].sort((a, b) => sign * (a[0] - b[0]));
  }

  #size(): number {
    return 1 + Math.floor(this.#unit() * 5e8);
  }

  /** mulberry32: small and good enough to make a book up. */
  #unit(): number {
    this.#random = (this.#random + 0x6d2b79f5) >>> 0;
    let t = this.#random;
    t = Math.imul(t ^ (t >>> 15), t | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 0x1_0000_0000;
  }
}

export interface DepthMessage {
  readonly e: 'depthUpdate';
  readonly E: number;
  readonly s: string;
  readonly U: number;
  readonly u: number;
  readonly b: Level[];
  readonly a: Level[];
}

function wire([price, size]: Level): Level {
  return [pad(price), pad(size)];
}

function pad(text: string): string {
  const [whole, fraction = ''] = text.split('.');
  return `${whole}.${fraction.padEnd(DECIMALS, '0')}`;
}
