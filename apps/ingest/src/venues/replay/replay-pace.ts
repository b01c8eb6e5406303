/** Below this a timer is less exact than not waiting at all. */
const WAIT_MS_MIN = 1;
/** Who fell behind further than this goes on from here at the usual pace, instead of rushing. */
const BEHIND_MS_MAX = 1_000;

/** Lets a recording's time pass at `speed` times the real one; `max` does not wait at all. Knows no clock. */
export class ReplayPace {
  readonly #speed: number | 'max';
  #baseMs: number | undefined;
  #firstUs = 0;

  constructor(speed: number | 'max') {
    this.#speed = speed;
  }

  /** Milliseconds until the moment `tsUs` of the recording is due; 0 when it is, or nearly. */
  waitMs(tsUs: number, nowMs: number): number {
    if (this.#speed === 'max') return 0;
    if (this.#baseMs === undefined) {
      this.#baseMs = nowMs;
      this.#firstUs = tsUs;
    }
    const waitMs = this.#baseMs + (tsUs - this.#firstUs) / 1_000 / this.#speed - nowMs;
    if (waitMs < -BEHIND_MS_MAX) this.#baseMs -= waitMs;
    return waitMs < WAIT_MS_MIN ? 0 : waitMs;
  }
}
