import type { InputOf, LogEvent, OrderReason } from '@depthcast/protocol';
import { AVERAGE_EXTRA_DECIMALS } from '../folds/number-text.ts';
import type { MarketOptions } from '../market-options.ts';
import { averageText } from './amount.ts';
import type { Instrument } from './instrument.ts';
import { lockedAsset, neededBy } from './order-funds.ts';
import {
  type EndedOrdersMemory,
  ORDER_LIMITS,
  type OrderLimits,
  OrderMemory,
  REMEMBERED_SECONDS,
} from './order-memory.ts';
import { readOrder, type Tradable, wireText } from './order-rules.ts';
import { type AssetAudit, PaperAccounts, type PaperAccountsMemory } from './paper-accounts.ts';
import { type PaperOrder, type PaperOrderMemory, paperOrderMemory, restorePaperOrder } from './paper-order.ts';
import type { PositionMemory } from './position.ts';
import { type MarkOf, Positions } from './positions.ts';
import {
  fillEvent,
  orderStateEvent,
  orderStateJson,
  orderUpdateEvent,
  refusedCancelEvent,
} from './private-event-writer.ts';
import { startingBalances } from './starting-balances.ts';

/** Of an account's ended orders, so many of the newest are in {@link OrderDesk.accountsState}: fewer … */
const ENDED_STATES_MAX = 100;
/** … where all accounts' would be more than this. */
const ALL_ENDED_STATES_MAX = 10_000;

/** All that a desk remembers between two inputs, as JSON holds it. */
export interface OrderDeskMemory extends PaperAccountsMemory {
  readonly second: number;
  /** The last `venue_order_id`. */
  readonly orderNumber: number;
  readonly positionTurn: number;
  readonly positions: readonly PositionMemory[];
  readonly orders: readonly PaperOrderMemory[];
  readonly ended: readonly EndedOrdersMemory[];
}

const NOTHING: OrderDeskMemory = {
  second: 0,
  orderNumber: 0,
  positionTurn: 0,
  ledger: [],
  accounts: [],
  positions: [],
  orders: [],
  ended: [],
};

/**
 * Where paper orders come in: accounts and their balances, positions, orders and what is said of them. It knows no
 * book: matching decides what trades with what, and tells it here.
 *
 * An `order` is {@link open}ed, then {@link accept}ed or {@link reject}ed in the same input; an accepted one is
 * {@link fill}ed, and {@link close}d if something is left of it in the end. Each of these says at once what it did;
 * balances and positions, which a thousand trades of one input may move, are said by {@link settle}.
 *
 * Inputs have passed their schemas, and have an account.
 */
export class OrderDesk {
  readonly #limits: OrderLimits;
  readonly #accounts: PaperAccounts;
  readonly #positions = new Positions();
  readonly #orders: OrderMemory;
  /** Event time. */
  #second: number;
  #orderNumber: number;

  /** @param limits other ones are for tests. */
  constructor(
    options: Pick<MarketOptions, 'paperBalances'>,
    memory: OrderDeskMemory = NOTHING,
    limits: OrderLimits = ORDER_LIMITS,
  ) {
    this.#limits = limits;
    const starting = startingBalances(options.paperBalances);
    this.#accounts = new PaperAccounts(starting, limits.accountsMax, memory);
    this.#second = memory.second;
    this.#orderNumber = memory.orderNumber;
    this.#positions.restore(memory.positions, memory.positionTurn);
    this.#orders = new OrderMemory(limits);
    this.#orders.restore(memory.orders.map(restorePaperOrder), memory.ended);
  }

  memory(): OrderDeskMemory {
    return {
      second: this.#second,
      orderNumber: this.#orderNumber,
      positionTurn: this.#positions.turn,
      ...this.#accounts.memory(),
      positions: this.#positions.memory(),
      orders: Array.from(this.#orders.openOrders(), paperOrderMemory),
      ended: this.#orders.endedMemory(),
    };
  }

  /**
   * The first step of an `order`. A known client id gives one `order_state` of that order as it stands and undefined,
   * an order that breaks a rule is REJECTED and gives undefined. Else the order, numbered and not yet announced; its
   * account is opened if that is new. Rules that need the book are matching's: it asks {@link Instrument.minNotional}
   * of a market order by the best price that it meets.
   *
   * What is REJECTED here of an account that does not exist opens none, and there is nobody to remember it of: sent
   * again, it is read again.
   */
  open(input: InputOf<'order'>, tradable: Tradable, events: LogEvent[]): PaperOrder | undefined {
    const { account = '', orderId, symbol, tsEventUs } = input;
    const known = this.#orders.known(account, orderId);
    if (known !== undefined) {
      events.push(orderStateEvent(known));
      return undefined;
    }
    const { order, reason } = readOrder(input, tradable);
    const refusal = reason === '' ? this.#limitReached(account, symbol) : reason;
    if (refusal !== '') {
      this.reject(order, refusal, tsEventUs, events);
      return undefined;
    }
    this.#accounts.open(account);
    this.#orderNumber++;
    return { ...order, venueOrderId: String(this.#orderNumber) };
  }

  /** Whether the account has what a limit order needs: {@link accept} of it would lock that. */
  affords(order: PaperOrder, instrument: Instrument): boolean {
    const asset = lockedAsset(order, instrument);
    return this.#accounts.freeOf(order.account, asset) >= neededBy(order, instrument, undefined);
  }

  /**
   * Locks what the order needs and announces it as ACCEPTED; it is open from then on. False and REJECTED when the
   * account has not got that.
   *
   * @param costAtMarket of a market BUY, the exact cost of all that it is going to trade.
   */
  accept(
    order: PaperOrder,
    instrument: Instrument,
    costAtMarket: bigint | undefined,
    tsUs: number,
    events: LogEvent[],
  ): boolean {
    const needs = neededBy(order, instrument, costAtMarket);
    order.lockedAsset = lockedAsset(order, instrument);
    if (!this.#accounts.balancesOf(order.account).lock(order.lockedAsset, needs)) {
      this.reject(order, 'insufficient_balance', tsUs, events);
      return false;
    }
    order.locked = needs;
    this.#orders.add(order);
    // From now on there is a place for it, so that no fill can be one too many.
    this.#positions.of(order.account, order.symbol);
    this.#announce(order, '', tsUs, events);
    return true;
  }

  /** REJECTED, in place of {@link accept}. */
  reject(order: PaperOrder, reason: OrderReason, tsUs: number, events: LogEvent[]): void {
    order.status = 'REJECTED';
    this.#announce(order, reason, tsUs, events);
    if (this.#accounts.has(order.account)) this.#orders.end(order, this.#second);
  }

  /**
   * One trade of an open order: `fill`, then `order_update` and `order_state` as PARTIALLY_FILLED or FILLED, which
   * ends it.
   *
   * @param counterIsPaper whether the other side is a paper order too, of which another call tells. The two would cancel
   *   out in the counterparty's account; they stay out of it, so that {@link audit} sees when only one of them came.
   */
  fill(
    order: PaperOrder,
    instrument: Instrument,
    lots: number,
    ticks: number,
    counterIsPaper: boolean,
    tsUs: number,
    events: LogEvent[],
  ): void {
    const { prices, sizes } = instrument;
    const cost = instrument.quoteOf(ticks, lots);
    this.#exchange(order, instrument, lots, cost, counterIsPaper);
    order.executed += lots;
    order.notional += cost;
    order.executedQty = wireText(sizes, order.executed);
    order.avgPrice = averageText(
      order.notional,
      instrument.baseOf(order.executed),
      prices.decimals + AVERAGE_EXTRA_DECIMALS,
    );
    order.status = order.executed < order.lots ? 'PARTIALLY_FILLED' : 'FILLED';
    events.push(fillEvent(order, wireText(sizes, lots), wireText(prices, ticks), tsUs));
    this.#announce(order, '', tsUs, events);
    if (order.status === 'FILLED') this.#end(order);
  }

  /** Ends an open order with what is left of it, and frees what that held. */
  close(
    order: PaperOrder,
    status: 'CANCELLED' | 'EXPIRED',
    reason: OrderReason | '',
    tsUs: number,
    events: LogEvent[],
  ): void {
    order.status = status;
    this.#announce(order, reason, tsUs, events);
    this.#end(order);
  }

  /** The account's open order of that client id. */
  find(account: string, clientOrderId: string): PaperOrder | undefined {
    return this.#orders.find(account, clientOrderId);
  }

  /** The open order of that number: how matching sees that a maker is a paper order. */
  byVenueId(id: string): PaperOrder | undefined {
    return this.#orders.byVenueId(id);
  }

  /** Of all accounts and symbols, in the order in which they were accepted. */
  openOrders(): IterableIterator<PaperOrder> {
    return this.#orders.openOrders();
  }

  /**
   * A `cancel` of what the account has not got open. Of an order that has ended, `order_state` says how it stands: an
   * `order_update` would take its FILLED or CANCELLED away from whoever keeps the last one. Of one that nobody knows,
   * `order_update` REJECTED, and no `order_state`.
   */
  refuseCancel(input: InputOf<'cancel'>, events: LogEvent[]): void {
    const known = this.#orders.known(input.account ?? '', input.orderId);
    events.push(known === undefined ? refusedCancelEvent(input) : orderStateEvent(known));
  }

  /**
   * The end of each input with orders: of each account that it touched `account` with the balances that are no longer
   * what they were, all of them when it is new, then `position` of those with a fill.
   */
  settle(tsUs: number, markOf: MarkOf, events: LogEvent[]): void {
    this.#accounts.settle(tsUs, events, (account) => this.#positions.settle(account, tsUs, markOf, events));
  }

  /**
   * Event time moved to `second`: forgets orders that ended 24 h ago, and accounts of which there is nothing to know;
   * says positions whose mark has moved.
   */
  onClock(second: number, markOf: MarkOf, events: LogEvent[]): void {
    this.#second = second;
    this.#orders.forgetUntil(second - REMEMBERED_SECONDS);
    this.#forgetAccounts();
    this.#positions.onClock(second, markOf, events);
  }

  /**
   * What a gateway begins from, as JSON: `{startingBalances: [{asset, free, locked}], accounts: {<name>: {balances,
   * positions, orders}}}`. Positions and orders are the payloads of their last events; orders are the open ones by age,
   * then the newest 100 ended ones, newest first; fewer of each account where those of all would be more than 10,000.
   * A name that is not there has the starting balances.
   */
  accountsState(): string {
    const endedMax = this.#orders.endedShare(ENDED_STATES_MAX, ALL_ENDED_STATES_MAX);
    const accounts = this.#accounts.json().map(([name, balances]) => {
      const positions = this.#positions.json(name).join(',');
      const orders = this.#orders.newest(name, endedMax).map(orderStateJson).join(',');
      return `"${name}":{"balances":${balances},"positions":[${positions}],"orders":[${orders}]}`;
    });
    return `{"startingBalances":${this.#accounts.startingJson()},"accounts":{${accounts.join(',')}}}`;
  }

  /** All assets that there are: for tests and the simulation, which hold it against what it says. */
  audit(): Map<string, AssetAudit> {
    return this.#accounts.audit(this.openOrders());
  }

  /** Those that are as a new one is: no orders, no fills, the starting balances. */
  #forgetAccounts(): void {
    const forgotten = this.#accounts.forget((name) => !this.#orders.has(name) && !this.#positions.isSaidOf(name));
    if (forgotten.size > 0) this.#positions.forget(forgotten);
  }

  #limitReached(account: string, symbol: string): OrderReason | '' {
    if (!this.#accounts.has(account) && this.#accounts.isFull) return 'account_limit';
    if (!this.#orders.hasRoom(account)) return 'open_orders_limit';
    const isNew = !this.#positions.has(account, symbol);
    return isNew && this.#positions.count >= this.#limits.positionsMax ? 'positions_limit' : '';
  }

  #announce(order: PaperOrder, reason: OrderReason | '', tsUs: number, events: LogEvent[]): void {
    order.reason = reason;
    order.lastUs = tsUs;
    events.push(orderUpdateEvent(order), orderStateEvent(order));
  }

  /** Moves what a trade moves: `lots` of the base asset one way and `cost` of the quote asset the other. */
  #exchange(order: PaperOrder, instrument: Instrument, lots: number, cost: bigint, counterIsPaper: boolean): void {
    const { account, side, ticks } = order;
    const { base, quote } = instrument;
    const size = instrument.baseOf(lots);
    const balances = this.#accounts.balancesOf(account);
    const buys = side === 'BUY';
    const spent = buys ? cost : size;
    // What a limit holds for these lots; better prices leave some of it.
    const held = buys && ticks !== undefined ? instrument.quoteOf(ticks, lots) : spent;
    if (held > order.locked || order.executed + lots > order.lots) {
      throw new Error(`order ${order.venueOrderId} has not got ${lots} lots left at this price`);
    }
    balances.release(order.lockedAsset, held, spent);
    order.locked -= held;
    balances.receive(buys ? base : quote, buys ? size : cost);
    if (!counterIsPaper) {
      this.#accounts.payCounterparty(quote, buys ? cost : -cost);
      this.#accounts.payCounterparty(base, buys ? -size : size);
    }
    const position = this.#positions.of(account, order.symbol);
    position.fill(side, size, cost, instrument.prices.decimals);
    this.#positions.touch(position);
  }

  #end(order: PaperOrder): void {
    this.#accounts.balancesOf(order.account).release(order.lockedAsset, order.locked, 0n);
    order.locked = 0n;
    this.#orders.end(order, this.#second);
  }
}
