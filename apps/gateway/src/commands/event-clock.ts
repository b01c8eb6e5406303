import { formatTsNs } from '@depthcast/protocol';

const NS_PER_US = 1_000n;
const US_PER_MS = 1_000;
/** Until the next second has come it is still this one. */
const ELAPSED_US_MAX = 999_999;

/**
 * What time it is in the log: its last `clock` event and what has passed since, at most a second. Orders are dated by
 * it and not by this machine's clock, which a replay of last year's market does not follow.
 */
export class EventClock {
  readonly #nowMs: () => number;
  #tsNs: string | undefined;
  #secondUs = 0;
  #cameMs = 0;

  constructor(nowMs: () => number) {
    this.#nowMs = nowMs;
  }

  /**
   * A `clock` event has come.
   *
   * @param tsNs its `ts_ns`.
   * @param isReplayed It was there when reading began, and newer ones may be known. What comes live is the time, even if
   *   it is earlier: then the log is another one.
   */
  onClock(tsNs: string, { isReplayed = false } = {}): void {
    if (tsNs === this.#tsNs) return;
    const secondUs = Number(BigInt(tsNs) / NS_PER_US);
    if (isReplayed && this.#tsNs !== undefined && secondUs <= this.#secondUs) return;
    this.#tsNs = tsNs;
    this.#secondUs = secondUs;
    this.#cameMs = this.#nowMs();
  }

  /** `ts_ns` of the last `clock` event. Until there is one: this machine's time, as of the other. */
  get tsNs(): string {
    return this.#tsNs ?? formatTsNs(this.nowUs);
  }

  /** µs since 1970. */
  get nowUs(): number {
    const nowMs = this.#nowMs();
    if (this.#tsNs === undefined) return nowMs * US_PER_MS;
    const elapsedUs = Math.round((nowMs - this.#cameMs) * US_PER_MS);
    return this.#secondUs + Math.max(0, Math.min(elapsedUs, ELAPSED_US_MAX));
  }
}
