import { isOpenStatus, type OrderStatus } from '@depthcast/protocol';
import type { EndedOrders } from './ended-orders.ts';
import { rawItems, rawMembers } from './raw-json.ts';

/** Ended orders of one account that are kept; the engine's stored state has as many. */
export const ENDED_ORDERS_MAX = 100;
/**
 * For so long after its end an order's client id is not free again. The engine's own 24 hours less a minute: what has
 * just been forgotten here is the engine's to answer, what it has forgotten must not be answered here.
 */
export const REMEMBERED_MS = 86_340_000;

const NS_PER_MS = 1e6;

/** An order as its last `order_state` says it is. */
export interface OrderReplica {
  readonly clientOrderId: string;
  readonly symbol: string | undefined;
  readonly status: OrderStatus;
  /** Event time of its last change. */
  readonly lastMs: number;
  /** The event's own text. */
  readonly payload: string;
}

export interface PositionReplica {
  readonly symbol: string;
  readonly payload: string;
}

export interface OrdersWanted {
  readonly status: 'open' | 'all';
  readonly symbol?: string | undefined;
  readonly limit?: number;
}

/** What is read of an `order_state`. */
interface OrderState {
  readonly client_order_id: string;
  readonly status: OrderStatus;
  readonly symbol?: string;
  readonly last_ts_ns: number;
}

/**
 * One account as of the last of its events that this gateway has read: its orders, balances and positions, all of it
 * in the events' own text. Open orders are as many as the engine lets an account have, ended ones the newest 100, as
 * long as they are among the newest of all accounts.
 */
export class AccountReplica {
  readonly #endedOfAll: EndedOrders;
  /** By when they were accepted, the oldest first. */
  readonly #open = new Map<string, OrderReplica>();
  /** By their ends, the oldest first. */
  readonly #ended = new Map<string, OrderReplica>();
  /** By asset. */
  readonly #balances = new Map<string, string>();
  readonly #positions = new Map<string, PositionReplica>();

  constructor(endedOfAll: EndedOrders) {
    this.#endedOfAll = endedOfAll;
  }

  /** @param payload an `order_state`. @throws when it is not one. */
  applyOrder(payload: string): void {
    const order = orderOf(payload);
    // One that ends without having been open here was refused just now, or ended long ago and was sent a second time.
    const isSudden = !isOpenStatus(order.status) && !this.#open.has(order.clientOrderId);
    const later = isSudden ? this.#endedAfter(order.lastMs) : [];
    if (later.length < ENDED_ORDERS_MAX) this.put(order, later);
  }

  /**
   * An order as it stands now.
   *
   * @param later of the ended orders the newest ones, which it is to stand before if it has ended.
   */
  put(order: OrderReplica, later: readonly OrderReplica[] = []): void {
    const { clientOrderId, status, payload } = order;
    if (isOpenStatus(status)) {
      this.#open.set(clientOrderId, order);
      this.#forget(clientOrderId);
      return;
    }
    this.#open.delete(clientOrderId);
    // An order that is sent a second time is told how it stands, and did not end anew.
    if (this.#ended.get(clientOrderId)?.payload === payload) return;
    this.#forget(clientOrderId);
    this.#ended.set(clientOrderId, order);
    for (const one of later) {
      if (!this.holds(one)) continue;
      this.#ended.delete(one.clientOrderId);
      this.#ended.set(one.clientOrderId, one);
    }
    if (this.#ended.size > ENDED_ORDERS_MAX) this.#forget(this.#ended.keys().next().value as string);
    this.#endedOfAll.add(this, order);
  }

  /** Whether it is an ended order that is still held. */
  holds(order: OrderReplica): boolean {
    return this.#ended.get(order.clientOrderId) === order;
  }

  /** Lets an ended order go, if it is still held. */
  forget(order: OrderReplica): void {
    if (this.holds(order)) this.#forget(order.clientOrderId);
  }

  /** @param payload an `account` event: the balances that have changed. @throws when it is not one. */
  applyAccount(payload: string): void {
    this.applyBalances(Object.fromEntries(rawMembers(payload)).balances as string);
  }

  /** @param json the list of balances. */
  applyBalances(json: string): void {
    for (const balance of rawItems(json)) {
      const { asset } = JSON.parse(balance) as { asset: string };
      this.#balances.set(asset, balance);
    }
  }

  /** @param payload a `position` event. @throws when it is not one. */
  applyPosition(payload: string): void {
    const { symbol } = JSON.parse(payload) as { symbol: string };
    this.#positions.set(symbol, { symbol, payload });
  }

  order(clientOrderId: string): OrderReplica | undefined {
    return this.#open.get(clientOrderId) ?? this.#ended.get(clientOrderId);
  }

  /** The order that another of the same client id would be answered with; `undefined` when the id is free (again). */
  holder(clientOrderId: string, eventMs: number): OrderReplica | undefined {
    const ended = this.#ended.get(clientOrderId);
    return this.#open.get(clientOrderId) ?? (ended && eventMs - ended.lastMs < REMEMBERED_MS ? ended : undefined);
  }

  /** The open ones, then those that have ended; of either the newest first. */
  orders({ status, symbol, limit }: OrdersWanted): OrderReplica[] {
    const open = [...this.#open.values()].reverse();
    const all = status === 'open' ? open : [...open, ...[...this.#ended.values()].reverse()];
    return all.filter((order) => symbol === undefined || order.symbol === symbol).slice(0, limit);
  }

  /** What a new one is, but for orders that ended without a fill: it has the starting balances. */
  get isAsNew(): boolean {
    return this.#open.size === 0 && this.#positions.size === 0;
  }

  /** All of them, as a JSON list. */
  get balances(): string {
    return `[${[...this.#balances.values()].join(',')}]`;
  }

  /** The last `position` event of each symbol, by symbol. */
  get positions(): readonly PositionReplica[] {
    return [...this.#positions.values()].sort((a, b) => (a.symbol < b.symbol ? -1 : 1));
  }

  /** The newest ended orders as far as they are newer than a time, the oldest first. */
  #endedAfter(ms: number): OrderReplica[] {
    const ended = [...this.#ended.values()];
    return ended.slice(ended.findLastIndex(({ lastMs }) => lastMs <= ms) + 1);
  }

  #forget(clientOrderId: string): void {
    if (this.#ended.delete(clientOrderId)) this.#endedOfAll.onForgotten();
  }
}

/** @param payload an `order_state`. @throws when it is not one. */
export function orderOf(payload: string): OrderReplica {
  const { client_order_id: clientOrderId, status, symbol, last_ts_ns: lastTsNs } = JSON.parse(payload) as OrderState;
  if (typeof clientOrderId !== 'string') throw new Error('not an order');
  return { clientOrderId, symbol, status, lastMs: lastTsNs / NS_PER_MS, payload };
}
