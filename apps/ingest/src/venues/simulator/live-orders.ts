const FIND_PROBES_MAX = 32;

/** An order of the flow, as it was sent or last amended. */
export interface LiveOrder {
  /** Which of the flow's orders it is: 1, 2, 3 … */
  readonly number: number;
  /** +1 buys, -1 sells. */
  readonly sign: 1 | -1;
  ticks: number;
  lots: number;
}

/**
 * The resting orders that a flow has sent and not cancelled; which of them have traded it does not know. Each has a
 * place at the turn that ends its life, and a turn is one new order. The places form a ring, one order a place, so
 * there are never more orders than places.
 */
export class LiveOrders {
  readonly #places: (LiveOrder | undefined)[];
  #turn = 0;

  /** @param lifeMax the longest life, in turns. Well above the usual number of orders, or places are hard to find. */
  constructor(lifeMax: number) {
    this.#places = new Array<LiveOrder | undefined>(lifeMax + 1).fill(undefined);
  }

  /** Begins the next turn. @returns the order whose life ends with that. */
  turn(): LiveOrder | undefined {
    this.#turn = (this.#turn + 1) % this.#places.length;
    const ended = this.#places[this.#turn];
    this.#places[this.#turn] = undefined;
    return ended;
  }

  /** One order a turn: the turn has freed its own place, so one is found. @param life in turns, from 1 to `lifeMax`. */
  add(order: LiveOrder, life: number): void {
    const places = this.#places;
    let place = (this.#turn + life) % places.length;
    while (places[place] !== undefined) place = (place + 1) % places.length;
    places[place] = order;
  }

  /** An order that has so many turns to live, or a few more. */
  find(life: number): LiveOrder | undefined {
    const places = this.#places;
    for (let probe = 0; probe < FIND_PROBES_MAX; probe++) {
      const order = places[(this.#turn + life + probe) % places.length];
      if (order !== undefined) return order;
    }
    return undefined;
  }

  /** Forgets the others. */
  retain(keep: (order: LiveOrder) => boolean): void {
    const places = this.#places;
    for (let place = 0; place < places.length; place++) {
      const order = places[place];
      if (order !== undefined && !keep(order)) places[place] = undefined;
    }
  }

  /** In no order that means anything. */
  values(): LiveOrder[] {
    return this.#places.filter((order) => order !== undefined);
  }
}
