import { Observable } from 'rxjs';
import type { ClockInput } from './venue.ts';

const SECOND_MS = 1_000;

/** Microseconds since 1970; exact to the millisecond, which is what venues stamp with. */
export function wallClockUs(): number {
  return Date.now() * 1_000;
}

/**
 * Wall time in whole microseconds for who keeps to a schedule. It does not stand still when the machine's clock is set
 * back; it jumps when the clock is set forward, or when the machine has slept.
 */
export class SteadyClock {
  /** Of wall time to the monotonic clock, which is adjusted with it but never set. */
  #offsetMs = Date.now() - performance.now();

  nowUs(): number {
    const aheadMs = Date.now() - performance.now() - this.#offsetMs;
    if (aheadMs > SECOND_MS) this.#offsetMs += aheadMs;
    return Math.floor((this.#offsetMs + performance.now()) * 1_000);
  }
}

/**
 * One `clock` input with each whole second of this machine's clock. Seconds that a stalled process slept through are
 * not made up: event time may jump forward.
 */
export function wallClockSeconds(): Observable<ClockInput> {
  return new Observable((subscriber) => {
    let timer: NodeJS.Timeout;
    let emitted = Math.floor(Date.now() / SECOND_MS);
    const arm = (): void => {
      timer = setTimeout(tick, SECOND_MS - (Date.now() % SECOND_MS));
    };
    const tick = (): void => {
      const nowMs = Date.now();
      const second = Math.floor(nowMs / SECOND_MS);
      // A timer may fire a millisecond early, and the clock may be set back: each second counts once.
      if (second > emitted) {
        emitted = second;
        subscriber.next({ type: 'clock', second, tsRecvUs: nowMs * 1_000 });
      }
      arm();
    };
    arm();
    return () => clearTimeout(timer);
  });
}
