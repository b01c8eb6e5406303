import { BarSums, type BarSumsMemory } from './bar-sums.ts';

export type MinuteMemory = readonly [
  start: number,
  changed: boolean,
  openUs: number,
  closeUs: number,
  sums: BarSumsMemory,
];

/**
 * The trades of one minute of venue time. Its open is the earliest trade by venue time (of equals the first that came)
 * and its close the latest (of equals the last), so that trades which overtook one another change nothing.
 */
export class Minute {
  /** Second since 1970. */
  readonly start: number;
  /** Whether trades have come since it was last told of. */
  changed = false;
  readonly sums: BarSums;
  #openUs = 0;
  #closeUs = 0;

  constructor(start: number, sums = new BarSums()) {
    this.start = start;
    this.sums = sums;
  }

  static restore([start, changed, openUs, closeUs, sums]: MinuteMemory): Minute {
    const minute = new Minute(start, BarSums.restore(sums));
    minute.changed = changed;
    minute.#openUs = openUs;
    minute.#closeUs = closeUs;
    return minute;
  }

  memory(): MinuteMemory {
    return [this.start, this.changed, this.#openUs, this.#closeUs, this.sums.memory()];
  }

  add(tsEventUs: number, price: number, lots: number, buys: boolean): void {
    const only = this.sums.trades === 0;
    const first = only || tsEventUs < this.#openUs;
    const last = only || tsEventUs >= this.#closeUs;
    if (first) this.#openUs = tsEventUs;
    if (last) this.#closeUs = tsEventUs;
    this.sums.add(price, lots, buys, first, last);
    this.changed = true;
  }
}
