import type { L2Book, Side } from '@depthcast/book';
import type { OrderSide } from '@depthcast/protocol';
import type { OrderDesk } from './accounts/order-desk.ts';
import type { PaperOrder } from './accounts/paper-order.ts';
import { MATCHES_MAX, ownSide } from './matching/plan.ts';

/** Resting orders by their venue ids, by priority; then what has been taken, as price, lots, price, lots …. */
export interface PaperQueueMemory {
  readonly bids: readonly string[];
  readonly asks: readonly string[];
  readonly takenBids: readonly number[];
  readonly takenAsks: readonly number[];
}

/** So many lots of a resting order, which are traded at its own price. */
export interface PaperFill {
  readonly order: PaperOrder;
  readonly lots: number;
}

/**
 * Paper orders on a symbol whose book is the venue's, of which nobody here knows the orders. They change nothing there,
 * so that what would have become of them has to be estimated, and is estimated for the worse:
 *
 * - What they take of a level stays taken until the venue changes that level: liquidity is not taken twice.
 * - A resting order stands behind all that its price showed when it came (`queueAhead`). A trade at its price takes of
 *   that first, and only what is beyond it fills the order. When the level shows less than is ahead, that much is
 *   ahead: who cancels is taken to have stood behind.
 * - A trade beyond its price fills it at its own price, up to that trade's size, and then nothing is ahead of it.
 * - Orders that one trade reaches share it by price, then time.
 */
export class PaperQueue {
  readonly #orders: Readonly<Record<Side, PaperOrder[]>> = { bid: [], ask: [] };
  readonly #taken: Readonly<Record<Side, Map<number, number>>> = { bid: new Map(), ask: new Map() };

  static restore(memory: PaperQueueMemory, desk: OrderDesk): PaperQueue {
    const queue = new PaperQueue();
    const order = (id: string) => desk.byVenueId(id) as PaperOrder;
    queue.#orders.bid.push(...memory.bids.map(order));
    queue.#orders.ask.push(...memory.asks.map(order));
    remember(queue.#taken.bid, memory.takenBids);
    remember(queue.#taken.ask, memory.takenAsks);
    return queue;
  }

  memory(): PaperQueueMemory {
    return {
      bids: this.#orders.bid.map((order) => order.venueOrderId),
      asks: this.#orders.ask.map((order) => order.venueOrderId),
      takenBids: [...this.#taken.bid].flat(),
      takenAsks: [...this.#taken.ask].flat(),
    };
  }

  /** Orders that rest. */
  get length(): number {
    return this.#orders.bid.length + this.#orders.ask.length;
  }

  /** Whether what the book shows matters to anyone. */
  get isIdle(): boolean {
    return this.length === 0 && this.#taken.bid.size === 0 && this.#taken.ask.size === 0;
  }

  takenOf(side: Side, price: number): number {
    return this.#taken[side].get(price) ?? 0;
  }

  take(side: Side, price: number, lots: number): void {
    this.#taken[side].set(price, this.takenOf(side, price) + lots);
  }

  /** @param shown lots that the order's price shows on its side. */
  add(order: PaperOrder, shown: number): void {
    const side = ownSide(order.side);
    const orders = this.#orders[side];
    order.queueAhead = shown;
    // Behind those of its price.
    let index = orders.length;
    while (index > 0 && isBetter(side, ticksOf(order), ticksOf(orders[index - 1] as PaperOrder))) index--;
    orders.splice(index, 0, order);
  }

  remove(order: PaperOrder): void {
    const orders = this.#orders[ownSide(order.side)];
    const index = orders.indexOf(order);
    if (index >= 0) orders.splice(index, 1);
  }

  /** The venue changed a level, which now shows `shown` lots. */
  onLevel(side: Side, price: number, shown: number): void {
    this.#taken[side].delete(price);
    const orders = this.#orders[side];
    for (let i = firstAt(orders, side, price); i < orders.length; i++) {
      const order = orders[i] as PaperOrder;
      if (order.ticks !== price) return;
      if (order.queueAhead > shown) order.queueAhead = shown;
    }
  }

  /** The book is another. */
  onReplaced(book: L2Book): void {
    for (const side of ['bid', 'ask'] as const) {
      this.#taken[side].clear();
      const ladder = book.ladder(side);
      for (const order of this.#orders[side])
        order.queueAhead = Math.min(order.queueAhead, ladder.sizeAt(ticksOf(order)));
    }
  }

  /**
   * The venue's trade of so many lots reaches these orders, at most {@link MATCHES_MAX}; those that are filled are gone
   * from here.
   *
   * @param taker the taker's side.
   */
  onTrade(taker: OrderSide, price: number, lots: number): PaperFill[] {
    const side = taker === 'BUY' ? 'ask' : 'bid';
    const orders = this.#orders[side];
    const fills: PaperFill[] = [];
    let filled = 0;
    let gone = 0;
    for (const order of orders) {
      const ticks = ticksOf(order);
      if (isBetter(side, price, ticks) || fills.length === MATCHES_MAX) break;
      const ahead = ticks === price ? order.queueAhead : 0;
      const left = order.lots - order.executed;
      const fill = Math.min(left, lots - ahead - filled);
      order.queueAhead = Math.max(0, ahead - lots);
      if (fill <= 0) continue;
      fills.push({ order, lots: fill });
      filled += fill;
      if (fill === left) gone++;
    }
    if (gone > 0) {
      const ended = new Set(
        fills.filter(({ order, lots }) => order.executed + lots === order.lots).map((fill) => fill.order),
      );
      orders.splice(0, orders.length, ...orders.filter((order) => !ended.has(order)));
    }
    return fills;
  }
}

function ticksOf(order: PaperOrder): number {
  return order.ticks as number;
}

/** Whether the price comes before the other on that side. */
function isBetter(side: Side, price: number, other: number): boolean {
  return side === 'bid' ? price > other : price < other;
}

/** Index of the first order that is not better than the price. */
function firstAt(orders: readonly PaperOrder[], side: Side, price: number): number {
  let [low, high] = [0, orders.length];
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (isBetter(side, ticksOf(orders[middle] as PaperOrder), price)) low = middle + 1;
    else high = middle;
  }
  return low;
}

function remember(taken: Map<number, number>, numbers: readonly number[]): void {
  for (let i = 0; i < numbers.length; i += 2) taken.set(numbers[i] as number, numbers[i + 1] as number);
}
