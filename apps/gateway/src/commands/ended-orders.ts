import type { AccountReplica, OrderReplica } from './account-replica.ts';

type Ended = readonly [account: AccountReplica, order: OrderReplica];

/** How much longer than what it holds the queue may be: it is made anew at most once in so many ends. */
const QUEUE_FACTOR = 2;

/**
 * The ended orders of all accounts by their ends, so that they are bounded in all: the oldest is let go first. Those of
 * which an account has let go by itself stand in the queue until it is made anew.
 */
export class EndedOrders {
  readonly #max: number;
  #queue: (Ended | undefined)[] = [];
  /** Where the oldest stands in the queue. */
  #first = 0;
  #count = 0;

  constructor(max: number) {
    this.#max = max;
  }

  get count(): number {
    return this.#count;
  }

  /** An account has one more. */
  add(account: AccountReplica, order: OrderReplica): void {
    this.#queue.push([account, order]);
    this.#count++;
    while (this.#count > this.#max) {
      const [oldest, ended] = this.#queue[this.#first] as Ended;
      this.#queue[this.#first++] = undefined;
      oldest.forget(ended);
    }
    if (this.#queue.length <= this.#max * QUEUE_FACTOR) return;
    this.#queue = this.#queue.filter((one) => one?.[0].holds(one[1]));
    this.#first = 0;
  }

  /** An account has one less. */
  onForgotten(): void {
    this.#count--;
  }
}
