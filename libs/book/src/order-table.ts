import type { Level } from './order-ladder.ts';

/** The slot that is none. */
export const NONE = -1;
const CAPACITY_INITIAL = 256;

/**
 * Orders as columns, found by id: an order is a slot, a row number. Slots are used again, so a book whose orders come
 * and go makes no garbage, and the collector has no million linked objects to walk.
 *
 * Each slot has a `prev` and `next` for the queue that the order stands in; free slots are chained by `next`.
 */
export class OrderTable {
  readonly ordersMax: number;
  readonly #slots = new Map<string, number>();
  #ids: string[] = [];
  #levels: (Level | undefined)[] = [];
  #sizes: Float64Array;
  #times: Float64Array;
  #prev: Int32Array;
  #next: Int32Array;
  /** The first free slot among those that have been used. */
  #free = NONE;
  /** Slots from here on have never been used. */
  #used = 0;

  constructor(ordersMax: number) {
    this.ordersMax = ordersMax;
    const capacity = Math.min(CAPACITY_INITIAL, ordersMax);
    this.#sizes = new Float64Array(capacity);
    this.#times = new Float64Array(capacity);
    this.#prev = new Int32Array(capacity);
    this.#next = new Int32Array(capacity);
  }

  /** Orders held. */
  get count(): number {
    return this.#slots.size;
  }

  /** The order's slot, or {@link NONE}. */
  find(id: string): number {
    return this.#slots.get(id) ?? NONE;
  }

  /** Takes a slot for an order whose id is not in the table; there must be room. It stands in no queue yet. */
  open(id: string, size: number, tsUs: number): number {
    let slot = this.#free;
    if (slot === NONE) {
      slot = this.#used++;
      if (slot === this.#sizes.length) this.#grow();
      this.#ids.push(id);
      this.#levels.push(undefined);
    } else {
      this.#free = this.#next[slot] as number;
      this.#ids[slot] = id;
    }
    this.#slots.set(id, slot);
    this.#sizes[slot] = size;
    this.#times[slot] = tsUs;
    return slot;
  }

  /** Forgets an order that stands in no queue any more. */
  release(slot: number): void {
    this.#slots.delete(this.#ids[slot] as string);
    this.#ids[slot] = '';
    this.#next[slot] = this.#free;
    this.#free = slot;
  }

  clear(): void {
    this.#slots.clear();
    this.#ids = [];
    this.#levels = [];
    this.#free = NONE;
    this.#used = 0;
  }

  idOf(slot: number): string {
    return this.#ids[slot] as string;
  }

  /** The level that the order stands in. */
  levelOf(slot: number): Level {
    return this.#levels[slot] as Level;
  }

  sizeOf(slot: number): number {
    return this.#sizes[slot] as number;
  }

  tsUsOf(slot: number): number {
    return this.#times[slot] as number;
  }

  prevOf(slot: number): number {
    return this.#prev[slot] as number;
  }

  nextOf(slot: number): number {
    return this.#next[slot] as number;
  }

  setSize(slot: number, size: number): void {
    this.#sizes[slot] = size;
  }

  setTsUs(slot: number, tsUs: number): void {
    this.#times[slot] = tsUs;
  }

  setPrev(slot: number, prev: number): void {
    this.#prev[slot] = prev;
  }

  setNext(slot: number, next: number): void {
    this.#next[slot] = next;
  }

  /** Notes the queue that an order enters, at its end. */
  setPlace(slot: number, level: Level, prev: number): void {
    this.#levels[slot] = level;
    this.#prev[slot] = prev;
    this.#next[slot] = NONE;
  }

  #grow(): void {
    const capacity = Math.min(this.#sizes.length * 2, this.ordersMax);
    this.#sizes = grown(this.#sizes, new Float64Array(capacity));
    this.#times = grown(this.#times, new Float64Array(capacity));
    this.#prev = grown(this.#prev, new Int32Array(capacity));
    this.#next = grown(this.#next, new Int32Array(capacity));
  }
}

function grown<Column extends Float64Array | Int32Array>(from: Column, to: Column): Column {
  to.set(from);
  return to;
}
