import type { OrderReason, OrderSide, OrderStatus } from '@depthcast/protocol';
import { Fifo } from './fifo.ts';
import type { KnownOrder, PaperOrder } from './paper-order.ts';

/** Event time for which an order is remembered after its end. */
export const REMEMBERED_SECONDS = 86_400;

export interface OrderLimits {
  readonly accountsMax: number;
  /** Open orders of one account. */
  readonly openOrdersMax: number;
  /** Orders that one account's client ids are remembered of, open or ended. Beyond, the oldest ended goes first. */
  readonly accountOrdersMax: number;
  /** The same of all accounts. */
  readonly ordersMax: number;
  /** Symbols by accounts, in all. */
  readonly positionsMax: number;
}

export const ORDER_LIMITS: OrderLimits = {
  accountsMax: 10_000,
  openOrdersMax: 1_000,
  accountOrdersMax: 100_000,
  ordersMax: 500_000,
  positionsMax: 100_000,
};

/** As an array, because there may be half a million. */
export type EndedOrderMemory = readonly [
  account: string,
  clientOrderId: string,
  venueOrderId: string,
  symbol: string,
  side: OrderSide,
  qty: string | null,
  price: string | null,
  status: OrderStatus,
  reason: OrderReason | '',
  executedQty: string,
  avgPrice: string,
  lastUs: number,
  endedSecond: number,
];

interface EndedOrder extends KnownOrder {
  readonly endedSecond: number;
  forgotten: boolean;
}

interface AccountOrders {
  readonly open: Map<string, PaperOrder>;
  readonly ended: Map<string, EndedOrder>;
  /** By their ends. What is the oldest of all is the oldest of its account too. */
  readonly endedQueue: Fifo<EndedOrder>;
}

/**
 * Open orders, and those that ended in the last 24 h of event time, within bounds: so that an order sent twice is
 * placed once.
 */
export class OrderMemory {
  readonly #limits: OrderLimits;
  readonly #accounts = new Map<string, AccountOrders>();
  /** Open ones of all accounts by their venue order ids, in the order in which they were accepted. */
  readonly #open = new Map<string, PaperOrder>();
  /** Ended ones of all accounts by their ends; among them some that have been forgotten before their turn. */
  readonly #endedQueue = new Fifo<EndedOrder>();
  /** How many of those. */
  #forgottenEarly = 0;

  constructor(limits: OrderLimits) {
    this.#limits = limits;
  }

  /** What a second `order` of the same client id is answered from. */
  known(account: string, clientOrderId: string): KnownOrder | undefined {
    const orders = this.#accounts.get(account);
    return orders?.open.get(clientOrderId) ?? orders?.ended.get(clientOrderId);
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
    const { openOrdersMax, ordersMax } = this.#limits;
    return (this.#accounts.get(account)?.open.size ?? 0) < openOrdersMax && this.#open.size < ordersMax;
  }

  add(order: PaperOrder): void {
    const orders = this.#of(order.account);
    this.#open.set(order.venueOrderId, order);
    orders.open.set(order.clientOrderId, order);
    this.#keepLimits(orders);
  }

  /** The order, open or never added, has come to its end. */
  end(order: PaperOrder, second: number): void {
    const orders = this.#of(order.account);
    this.#open.delete(order.venueOrderId);
    orders.open.delete(order.clientOrderId);
    this.#remember(endedOrder(order, second));
    this.#keepLimits(orders);
  }

  /** Forgets what ended before or in that second. */
  forgetUntil(second: number): void {
    for (let first = this.#endedQueue.first; first !== undefined; first = this.#endedQueue.first) {
      if (first.endedSecond > second) return;
      this.#forgetFirst();
    }
  }

  /** All open orders of the account by their age, then the newest of the ended ones, newest first. */
  newest(account: string, endedMax: number): KnownOrder[] {
    const orders = this.#accounts.get(account);
    return orders === undefined ? [] : [...orders.open.values(), ...orders.endedQueue.newest(endedMax)];
  }

  /** Of the queue of all, with those in it that have been forgotten: at most twice {@link OrderLimits.ordersMax}. */
  get endedQueueLength(): number {
    return this.#endedQueue.length;
  }

  endedMemory(): EndedOrderMemory[] {
    return this.#endedQueue
      .items()
      .filter(({ forgotten }) => !forgotten)
      .map(endedMemory);
  }

  restore(open: Iterable<PaperOrder>, ended: readonly EndedOrderMemory[]): void {
    for (const order of open) this.add(order);
    for (const memory of ended) this.#remember(restoreEnded(memory));
  }

  #of(account: string): AccountOrders {
    let orders = this.#accounts.get(account);
    if (orders === undefined) {
      orders = { open: new Map(), ended: new Map(), endedQueue: new Fifo() };
      this.#accounts.set(account, orders);
    }
    return orders;
  }

  #remember(order: EndedOrder): void {
    const orders = this.#of(order.account);
    orders.ended.set(order.clientOrderId, order);
    orders.endedQueue.push(order);
    this.#endedQueue.push(order);
  }

  #keepLimits(orders: AccountOrders): void {
    const { accountOrdersMax, ordersMax } = this.#limits;
    while (orders.open.size + orders.ended.size > accountOrdersMax) {
      const oldest = orders.endedQueue.shift();
      if (oldest === undefined) break;
      orders.ended.delete(oldest.clientOrderId);
      oldest.forgotten = true;
      this.#forgottenEarly++;
    }
    while (this.#open.size + this.#endedQueue.length - this.#forgottenEarly > ordersMax) {
      if (this.#endedQueue.length === 0) break;
      this.#forgetFirst();
    }
    // One busy account must not make the queue of all grow without end.
    if (this.#forgottenEarly > ordersMax) {
      this.#endedQueue.retain(({ forgotten }) => !forgotten);
      this.#forgottenEarly = 0;
    }
  }

  /** Takes the first out of the queue of all. */
  #forgetFirst(): void {
    const first = this.#endedQueue.shift() as EndedOrder;
    if (first.forgotten) {
      this.#forgottenEarly--;
      return;
    }
    const orders = this.#of(first.account);
    orders.endedQueue.shift();
    orders.ended.delete(first.clientOrderId);
  }
}

/** Only what is said of it: the rest of a PaperOrder would be kept for a day for nothing. */
function endedOrder(order: KnownOrder, endedSecond: number): EndedOrder {
  return {
    account: order.account,
    clientOrderId: order.clientOrderId,
    venueOrderId: order.venueOrderId,
    symbol: order.symbol,
    side: order.side,
    qty: order.qty,
    price: order.price,
    status: order.status,
    reason: order.reason,
    executedQty: order.executedQty,
    avgPrice: order.avgPrice,
    lastUs: order.lastUs,
    endedSecond,
    forgotten: false,
  };
}

function endedMemory(order: EndedOrder): EndedOrderMemory {
  return [
    order.account,
    order.clientOrderId,
    order.venueOrderId,
    order.symbol,
    order.side,
    order.qty ?? null,
    order.price ?? null,
    order.status,
    order.reason,
    order.executedQty,
    order.avgPrice,
    order.lastUs,
    order.endedSecond,
  ];
}

function restoreEnded(memory: EndedOrderMemory): EndedOrder {
  return {
    account: memory[0],
    clientOrderId: memory[1],
    venueOrderId: memory[2],
    symbol: memory[3],
    side: memory[4],
    qty: memory[5] ?? undefined,
    price: memory[6] ?? undefined,
    status: memory[7],
    reason: memory[8],
    executedQty: memory[9],
    avgPrice: memory[10],
    lastUs: memory[11],
    endedSecond: memory[12],
    forgotten: false,
  };
}
