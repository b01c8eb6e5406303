import { DepthcastError, type Scale } from '@depthcast/protocol';
import { crc32 } from './crc32.ts';
import type { OrderLevelView, Side } from './level-view.ts';
import { OrderLadder } from './order-ladder.ts';
import { NONE, OrderTable } from './order-table.ts';
import { PriceBook } from './price-book.ts';

/** What a book holds unless told otherwise, both sides together: some 100 MB with ids of 20 characters. */
export const ORDERS_MAX_DEFAULT = 1_000_000;

/** A resting order: ticks, lots, and the event time (µs) of its place in the queue. */
export interface L3Order {
  readonly id: string;
  readonly side: Side;
  readonly price: number;
  readonly size: number;
  readonly tsUs: number;
}

/** Lots taken out of a resting order at its price; `left` is what of it still rests, 0 when it is gone. */
export interface OrderFill {
  readonly id: string;
  readonly side: Side;
  readonly price: number;
  readonly size: number;
  readonly left: number;
}

/**
 * Why a book does not take an order; nothing has changed then. `duplicate`: an order of that id rests here. `full`:
 * it holds `ordersMax`. `oversized`: the level's total would pass what its scale can say
 * exactly, `Scale.stepsMax`.
 */
export type AddRefusal = 'duplicate' | 'full' | 'oversized';
/** `unknown`: no order of that id rests here. */
export type ReplaceRefusal = 'unknown' | 'oversized';

/** `[id, price, size, tsUs]`. */
export type OrderMemory = readonly [string, number, number, number];

/** A book's orders, JSON-safe: best price first, oldest first at a price. */
export interface L3Memory {
  readonly bids: readonly OrderMemory[];
  readonly asks: readonly OrderMemory[];
}

export interface L3Options {
  /** Orders of both sides together; one more is refused. A whole number from 1 to 2^24 − 1. */
  readonly ordersMax?: number;
}

/** The orders of each side that the checksum of orders covers. */
export const CHECKSUM_ORDERS = 10;

/** A Map of V8's holds no more. */
const ORDERS_MAX_LIMIT = 2 ** 24 - 1;

/**
 * A book of orders, exact: prices in ticks, sizes in lots. Priority is price, then arrival. It does not match: an
 * order that crosses rests where it is put.
 *
 * Every operation finds its order by id in constant time; only the first order of a price and the last one to leave
 * it search the ladder.
 */
export class L3Book extends PriceBook<OrderLevelView> {
  readonly ordersMax: number;
  readonly #orders: OrderTable;
  readonly #bids: OrderLadder;
  readonly #asks: OrderLadder;

  constructor(priceScale: Scale, sizeScale: Scale, { ordersMax = ORDERS_MAX_DEFAULT }: L3Options = {}) {
    if (!Number.isInteger(ordersMax) || ordersMax < 1 || ordersMax > ORDERS_MAX_LIMIT) {
      throw new RangeError(`ordersMax ${ordersMax} is not a whole number from 1 to ${ORDERS_MAX_LIMIT}`);
    }
    const orders = new OrderTable(ordersMax);
    const bids = new OrderLadder('bid', orders);
    const asks = new OrderLadder('ask', orders);
    super(priceScale, sizeScale, bids, asks);
    this.ordersMax = ordersMax;
    this.#orders = orders;
    this.#bids = bids;
    this.#asks = asks;
  }

  /**
   * A book that goes on exactly as the one it was taken from.
   *
   * @throws RangeError or DepthcastError when it is no book's memory, or holds more than `ordersMax`.
   */
  static restore(priceScale: Scale, sizeScale: Scale, memory: L3Memory, options?: L3Options): L3Book {
    const book = new L3Book(priceScale, sizeScale, options);
    book.#refill('bid', memory.bids);
    book.#refill('ask', memory.asks);
    return book;
  }

  memory(): L3Memory {
    return { bids: this.#remembered('bid'), asks: this.#remembered('ask') };
  }

  /** Orders resting, both sides together. */
  get orderCount(): number {
    return this.#orders.count;
  }

  /**
   * Puts an order at the end of its price's queue.
   *
   * @param tsUs event time in µs, for ages; it does not decide priority, the order of calls does.
   * @throws DepthcastError `PARAMETER_INVALID` when price or size is not a whole number ≥ 1, or the time not one ≥ 0.
   */
  add(id: string, side: Side, price: number, size: number, tsUs: number): 'added' | AddRefusal {
    check(price, size, tsUs);
    const orders = this.#orders;
    if (orders.find(id) !== NONE) return 'duplicate';
    if (orders.count === this.ordersMax) return 'full';
    const ladder = this.#side(side);
    const level = ladder.levelAt(price);
    if ((level?.size ?? 0) + size > this.sizeScale.stepsMax) return 'oversized';
    ladder.append(orders.open(id, size, tsUs), level ?? ladder.open(price));
    return 'added';
  }

  /**
   * Takes lots off an order, which keeps its place; one with none left is gone.
   *
   * @returns how many were taken: at most what the order has, 0 when it is unknown.
   */
  reduce(id: string, size: number): number {
    checkSize(size);
    const slot = this.#orders.find(id);
    return slot === NONE ? 0 : this.#take(slot, size);
  }

  /**
   * Gives an order another price or size. Smaller at the same price, it keeps its place and time (`kept`); at another
   * price, or larger, it goes to the end of the queue with the new time (`requeued`).
   */
  replace(id: string, price: number, size: number, tsUs: number): 'kept' | 'requeued' | ReplaceRefusal {
    check(price, size, tsUs);
    const orders = this.#orders;
    const slot = orders.find(id);
    if (slot === NONE) return 'unknown';
    const level = orders.levelOf(slot);
    const ladder = this.#side(level.side);
    const sizeBefore = orders.sizeOf(slot);
    const isSamePrice = price === level.price;
    if (isSamePrice && size <= sizeBefore) {
      ladder.shrink(slot, sizeBefore - size);
      return 'kept';
    }
    const others = isSamePrice ? level.size - sizeBefore : ladder.sizeAt(price);
    if (others + size > this.sizeScale.stepsMax) return 'oversized';
    ladder.unlink(slot);
    orders.setSize(slot, size);
    orders.setTsUs(slot, tsUs);
    // Looked up only now: leaving may have closed the level.
    ladder.append(slot, ladder.levelAt(price) ?? ladder.open(price));
    return 'requeued';
  }

  /** Takes an order out. @returns the lots it had, 0 when it is unknown. */
  cancel(id: string): number {
    const slot = this.#orders.find(id);
    if (slot === NONE) return 0;
    const size = this.#orders.sizeOf(slot);
    this.#remove(slot);
    return size;
  }

  /** Takes up to `size` lots out of the order named, whatever its place; `undefined` when it is unknown. */
  execute(id: string, size: number): OrderFill | undefined {
    checkSize(size);
    const slot = this.#orders.find(id);
    return slot === NONE ? undefined : this.#fill(slot, size);
  }

  /** Takes up to `size` lots out of the oldest order at a side's best price; `undefined` when the side is empty. */
  executeFront(side: Side, size: number): OrderFill | undefined {
    checkSize(size);
    const ladder = this.#side(side);
    return ladder.length === 0 ? undefined : this.#fill(ladder.firstOf(0), size);
  }

  has(id: string): boolean {
    return this.#orders.find(id) !== NONE;
  }

  order(id: string): L3Order | undefined {
    const slot = this.#orders.find(id);
    return slot === NONE ? undefined : this.#shown(slot);
  }

  /** The oldest order at a side's best price: the next to be executed. */
  front(side: Side): L3Order | undefined {
    const ladder = this.#side(side);
    return ladder.length === 0 ? undefined : this.#shown(ladder.firstOf(0));
  }

  /** The first `limit` orders of a side by priority. The book must not change while they are walked. */
  *orders(side: Side, limit: number = Number.POSITIVE_INFINITY): Generator<L3Order, void, undefined> {
    const orders = this.#orders;
    const ladder = this.#side(side);
    let left = limit;
    for (let rank = 0; rank < ladder.length; rank++) {
      for (let slot = ladder.firstOf(rank); slot !== NONE; slot = orders.nextOf(slot)) {
        if (left-- <= 0) return;
        yield this.#shown(slot);
      }
    }
  }

  /**
   * CRC32 of `id:price:size` of the first {@link CHECKSUM_ORDERS} orders by priority, bid and ask alternating, joined by
   * `:`, in the scales' text. Where one side has fewer orders, the other's follow one another.
   */
  ordersChecksum(): number {
    const bids = this.orders('bid', CHECKSUM_ORDERS);
    const asks = this.orders('ask', CHECKSUM_ORDERS);
    let text = '';
    for (let rank = 0; rank < CHECKSUM_ORDERS; rank++)
      text += this.#orderText(bids.next()) + this.#orderText(asks.next());
    return crc32(text.slice(1));
  }

  clear(): void {
    this.#orders.clear();
    this.#bids.clear();
    this.#asks.clear();
  }

  #orderText({ value }: IteratorResult<L3Order, void>): string {
    if (!value) return '';
    return `:${value.id}:${this.priceScale.format(value.price)}:${this.sizeScale.format(value.size)}`;
  }

  #side(side: Side): OrderLadder {
    return side === 'bid' ? this.#bids : this.#asks;
  }

  #shown(slot: number): L3Order {
    const orders = this.#orders;
    const { side, price } = orders.levelOf(slot);
    return { id: orders.idOf(slot), side, price, size: orders.sizeOf(slot), tsUs: orders.tsUsOf(slot) };
  }

  #fill(slot: number, sizeMax: number): OrderFill {
    const { id, side, price, size: before } = this.#shown(slot);
    const size = this.#take(slot, sizeMax);
    return { id, side, price, size, left: before - size };
  }

  #take(slot: number, sizeMax: number): number {
    const orders = this.#orders;
    const size = orders.sizeOf(slot);
    if (sizeMax < size) {
      this.#side(orders.levelOf(slot).side).shrink(slot, sizeMax);
      return sizeMax;
    }
    this.#remove(slot);
    return size;
  }

  #remove(slot: number): void {
    this.#side(this.#orders.levelOf(slot).side).unlink(slot);
    this.#orders.release(slot);
  }

  #remembered(side: Side): OrderMemory[] {
    return Array.from(this.orders(side), ({ id, price, size, tsUs }): OrderMemory => [id, price, size, tsUs]);
  }

  /** Level by level from the worst, where a ladder takes a price without moving others; each level oldest first. */
  #refill(side: Side, memory: readonly OrderMemory[]): void {
    for (let end = memory.length; end > 0; ) {
      let begin = end - 1;
      while (begin > 0 && memory[begin - 1]?.[1] === memory[begin]?.[1]) begin--;
      for (let i = begin; i < end; i++) {
        const [id, price, size, tsUs] = memory[i] as OrderMemory;
        const result = this.add(id, side, price, size, tsUs);
        if (result !== 'added') throw new RangeError(`${side} order ${JSON.stringify(id)} of the memory is ${result}`);
      }
      end = begin;
    }
  }
}

function check(price: number, size: number, tsUs: number): void {
  if (!(Number.isSafeInteger(price) && price >= 1)) {
    throw new DepthcastError('PARAMETER_INVALID', `price ${price} is not a whole number of ticks ≥ 1`);
  }
  checkSize(size);
  if (!(Number.isSafeInteger(tsUs) && tsUs >= 0)) {
    throw new DepthcastError('PARAMETER_INVALID', `time ${tsUs} is not a whole number of microseconds ≥ 0`);
  }
}

function checkSize(size: number): void {
  if (!(Number.isSafeInteger(size) && size >= 1)) {
    throw new DepthcastError('PARAMETER_INVALID', `size ${size} is not a whole number of lots ≥ 1`);
  }
}
