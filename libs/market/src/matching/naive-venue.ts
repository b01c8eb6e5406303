import type { TimeInForce } from '@depthcast/protocol';

/** An order as the naive venue keeps it; of the flow when it is nobody's. Prices in ticks, sizes in lots. */
export interface NaiveOrder {
  readonly who: string | undefined;
  readonly id: string;
  readonly buys: boolean;
  price: number | undefined;
  lots: number;
  left: number;
  readonly tif: TimeInForce;
  readonly postOnly: boolean;
  status: string;
  reason: string;
  /** Ticks × lots that its trades came to. */
  cost: number;
}

/** Base asset in lots, quote asset in ticks × lots. */
export interface NaiveAccount {
  base: number;
  baseLocked: number;
  quote: number;
  quoteLocked: number;
}

export interface NaiveTrade {
  readonly price: number;
  readonly lots: number;
  readonly taker: NaiveOrder;
  readonly maker: NaiveOrder;
}

export interface NaiveRules {
  readonly lotLots: number;
  readonly minLots: number;
  readonly maxLots: number;
  readonly minNotional: number;
  readonly base: number;
  readonly quote: number;
}

/**
 * A venue of one symbol as plainly as it can be told, for specs to hold the real one against: every order in one array
 * by the time of its place, looked through from the beginning each time.
 */
export class NaiveVenue {
  resting: NaiveOrder[] = [];
  /** Of accounts, by `account/id`. */
  readonly orders = new Map<string, NaiveOrder>();
  readonly accounts = new Map<string, NaiveAccount>();
  owner = '';
  isOpen = false;
  readonly #rules: NaiveRules;

  constructor(rules: NaiveRules) {
    this.#rules = rules;
  }

  up(src: string): void {
    this.owner = src;
    this.isOpen = true;
    this.resting = this.resting.filter((order) => order.who !== undefined);
  }

  down(src: string): void {
    if (this.owner === src) this.owner = '';
  }

  place(order: NaiveOrder, src: string): NaiveTrade[] {
    const { who } = order;
    if (who === undefined) return this.#placeFlow(order, src);
    const key = `${who}/${order.id}`;
    if (this.orders.has(key)) return [];
    const broken = this.#brokenRule(order);
    // Nobody is there yet to remember it.
    if (broken !== undefined && !this.accounts.has(who)) return [];
    if (!this.accounts.has(who)) {
      this.accounts.set(who, { base: this.#rules.base, baseLocked: 0, quote: this.#rules.quote, quoteLocked: 0 });
    }
    this.orders.set(key, order);
    const refusal = broken ?? this.#refusal(order);
    if (refusal !== undefined) {
      order.status = 'REJECTED';
      order.reason = refusal;
      return [];
    }
    order.status = 'ACCEPTED';
    return this.#match(order);
  }

  cancel(who: string | undefined, id: string, src: string): void {
    if (who === undefined && src !== this.owner) return;
    const order = this.resting.find((other) => other.who === who && other.id === id);
    if (order !== undefined) this.#leave(order, 'CANCELLED', '');
  }

  amend(id: string, price: number, lots: number, src: string): NaiveTrade[] {
    const order = this.resting.find((other) => other.who === undefined && other.id === id);
    if (order === undefined || src !== this.owner) return [];
    if (order.price === price && lots <= order.left) {
      order.left = lots;
      return [];
    }
    this.resting = this.resting.filter((other) => other !== order);
    return this.#match({ ...order, price, lots, left: lots });
  }

  #placeFlow(order: NaiveOrder, src: string): NaiveTrade[] {
    if (src !== this.owner || this.resting.some((other) => other.who === undefined && other.id === order.id)) return [];
    if (order.postOnly && (order.tif !== 'GTC' || order.price === undefined || this.#makers(order).length > 0))
      return [];
    return this.#match(order);
  }

  #brokenRule({ price, lots, tif, postOnly }: NaiveOrder): string | undefined {
    const { lotLots, minLots, maxLots, minNotional } = this.#rules;
    if (postOnly && (price === undefined || tif !== 'GTC')) return 'order_invalid';
    if (lots % lotLots !== 0 || lots < minLots || lots > maxLots) return 'qty_invalid';
    if (price !== undefined && price * lots < minNotional) return 'notional_too_small';
    return undefined;
  }

  #refusal(order: NaiveOrder): string | undefined {
    if (!this.isOpen) return 'book_not_synced';
    const makers = this.#makers(order);
    if (order.postOnly && makers.length > 0) return 'post_only';
    const [best] = this.#beforeOwn(order);
    if (order.price === undefined && best && (best.price as number) * order.lots < this.#rules.minNotional) {
      return 'notional_too_small';
    }
    const account = this.accounts.get(order.who as string) as NaiveAccount;
    if (!order.buys) {
      if (account.base < order.lots) return 'insufficient_balance';
      account.base -= order.lots;
      account.baseLocked += order.lots;
      return undefined;
    }
    const needs = order.price === undefined ? this.#costAtMarket(order) : order.price * order.lots;
    if (account.quote < needs) return 'insufficient_balance';
    account.quote -= needs;
    account.quoteLocked += needs;
    return undefined;
  }

  /** Whom it could trade with at its price, the best first. */
  #makers({ buys, price }: NaiveOrder): NaiveOrder[] {
    const reached = (maker: NaiveOrder) =>
      price === undefined || (buys ? (maker.price as number) <= price : (maker.price as number) >= price);
    const sign = buys ? 1 : -1;
    return this.resting
      .filter((maker) => maker.buys !== buys && reached(maker))
      .sort((a, b) => sign * ((a.price as number) - (b.price as number)));
  }

  #beforeOwn(order: NaiveOrder): NaiveOrder[] {
    const makers = this.#makers(order);
    const own = order.who === undefined ? -1 : makers.findIndex((maker) => maker.who === order.who);
    return own < 0 ? makers : makers.slice(0, own);
  }

  #isFillable(order: NaiveOrder): boolean {
    return this.#beforeOwn(order).reduce((sum, maker) => sum + maker.left, 0) >= order.lots;
  }

  #costAtMarket(order: NaiveOrder): number {
    if (order.tif === 'FOK' && !this.#isFillable(order)) return 0;
    let [cost, left] = [0, order.lots];
    for (const maker of this.#beforeOwn(order)) {
      const lots = Math.min(left, maker.left);
      cost += lots * (maker.price as number);
      left -= lots;
    }
    return cost;
  }

  #match(order: NaiveOrder): NaiveTrade[] {
    const trades: NaiveTrade[] = [];
    const makers = this.#beforeOwn(order);
    const meetsOwn = makers.length < this.#makers(order).length;
    if (order.tif !== 'FOK' || this.#isFillable(order)) {
      for (const maker of makers) {
        const lots = Math.min(order.left, maker.left);
        if (lots === 0) break;
        const price = maker.price as number;
        trades.push({ price, lots, taker: order, maker });
        for (const side of [order, maker]) this.#settle(side, price, lots);
      }
      this.resting = this.resting.filter((maker) => maker.left > 0);
    }
    if (order.left === 0) return trades;
    if (order.tif === 'FOK') {
      const nobody = order.price === undefined && makers.length === 0 && !meetsOwn;
      this.#leave(order, 'EXPIRED', nobody ? 'no_liquidity' : 'not_filled_at_once');
    } else if (meetsOwn) this.#leave(order, 'EXPIRED', 'self_trade');
    else if (order.price === undefined) {
      this.#leave(order, 'EXPIRED', trades.length === 0 ? 'no_liquidity' : 'not_filled_at_once');
    } else if (order.tif === 'IOC') this.#leave(order, 'EXPIRED', 'not_filled_at_once');
    else this.resting.push(order);
    return trades;
  }

  #settle(order: NaiveOrder, price: number, lots: number): void {
    order.left -= lots;
    order.cost += price * lots;
    order.status = order.left === 0 ? 'FILLED' : 'PARTIALLY_FILLED';
    const account = order.who === undefined ? undefined : this.accounts.get(order.who);
    if (account === undefined) return;
    if (order.buys) {
      account.base += lots;
      account.quoteLocked -= (order.price ?? price) * lots;
      account.quote += ((order.price ?? price) - price) * lots;
    } else {
      account.baseLocked -= lots;
      account.quote += price * lots;
    }
  }

  #leave(order: NaiveOrder, status: string, reason: string): void {
    this.resting = this.resting.filter((other) => other !== order);
    order.status = status;
    order.reason = reason;
    const account = order.who === undefined ? undefined : this.accounts.get(order.who);
    if (account === undefined) return;
    if (!order.buys) {
      account.baseLocked -= order.left;
      account.base += order.left;
    } else if (order.price !== undefined) {
      account.quoteLocked -= order.price * order.left;
      account.quote += order.price * order.left;
    }
  }
}
