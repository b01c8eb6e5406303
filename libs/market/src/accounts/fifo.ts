/** Below so many items nothing is moved to make room. */
const CUT_MIN = 64;

/**
 * First in, first out. An array with a moving head: a Map gives its oldest key too, but walks over all that have been
 * deleted before it each time.
 */
export class Fifo<T> {
  #items: T[] = [];
  #head = 0;

  get length(): number {
    return this.#items.length - this.#head;
  }

  get first(): T | undefined {
    return this.#items[this.#head];
  }

  push(item: T): void {
    this.#items.push(item);
  }

  shift(): T | undefined {
    const item = this.#items[this.#head];
    if (item === undefined) return undefined;
    this.#head++;
    if (this.#head >= CUT_MIN && this.#head * 2 >= this.#items.length) {
      this.#items = this.#items.slice(this.#head);
      this.#head = 0;
    }
    return item;
  }

  /** Newest first. */
  newest(countMax: number): T[] {
    return this.#items.slice(Math.max(this.#head, this.#items.length - countMax)).reverse();
  }

  /** Oldest first. */
  items(): T[] {
    return this.#items.slice(this.#head);
  }
}
