import { L2Book, L3Book } from '@depthcast/book';
import { type EventOf, type EventType, type LogEvent, parsePayload, parseTopic, Scale } from '@depthcast/protocol';

/** How an order stands, by its last `order_state`. */
export type OrderStanding = Pick<
  EventOf<'order_state'>,
  'status' | 'reason' | 'executed_qty' | 'avg_price' | 'venue_order_id'
>;

/**
 * What a reader who has nothing but a matched symbol's events makes of them: a book of orders from `book_order` and
 * `book_orders` alone, a book of levels from `book_change` alone, and how orders stand. For specs; it throws when the
 * events contradict each other.
 */
export class EventReplica {
  orders = new L3Book(Scale.ofStep('1'), Scale.ofStep('1'));
  levels = new L2Book(Scale.ofStep('1'), Scale.ofStep('1'));
  /** By `account/client_order_id`. */
  readonly standings = new Map<string, OrderStanding>();
  readonly balances = new Map<string, Map<string, { free: number; locked: number }>>();
  checksums = 0;
  #last = 0;
  #tradeId = 0;

  apply({ topic, payload }: LogEvent): { readonly type: EventType; readonly account: string; readonly event: unknown } {
    const { type, account = '' } = parseTopic(topic) as { type: EventType; account?: string };
    const event = parsePayload(payload) as never;
    switch (type) {
      case 'symbol':
        this.#define(event as EventOf<'symbol'>);
        break;
      case 'book_order':
        this.#onOrder(event as EventOf<'book_order'>);
        break;
      case 'book_orders':
        this.#onOrders(event as EventOf<'book_orders'>);
        break;
      case 'book_change':
        this.#onChange(event as EventOf<'book_change'>);
        break;
      case 'trade': {
        const { trade_id: id } = event as EventOf<'trade'>;
        expectSame('trade_id', id, ++this.#tradeId);
        break;
      }
      case 'order_state': {
        const state = event as EventOf<'order_state'>;
        this.standings.set(`${account}/${state.client_order_id}`, state);
        break;
      }
      case 'account':
        this.#onAccount(account, event as EventOf<'account'>);
        break;
      default:
    }
    return { type, account, event };
  }

  #define({ tick, step }: EventOf<'symbol'>): void {
    const [prices, sizes] = [Scale.ofStep(tick), Scale.ofStep(step)];
    this.orders = new L3Book(prices, sizes);
    this.levels = new L2Book(prices, sizes);
  }

  #onOrder({ action, order_id: id, side, price, qty, ts_ns: tsNs, checksum }: EventOf<'book_order'>): void {
    const { orders } = this;
    const ticks = orders.priceScale.parse(price);
    const lots = orders.sizeScale.parse(qty);
    const tsUs = Number(tsNs / 1000n);
    const own = side === 'BUY' ? 'bid' : 'ask';
    if (action === 'A') expectSame('add', orders.add(id, own, ticks, lots, tsUs), 'added');
    else {
      const before = orders.order(id);
      expectSame('side', before?.side, own);
      if (action !== 'M') expectSame('price', before?.price, ticks);
      if (action === 'C') expectSame('left', orders.cancel(id), lots);
      else if (action === 'M') orders.replace(id, ticks, lots, tsUs);
      else {
        // Only the first in line trades.
        expectSame('front', orders.front(own)?.id, id);
        expectSame('filled', orders.execute(id, lots)?.size, lots);
      }
    }
    if (checksum === undefined) return;
    this.checksums++;
    expectSame('checksum of orders', checksum, orders.ordersChecksum());
  }

  #onOrders({ bids, asks, checksum, last }: EventOf<'book_orders'>): void {
    const { orders } = this;
    orders.clear();
    for (const [side, list] of [['bid', bids] as const, ['ask', asks] as const]) {
      for (const [id, price, qty, tsUs] of list) {
        orders.add(id, side, orders.priceScale.parse(price), orders.sizeScale.parse(qty), tsUs);
      }
    }
    expectSame('last', last, this.#last);
    expectSame('checksum of orders', checksum, orders.ordersChecksum());
  }

  #onChange({ bids, asks, checksum, first, last, is_snapshot: isSnapshot }: EventOf<'book_change'>): void {
    expectSame('first', [first, last], [this.#last + 1, this.#last + 1]);
    this.#last = last;
    if (isSnapshot) this.levels.replace(bids, asks);
    else this.levels.apply(bids, asks);
    if (checksum !== undefined) expectSame('checksum of levels', checksum, this.levels.checksum());
  }

  #onAccount(account: string, { balances }: EventOf<'account'>): void {
    const known = this.balances.get(account) ?? new Map();
    this.balances.set(account, known);
    for (const { asset, free, locked } of balances) known.set(asset, { free, locked });
  }
}

function expectSame(what: string, got: unknown, expected: unknown): void {
  const [one, other] = [JSON.stringify(got), JSON.stringify(expected)];
  if (one !== other) throw new Error(`${what} is ${one}, expected ${other}`);
}
