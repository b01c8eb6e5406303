import { ExactSum } from './exact-sum.ts';

/** open, high, low, close, trades, then volume, buy volume and notional as text. */
export type BarSumsMemory = readonly [number, number, number, number, number, string, string, string];

/** What the trades of one span of time add up to: prices in ticks, volumes in lots, notional in ticks × lots. */
export class BarSums {
  open = 0;
  high = 0;
  low = 0;
  close = 0;
  trades = 0;
  readonly volume: ExactSum;
  readonly buyVolume: ExactSum;
  readonly notional: ExactSum;

  constructor(volume = new ExactSum(), buyVolume = new ExactSum(), notional = new ExactSum()) {
    this.volume = volume;
    this.buyVolume = buyVolume;
    this.notional = notional;
  }

  static restore(memory: BarSumsMemory): BarSums {
    const [open, high, low, close, trades, volume, buyVolume, notional] = memory;
    const sums = new BarSums(sumOf(volume), sumOf(buyVolume), sumOf(notional));
    sums.#set(open, high, low, close, trades);
    return sums;
  }

  /** A span without trades. */
  static flat(price: number): BarSums {
    const sums = new BarSums();
    sums.#set(price, price, price, price, 0);
    return sums;
  }

  memory(): BarSumsMemory {
    const { open, high, low, close, trades, volume, buyVolume, notional } = this;
    return [open, high, low, close, trades, String(volume.value), String(buyVolume.value), String(notional.value)];
  }

  /** @param first and `last`: whether it is the span's first and last trade so far, by the venue's time. */
  add(price: number, lots: number, buys: boolean, first: boolean, last: boolean): void {
    if (this.trades === 0) {
      this.high = price;
      this.low = price;
    } else if (price > this.high) this.high = price;
    else if (price < this.low) this.low = price;
    if (first) this.open = price;
    if (last) this.close = price;
    this.trades++;
    this.volume.add(lots);
    if (buys) this.buyVolume.add(lots);
    this.notional.addProduct(price, lots);
  }

  /** Takes in the span that comes after this one. */
  append(later: BarSums): void {
    if (later.high > this.high) this.high = later.high;
    if (later.low < this.low) this.low = later.low;
    this.close = later.close;
    this.trades += later.trades;
    this.volume.addSum(later.volume);
    this.buyVolume.addSum(later.buyVolume);
    this.notional.addSum(later.notional);
  }

  copy(): BarSums {
    const sums = new BarSums(this.volume.copy(), this.buyVolume.copy(), this.notional.copy());
    sums.#set(this.open, this.high, this.low, this.close, this.trades);
    return sums;
  }

  #set(open: number, high: number, low: number, close: number, trades: number): void {
    this.open = open;
    this.high = high;
    this.low = low;
    this.close = close;
    this.trades = trades;
  }
}

function sumOf(text: string): ExactSum {
  return ExactSum.of(BigInt(text));
}
