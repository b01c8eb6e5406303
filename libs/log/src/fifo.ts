/** Slots that are empty at the front before the rest moves down. */
const EMPTY_SLOTS_MAX = 1_024;

/** First in, first out, at the same cost however long it is: an array's own shift moves all that is behind. */
export class Fifo<T> {
  #items: (T | undefined)[] = [];
  #first = 0;

  get oldest(): T | undefined {
    return this.#items[this.#first];
  }

  push(item: T): void {
    this.#items.push(item);
  }

  shift(): void {
    if (this.#first === this.#items.length) return;
    this.#items[this.#first++] = undefined;
    if (this.#first < EMPTY_SLOTS_MAX || this.#first * 2 < this.#items.length) return;
    this.#items = this.#items.slice(this.#first);
    this.#first = 0;
  }

  /** Oldest first. */
  toArray(): T[] {
    return this.#items.slice(this.#first) as T[];
  }
}
