import type { OrderSide } from '@depthcast/protocol';

/** A fraction of whole numbers, its denominator above 0. */
export interface Fraction {
  readonly num: bigint;
  readonly den: bigint;
}

export const ZERO: Fraction = { num: 0n, den: 1n };

/** Of decimal text as JSON numbers are written, of either sign. */
export function fraction(text: string): Fraction {
  const [whole = '', decimals = ''] = text.split('.');
  return { num: BigInt(whole + decimals), den: 10n ** BigInt(decimals.length) };
}

/** Whole units of 10^-18, of which a decimal of no more decimals is so many exactly. */
export function units({ num, den }: Fraction): bigint {
  return (num * 10n ** 18n) / den;
}

export function plus(a: Fraction, b: Fraction): Fraction {
  // Decimals, which nearly all are, need no lowest terms to keep their denominators small.
  if (a.den % b.den === 0n) return { num: a.num + b.num * (a.den / b.den), den: a.den };
  if (b.den % a.den === 0n) return plus(b, a);
  return lowest(a.num * b.den + b.num * a.den, a.den * b.den);
}

export function minus(a: Fraction, b: Fraction): Fraction {
  return plus(a, { num: -b.num, den: b.den });
}

export function times(a: Fraction, b: Fraction): Fraction {
  return { num: a.num * b.num, den: a.den * b.den };
}

export function over(a: Fraction, b: Fraction): Fraction {
  return b.num < 0n ? lowest(-a.num * b.den, -a.den * b.num) : lowest(a.num * b.den, a.den * b.num);
}

export function compare(a: Fraction, b: Fraction): number {
  const difference = a.num * b.den - b.num * a.den;
  return difference === 0n ? 0 : difference < 0n ? -1 : 1;
}

function lowest(num: bigint, den: bigint): Fraction {
  let [a, b] = [num < 0n ? -num : num, den];
  while (b !== 0n) [a, b] = [b, a % b];
  return a === 0n ? ZERO : { num: num / a, den: den / a };
}

export interface NaiveFill {
  readonly qty: Fraction;
  readonly price: Fraction;
  readonly counterIsPaper: boolean;
}

export interface NaiveOrder {
  readonly account: string;
  readonly symbol: string;
  readonly base: string;
  readonly quote: string;
  readonly side: OrderSide;
  readonly qty: Fraction;
  /** The limit. */
  readonly price?: Fraction;
  /** Of a market BUY: what it had to have. */
  readonly cost?: Fraction;
  readonly fills: NaiveFill[];
  isOpen: boolean;
}

export interface NaivePosition {
  qty: Fraction;
  cost: Fraction;
  realized: Fraction;
}

/** By `<account> <asset>`, the counterparty's by `<asset>`. */
export interface NaiveHoldings {
  readonly free: ReadonlyMap<string, Fraction>;
  readonly locked: ReadonlyMap<string, Fraction>;
  /** What those without an account have got. */
  readonly counterparty: ReadonlyMap<string, Fraction>;
}

/** Paper accounts that keep no balance: what they have is worked out from their orders and all fills, each time. */
export class NaiveAccounts {
  readonly #starting: ReadonlyMap<string, Fraction>;
  readonly orders: NaiveOrder[] = [];
  /** By `<account> <symbol>`. */
  readonly positions = new Map<string, NaivePosition>();
  /** In the order of the trades. */
  readonly #fills: { readonly order: NaiveOrder; readonly fill: NaiveFill }[] = [];

  constructor(starting: ReadonlyMap<string, Fraction>) {
    this.#starting = starting;
  }

  fill(order: NaiveOrder, fill: NaiveFill): void {
    order.fills.push(fill);
    this.#fills.push({ order, fill });
    const key = `${order.account} ${order.symbol}`;
    const position = this.positions.get(key) ?? { qty: ZERO, cost: ZERO, realized: ZERO };
    fillPosition(position, order.side, fill);
    this.positions.set(key, position);
  }

  holdings(accounts: readonly string[]): NaiveHoldings {
    const [free, locked, counterparty] = [0, 0, 0].map(() => new Map<string, Fraction>()) as Sums;
    for (const account of accounts)
      for (const [asset, amount] of this.#starting) add(free, `${account} ${asset}`, amount);
    for (const { order, fill } of this.#fills) {
      const { account, base, quote, side } = order;
      const cost = times(fill.qty, fill.price);
      const [gotBase, gotQuote] = side === 'BUY' ? [fill.qty, minus(ZERO, cost)] : [minus(ZERO, fill.qty), cost];
      add(free, `${account} ${base}`, gotBase);
      add(free, `${account} ${quote}`, gotQuote);
      if (!fill.counterIsPaper) {
        add(counterparty, base, minus(ZERO, gotBase));
        add(counterparty, quote, minus(ZERO, gotQuote));
      }
    }
    for (const order of this.orders) {
      if (!order.isOpen) continue;
      const key = `${order.account} ${order.side === 'BUY' ? order.quote : order.base}`;
      add(locked, key, heldBy(order));
      add(free, key, minus(ZERO, heldBy(order)));
    }
    return { free, locked, counterparty };
  }
}

type Sums = [Map<string, Fraction>, Map<string, Fraction>, Map<string, Fraction>];

function add(sums: Map<string, Fraction>, key: string, amount: Fraction): void {
  sums.set(key, plus(sums.get(key) ?? ZERO, amount));
}

export function executed(order: NaiveOrder): Fraction {
  return order.fills.reduce((sum, { qty }) => plus(sum, qty), ZERO);
}

export function notional(order: NaiveOrder): Fraction {
  return order.fills.reduce((sum, { qty, price }) => plus(sum, times(qty, price)), ZERO);
}

function heldBy(order: NaiveOrder): Fraction {
  const left = minus(order.qty, executed(order));
  if (order.side === 'SELL') return left;
  return order.price === undefined ? minus(order.cost ?? ZERO, notional(order)) : times(order.price, left);
}

/** One unit after another would be plainer still: what closes is at the average, what opens at the price. */
function fillPosition(position: NaivePosition, side: OrderSide, { qty, price }: NaiveFill): void {
  const signed = side === 'BUY' ? qty : minus(ZERO, qty);
  const isLong = position.qty.num > 0n;
  const opens = position.qty.num === 0n || isLong === (side === 'BUY');
  const open = isLong ? position.qty : minus(ZERO, position.qty);
  const closed = opens ? ZERO : compare(qty, open) < 0 ? qty : open;
  if (closed.num > 0n) {
    const average = over(position.cost, open);
    const won = times(closed, isLong ? minus(price, average) : minus(average, price));
    position.realized = plus(position.realized, won);
    position.cost = minus(position.cost, times(closed, average));
  }
  position.cost = plus(position.cost, times(minus(qty, closed), price));
  position.qty = plus(position.qty, signed);
}
