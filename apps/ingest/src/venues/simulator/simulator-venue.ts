import type { UnstampedInput } from '@depthcast/protocol';
import { merge, Observable, type Subscriber } from 'rxjs';
import { feedInput } from '../feed-input.ts';
import type { Venue } from '../venue.ts';
import { wallClockSeconds, wallClockUs } from '../wall-clock.ts';
import { Pacer } from './pacer.ts';
import { SimulatedBook } from './simulated-book.ts';
import { symbolProfile } from './symbol-profile.ts';

const UPDATE_INTERVAL_MS = 300;
const TIMER_MS_MIN = 1;

export interface SimulatorOptions {
  readonly symbols: readonly string[];
  readonly seed: number;
  /** Updates a second over all symbols, taken in turn. Unset: each symbol every 300 ms. */
  readonly ratePerSecond?: number | undefined;
}

/** A venue made up from a seed. */
export class SimulatorVenue implements Venue {
  readonly name = 'simulator';
  readonly #books: readonly SimulatedBook[];
  readonly #ratePerSecond: number;
  #subscriber: Subscriber<UnstampedInput> | undefined;

  constructor(options: SimulatorOptions) {
    this.#books = options.symbols.map((symbol) => new SimulatedBook(symbolProfile(symbol), options.seed));
    this.#ratePerSecond = options.ratePerSecond ?? (this.#books.length * 1_000) / UPDATE_INTERVAL_MS;
  }

  inputs(): Observable<UnstampedInput> {
    return merge(this.#updates(), wallClockSeconds());
  }

  resync(reason: string, only?: ReadonlySet<string>): void {
    const subscriber = this.#subscriber;
    if (!subscriber) return;
    for (const book of this.#books) {
      if (only && !only.has(book.symbol)) continue;
      const tsUs = wallClockUs();
      subscriber.next(book.definition(tsUs));
      subscriber.next(feedInput(book.symbol, 'up', reason, tsUs));
      subscriber.next(book.snapshot(tsUs));
    }
  }

  #updates(): Observable<UnstampedInput> {
    return new Observable((subscriber) => {
      this.#subscriber = subscriber;
      this.resync('start');
      const pacer = new Pacer(this.#ratePerSecond, performance.now());
      let timer: NodeJS.Timeout;
      let turn = 0;
      const arm = (): void => {
        timer = setTimeout(tick, Math.max(TIMER_MS_MIN, pacer.nextDueMs() - performance.now()));
      };
      const tick = (): void => {
        const tsUs = wallClockUs();
        for (let owed = pacer.take(performance.now()); owed > 0; owed--) {
          const book = this.#books[turn] as SimulatedBook;
          turn = (turn + 1) % this.#books.length;
          for (const input of book.next(tsUs)) subscriber.next(input);
        }
        arm();
      };
      arm();
      return () => {
        clearTimeout(timer);
        this.#subscriber = undefined;
      };
    });
  }
}
