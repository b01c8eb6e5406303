import type { UnstampedInput } from '@depthcast/protocol';
import { Observable } from 'rxjs';
import type { Venue } from '../venue.ts';
import { SteadyClock } from '../wall-clock.ts';
import { SimulatedMarket, type SimulatedMarketOptions } from './simulated-market.ts';

const TIMER_MS_MIN = 1;

/** A market made up from a seed: what its traders send, for the engine to match. */
export class SimulatorVenue implements Venue {
  readonly name = 'simulator';
  readonly #options: SimulatedMarketOptions;
  #begin: (reason: string, only?: ReadonlySet<string>) => void = () => {};

  constructor(options: SimulatedMarketOptions) {
    this.#options = options;
  }

  inputs(): Observable<UnstampedInput> {
    return new Observable((subscriber) => {
      const clock = new SteadyClock();
      const market = new SimulatedMarket(this.#options);
      const emit = (input: UnstampedInput): void => subscriber.next(input);
      this.#begin = (reason, only) => market.begin(reason, emit, only);
      market.start(clock.nowUs(), emit);
      let timer: NodeJS.Timeout;
      const arm = (): void => {
        timer = setTimeout(tick, Math.max(TIMER_MS_MIN, (market.nextDueUs - clock.nowUs()) / 1_000));
      };
      const tick = (): void => {
        market.advance(clock.nowUs(), emit);
        arm();
      };
      arm();
      return () => {
        clearTimeout(timer);
        this.#begin = () => {};
      };
    });
  }

  resync(reason: string, only?: ReadonlySet<string>): void {
    this.#begin(reason, only);
  }
}
