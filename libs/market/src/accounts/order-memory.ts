import { type EndedOrder, endedOrder, knownOrder, restoreEndedOrder } from './ended-order.ts';
import { Fifo } from './fifo.ts';
import type { KnownOrder, PaperOrder } from './paper-order.ts';
import { type Ranked, Ranking } from './ranking.ts';

/** Event time for which an order is remembered after its end. */
export const REMEMBERED_SECONDS = 86_400;

/** All of it is in every snapshot, which must not take the engine longer than its lease allows. */
export interface OrderLimits {
  readonly accountsMax: number;
  /** Open orders of one account. */
  readonly openOrdersMax: number;
  /** Open orders of all accounts. */
  readonly allOpenOrdersMax: number;
  /** Orders of all accounts that are remembered, open or ended. Beyond, see {@link OrderMemory}. */
  readonly ordersMax: number;
  /** Symbols by accounts, in all. */
  readonly positionsMax: number;
}

export const ORDER_LIMITS: OrderLimits = {
  accountsMax: 10_000,
  openOrdersMax: 1_000,
  allOpenOrdersMax: 10_000,
  ordersMax: 100_000,
  positionsMax: 20_000,
};

/** Ended orders of an account, oldest first, separated by commas: see {@link EndedOrder.text}. */
export type EndedOrdersMemory = readonly [account: string, texts: string];

interface AccountOrders extends Ranked {
  readonly account: string;
  readonly open: Map<string, PaperOrder>;
  readonly ended: Map<string, EndedOrder>;
  /** By their ends. */
  readonly endedQueue: Fifo<EndedOrder>;
}

/**
 * Open orders, and those that ended in the last 24 h of event time, within bounds: so that an order sent twice is
 * placed once.
 *
 * When there is one too many, the account that has the most ended ones loses its oldest: who floods the engine with
 * orders makes it forget his own.
 */
export class OrderMemory {
  readonly #limits: OrderLimits;
  readonly #accounts = new Map<string, AccountOrders>();
  /** Open ones of all accounts by their venue order ids, in the order in which they were accepted. */
  readonly #open = new Map<string, PaperOrder>();
  /** Accounts by how many ended ones they have. */
  readonly #byEnded = new Ranking<AccountOrders>();
  /** How many have ended of all accounts. */
  #endedCount = 0;

  constructor(limits: OrderLimits) {
    this.#limits = limits;
  }

  /** Whether anything is remembered of the account. */
  has(account: string): boolean {
    return this.#accounts.has(account);
  }

  /** What a second `order` of the same client id is answered from. */
  known(account: string, clientOrderId: string): KnownOrder | undefined {
    const orders = this.#accounts.get(account);
    const open = orders?.open.get(clientOrderId);
    if (open !== undefined) return open;
    const ended = orders?.ended.get(clientOrderId);
    return ended && knownOrder(account, ended);
  }

  find(account: string, clientOrderId: string): PaperOrder | undefined {
    return this.#accounts.get(account)?.open.get(clientOrderId);
  }

  byVenueId(id: string): PaperOrder | undefined {
    return this.#open.get(id);
  }

  openOrders(): IterableIterator<PaperOrder> {
    return this.#open.values();
  }

  /** Whether the account may have one more open order. */
  hasRoom(account: string): boolean {
    const { openOrdersMax, allOpenOrdersMax } = this.#limits;
    return (this.#accounts.get(account)?.open.size ?? 0) < openOrdersMax && this.#open.size < allOpenOrdersMax;
  }

  add(order: PaperOrder): void {
    this.#open.set(order.venueOrderId, order);
    this.#of(order.account).open.set(order.clientOrderId, order);
    this.#keepLimit();
  }

  /** The order, open or never added, has come to its end. */
  end(order: PaperOrder, second: number): void {
    const orders = this.#of(order.account);
    this.#open.delete(order.venueOrderId);
    orders.open.delete(order.clientOrderId);
    remember(orders, endedOrder(order, second));
    this.#endedCount++;
    this.#byEnded.put(orders, orders.ended.size);
    this.#keepLimit();
  }

  /** Forgets what ended before or in that second. */
  forgetUntil(second: number): void {
    for (const orders of this.#byEnded.items()) {
      while ((orders.endedQueue.first?.endedSecond ?? Number.POSITIVE_INFINITY) <= second) this.#forgetOldest(orders);
    }
  }

  /** All open orders of the account by their age, then the newest of the ended ones, newest first. */
  newest(account: string, endedMax: number): KnownOrder[] {
    const orders = this.#accounts.get(account);
    if (orders === undefined) return [];
    const ended = orders.endedQueue.newest(endedMax).map((order) => knownOrder(account, order));
    return [...orders.open.values(), ...ended];
  }

  /** How many of each account's ended orders there may be, at most `eachMax`, to have no more than `allMax` together. */
  endedShare(eachMax: number, allMax: number): number {
    const counts = this.#byEnded.items().map(({ ended }) => ended.size);
    let share = eachMax;
    while (share > 0 && counts.reduce((sum, count) => sum + Math.min(count, share), 0) > allMax) share--;
    return share;
  }

  endedMemory(): EndedOrdersMemory[] {
    return this.#byEnded.items().map(({ account, endedQueue }): EndedOrdersMemory => {
      const texts = endedQueue.items().map(({ text }) => text);
      return [account, texts.join(',')];
    });
  }

  restore(open: Iterable<PaperOrder>, ended: readonly EndedOrdersMemory[]): void {
    for (const order of open) this.add(order);
    for (const [account, texts] of ended) {
      const orders = this.#of(account);
      for (const text of texts.split(',')) remember(orders, restoreEndedOrder(text));
      this.#endedCount += orders.ended.size;
      this.#byEnded.put(orders, orders.ended.size);
    }
  }

  #of(account: string): AccountOrders {
    let orders = this.#accounts.get(account);
    if (orders === undefined) {
      orders = { account, open: new Map(), ended: new Map(), endedQueue: new Fifo(), rank: 0, place: 0 };
      this.#accounts.set(account, orders);
    }
    return orders;
  }

  #keepLimit(): void {
    while (this.#open.size + this.#endedCount > this.#limits.ordersMax) {
      const fullest = this.#byEnded.top;
      if (fullest === undefined) return;
      this.#forgetOldest(fullest);
    }
  }

  #forgetOldest(orders: AccountOrders): void {
    const oldest = orders.endedQueue.shift() as EndedOrder;
    orders.ended.delete(oldest.clientOrderId);
    this.#endedCount--;
    this.#byEnded.put(orders, orders.ended.size);
    if (orders.ended.size === 0 && orders.open.size === 0) this.#accounts.delete(orders.account);
  }
}

function remember(orders: AccountOrders, order: EndedOrder): void {
  orders.ended.set(order.clientOrderId, order);
  orders.endedQueue.push(order);
}
