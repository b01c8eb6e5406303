import type { OrderLevelView, Side } from './level-view.ts';
import { NONE, type OrderTable } from './order-table.ts';
import { SortedPrices } from './sorted-prices.ts';

const US_PER_SECOND = 1_000_000;
const US_PER_MS = 1_000;

/** The orders of one price, oldest first. Used again for another price when its last order has left. */
export class Level {
  readonly side: Side;
  /** Where its ladder finds it; never 0. */
  readonly number: number;
  price = 0;
  size = 0;
  orderCount = 0;
  first = NONE;
  last = NONE;
  /**
   * The sum of its orders' times, seconds and microseconds apart: six times of today already pass 2^53 µs together,
   * and a rounded sum would not come back to what it was when orders leave.
   */
  secondsSum = 0;
  microsSum = 0;

  constructor(side: Side, number: number) {
    this.side = side;
    this.number = number;
  }
}

/**
 * One side of a book of orders: levels by price, each a queue by arrival. Sizes, order counts and the sums behind
 * ages are kept as orders come and go, so that no view walks a queue to show a level.
 *
 * A level stands here exactly as long as it has an order. What writes is for {@link L3Book} alone; others see an
 * {@link OrderLevelView}.
 */
export class OrderLadder extends SortedPrices implements OrderLevelView {
  readonly #orders: OrderTable;
  /** By number; the numbers of levels that stand are the ladder's values. 0 is left out: it means no level. */
  #levels: Level[];
  #free: Level[] = [];

  constructor(side: Side, orders: OrderTable) {
    // As many levels as orders: an order is never dropped because its level is far away.
    super(side, orders.ordersMax);
    this.#orders = orders;
    this.#levels = [new Level(side, 0)];
  }

  sizeOf(rank: number): number {
    return this.#levelOf(rank).size;
  }

  sizeAt(price: number): number {
    return this.levelAt(price)?.size ?? 0;
  }

  orderCountOf(rank: number): number {
    return this.#levelOf(rank).orderCount;
  }

  averageAgeMsOf(rank: number, nowUs: number): number {
    const { orderCount, secondsSum, microsSum } = this.#levelOf(rank);
    const seconds = Math.floor(nowUs / US_PER_SECOND);
    const micros = nowUs - seconds * US_PER_SECOND;
    const ageUsSum = (seconds * orderCount - secondsSum) * US_PER_SECOND + (micros * orderCount - microsSum);
    return Math.max(0, Math.floor(ageUsSum / (orderCount * US_PER_MS)));
  }

  /** Slot of the oldest order of the level at `rank`, which must be below `length`. */
  firstOf(rank: number): number {
    return this.#levelOf(rank).first;
  }

  /** The level of a price, if an order stands there. */
  levelAt(price: number): Level | undefined {
    const number = this.valueAt(price);
    return number === 0 ? undefined : this.#levels[number];
  }

  /** Begins the level of a price where none stands; an order must be appended to it at once. */
  open(price: number): Level {
    let level = this.#free.pop();
    if (level === undefined) {
      level = new Level(this.side, this.#levels.length);
      this.#levels.push(level);
    }
    level.price = price;
    this.setValue(price, level.number);
    return level;
  }

  /** Puts an order at the end of a level's queue. */
  append(slot: number, level: Level): void {
    const orders = this.#orders;
    orders.setPlace(slot, level, level.last);
    if (level.last === NONE) level.first = slot;
    else orders.setNext(level.last, slot);
    level.last = slot;
    level.size += orders.sizeOf(slot);
    level.orderCount++;
    this.#countTime(level, orders.tsUsOf(slot), 1);
  }

  /** Takes an order out of its queue, wherever it stands in it. */
  unlink(slot: number): void {
    const orders = this.#orders;
    const level = orders.levelOf(slot);
    if (level.orderCount === 1) {
      this.#close(level);
      return;
    }
    const prev = orders.prevOf(slot);
    const next = orders.nextOf(slot);
    if (prev === NONE) level.first = next;
    else orders.setNext(prev, next);
    if (next === NONE) level.last = prev;
    else orders.setPrev(next, prev);
    level.size -= orders.sizeOf(slot);
    level.orderCount--;
    this.#countTime(level, orders.tsUsOf(slot), -1);
  }

  /** Makes an order smaller where it stands; some of it must be left. */
  shrink(slot: number, size: number): void {
    const orders = this.#orders;
    orders.levelOf(slot).size -= size;
    orders.setSize(slot, orders.sizeOf(slot) - size);
  }

  override clear(): void {
    super.clear();
    this.#levels.length = 1;
    this.#free = [];
  }

  #levelOf(rank: number): Level {
    return this.#levels[this.valueOf(rank)] as Level;
  }

  #close(level: Level): void {
    this.setValue(level.price, 0);
    level.size = 0;
    level.orderCount = 0;
    level.first = NONE;
    level.last = NONE;
    level.secondsSum = 0;
    level.microsSum = 0;
    this.#free.push(level);
  }

  #countTime(level: Level, tsUs: number, times: 1 | -1): void {
    const seconds = Math.floor(tsUs / US_PER_SECOND);
    level.secondsSum += times * seconds;
    level.microsSum += times * (tsUs - seconds * US_PER_SECOND);
  }
}
