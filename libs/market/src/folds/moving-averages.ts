import { divideHalfUp } from './number-text.ts';

/** Closes in a simple moving average, the newest one included. */
export const SMA_BARS = 20;
/** The exponential one weighs the newest close by 2 ÷ (EMA_BARS + 1); it begins as the first simple one. */
export const EMA_BARS = 20;

/** The exponential average is kept in millionths of a tick, a whole number, halves up at each step. */
export const EMA_UNITS_PER_TICK = 1_000_000n;
const EMA_DIVISOR = BigInt(EMA_BARS + 1);
const EMA_OLD_WEIGHT = BigInt(EMA_BARS - 1);
const EMA_NEW_WEIGHT = 2n * EMA_UNITS_PER_TICK;
const SMA_DIVISOR = BigInt(SMA_BARS);

export interface MovingAveragesMemory {
  readonly closes: readonly number[];
  readonly ema: string | null;
}

/** Undefined while there are not enough closes. */
export interface Averages {
  /** Sum of SMA_BARS closes, in ticks. */
  readonly smaSum: bigint | undefined;
  /** In 1 ÷ {@link EMA_UNITS_PER_TICK} ticks. */
  readonly ema: bigint | undefined;
}

/** Moving averages over the closes of closed bars, in ticks, and what they would be with one more. */
export class MovingAverages {
  /** The last SMA_BARS − 1 closes, oldest first. */
  readonly #closes: number[];
  #sum: bigint;
  #ema: bigint | undefined;

  constructor(memory: MovingAveragesMemory = { closes: [], ema: null }) {
    this.#closes = [...memory.closes];
    this.#sum = memory.closes.reduce((sum, close) => sum + BigInt(close), 0n);
    this.#ema = memory.ema === null ? undefined : BigInt(memory.ema);
  }

  memory(): MovingAveragesMemory {
    return { closes: this.#closes, ema: this.#ema === undefined ? null : String(this.#ema) };
  }

  get lastClose(): number | undefined {
    return this.#closes.at(-1);
  }

  /** The averages with this close as the newest. */
  with(close: number): Averages {
    return { smaSum: this.#smaSum(close), ema: this.#emaWith(close) };
  }

  push(close: number): void {
    this.#ema = this.#emaWith(close);
    this.#closes.push(close);
    this.#sum += BigInt(close);
    if (this.#closes.length === SMA_BARS) this.#sum -= BigInt(this.#closes.shift() as number);
  }

  #smaSum(close: number): bigint | undefined {
    return this.#closes.length === SMA_BARS - 1 ? this.#sum + BigInt(close) : undefined;
  }

  #emaWith(close: number): bigint | undefined {
    if (this.#ema !== undefined) {
      return divideHalfUp(this.#ema * EMA_OLD_WEIGHT + BigInt(close) * EMA_NEW_WEIGHT, EMA_DIVISOR);
    }
    const sum = this.#smaSum(close);
    return sum === undefined ? undefined : divideHalfUp(sum * EMA_UNITS_PER_TICK, SMA_DIVISOR);
  }
}
