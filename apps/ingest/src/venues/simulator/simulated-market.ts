import type { UnstampedInput } from '@depthcast/protocol';
import { feedInput } from '../feed-input.ts';
import { type FlowInput, OrderFlow, stamp } from './order-flow.ts';
import { Pacer } from './pacer.ts';
import { symbolProfile } from './symbol-profile.ts';

const US_PER_SECOND = 1_000_000;
const UPDATES_PER_SECOND = 1_000 / 300;
/** Resting orders of a symbol, about. */
const ORDERS = 800;
/** Resting orders of all symbols, about: a resync sends them at once, and the queue to the inbox must hold them. */
const ORDERS_MAX = 60_000;

export interface SimulatedMarketOptions {
  readonly symbols: readonly string[];
  readonly seed: number;
  /** Orders, cancels and amends a second over all symbols. Unset: an update of each symbol every 300 ms. */
  readonly ratePerSecond?: number | undefined;
}

type Emit = (input: UnstampedInput) => void;

/**
 * The order flows of all symbols as one sequence of inputs, and the seconds among them. The symbols have their updates
 * in turn. Times come from the schedule, not from when somebody asks: the same options and start give the same inputs,
 * byte for byte, as long as nobody asks more than 100 ms late.
 *
 * Pure: knows no clock. Times are whole microseconds.
 */
export class SimulatedMarket {
  readonly #flows: readonly OrderFlow[];
  readonly #ratePerSecond: number;
  #pacer: Pacer;
  /** The inputs of an update come together; else each has its own time. */
  readonly #isWhole: boolean;
  /** Time of the newest input. */
  #tsUs = 0;
  /** The newest second that has been said. */
  #second = 0;
  /** Index of the flow whose turn is next. */
  #turn = 0;
  /** The update that is being sent, whose it is, and how much of it has been. */
  #update: readonly FlowInput[] = [];
  #updating: OrderFlow | undefined;
  #updateSent = 0;

  /** Takes its time, the more so before the compiler has warmed up: the schedule begins with {@link start}. */
  constructor({ symbols, seed, ratePerSecond }: SimulatedMarketOptions) {
    const orders = Math.min(ORDERS, Math.floor(ORDERS_MAX / symbols.length));
    this.#flows = symbols.map((symbol, i) => new OrderFlow(symbolProfile(symbol), seed, idPrefix(i), orders));
    this.#isWhole = ratePerSecond === undefined;
    this.#ratePerSecond = ratePerSecond ?? symbols.length * UPDATES_PER_SECOND;
    this.#pacer = new Pacer(this.#ratePerSecond, 0);
  }

  /** To be called once, before anything else: begins every symbol. */
  start(startUs: number, emit: Emit): void {
    this.#pacer = new Pacer(this.#ratePerSecond, startUs);
    this.#tsUs = startUs;
    this.#second = Math.floor(startUs / US_PER_SECOND);
    this.begin('start', emit);
  }

  /** When the next input is due. */
  get nextDueUs(): number {
    return Math.min(this.#pacer.nextDueUs, this.#nextSecondUs());
  }

  /**
   * Begins every symbol's book anew: its definition, `feed` up, which empties the book of the flow's orders, and all of
   * them again. Stamped with the time of the newest input, so that no time goes back.
   *
   * @param only these symbols; all without it.
   */
  begin(reason: string, emit: Emit, only?: ReadonlySet<string>): void {
    const tsUs = this.#tsUs;
    for (const flow of this.#flows) {
      if (only && !only.has(flow.symbol)) continue;
      // What is left of an update is part of what the flow remembers.
      if (flow === this.#updating) this.#updateSent = this.#update.length;
      emit(flow.definition(tsUs));
      emit(feedInput(flow.symbol, 'up', reason, tsUs));
      for (const order of flow.resting(tsUs)) emit(order);
    }
  }

  /** Gives everything that is due by `nowUs`, in order. */
  advance(nowUs: number, emit: Emit): void {
    this.#pacer.skipStall(nowUs);
    // Seconds that a stalled process slept through are not made up, but for the newest.
    this.#second = Math.max(this.#second, Math.floor(nowUs / US_PER_SECOND) - 1);
    while (this.nextDueUs <= nowUs) {
      const dueUs = this.#pacer.nextDueUs;
      const secondUs = this.#nextSecondUs();
      this.#tsUs = Math.min(dueUs, secondUs);
      if (secondUs <= dueUs) emit({ type: 'clock', second: ++this.#second, tsRecvUs: secondUs });
      else {
        this.#pacer.pay();
        this.#send(dueUs, emit);
      }
    }
  }

  #nextSecondUs(): number {
    return (this.#second + 1) * US_PER_SECOND;
  }

  #send(tsUs: number, emit: Emit): void {
    if (this.#updateSent === this.#update.length) {
      const flow = this.#flows[this.#turn] as OrderFlow;
      this.#turn = (this.#turn + 1) % this.#flows.length;
      this.#updating = flow;
      this.#update = flow.update();
      this.#updateSent = 0;
    }
    do emit(stamp(this.#update[this.#updateSent++] as FlowInput, tsUs));
    while (this.#isWhole && this.#updateSent < this.#update.length);
  }
}

/** a, b … z, aa, ab … */
function idPrefix(index: number): string {
  const last = String.fromCharCode(97 + (index % 26));
  return index < 26 ? last : idPrefix(Math.floor(index / 26) - 1) + last;
}
