const US_PER_MS = 1_000;
/**
 * Event time for which the log may have nothing at all. Its clock ticks each second, so a longer silence is one in which
 * nothing ran, and waiting through it would show nothing.
 */
const SILENCE_US_MAX = 5_000_000;

/** When what happened is due: event time against this process's, at a speed. */
export class ReplayClock {
  readonly #speed: number;
  readonly #startMs: number;
  /** Event time at the start, moved on by the silences that were cut. */
  #originUs: number | undefined;
  #lastUs = 0;

  /** @param startUs event time at which it begins; `undefined`: the first event's. */
  constructor(speed: number, nowMs: number, startUs: number | undefined) {
    this.#speed = speed;
    this.#startMs = nowMs;
    this.#originUs = startUs;
    this.#lastUs = startUs ?? 0;
  }

  /** When an event is due, in the time of `nowMs`. Events are asked for in the order of the log. */
  dueMs(eventUs: number): number {
    this.#originUs ??= eventUs;
    if (this.#lastUs === 0) this.#lastUs = eventUs;
    const silenceUs = eventUs - this.#lastUs;
    if (silenceUs > SILENCE_US_MAX) this.#originUs += silenceUs - SILENCE_US_MAX;
    this.#lastUs = Math.max(this.#lastUs, eventUs);
    return this.#startMs + (eventUs - this.#originUs) / US_PER_MS / this.#speed;
  }
}
