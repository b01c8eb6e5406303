import { seedTime } from '@depthcast/book';
import { controlFrame } from '../fanout/format.ts';
import type { Partitions } from '../partitions/partitions.ts';

export interface PulseOptions {
  /** Silence on a log session after which it gets a comment, and its id if it moved silently. */
  readonly keepAliveMs: number;
  /** Between two heartbeats of the view sessions. */
  readonly heartbeatMs: number;
}

const TICK_MS_MAX = 250;
const TICK_MS_MIN = 10;

/** The one timer of everything that happens because time passes, whatever the number of sessions. */
export class Pulse {
  readonly #partitions: Partitions;
  readonly #options: PulseOptions;
  #timer: NodeJS.Timeout | undefined;
  #heartbeatMs = 0;

  constructor(partitions: Partitions, options: PulseOptions) {
    this.#partitions = partitions;
    this.#options = options;
  }

  start(): void {
    const { keepAliveMs, heartbeatMs } = this.#options;
    const tickMs = Math.max(TICK_MS_MIN, Math.min(TICK_MS_MAX, keepAliveMs / 10, heartbeatMs / 10));
    this.#heartbeatMs = Date.now();
    this.#timer = setInterval(() => this.#tick(), tickMs);
  }

  stop(): void {
    clearInterval(this.#timer);
  }

  #tick(): void {
    const { all } = this.#partitions;
    for (const { watch, lags, fanout } of all) {
      watch.check();
      lags.check();
      fanout.keepAlive(this.#options.keepAliveMs);
    }
    const nowMs = Date.now();
    if (nowMs - this.#heartbeatMs < this.#options.heartbeatMs) return;
    this.#heartbeatMs = nowMs;
    const heartbeat = { event: 'heartbeat', timestamp: seedTime(nowMs) };
    const frame = controlFrame('heartbeat', JSON.stringify(heartbeat));
    for (const { views } of all) views.heartbeat(frame);
  }
}
