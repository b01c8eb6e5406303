import type { FollowState } from '@depthcast/log';

/** After the tail has gone silent a new connection is tried; it gets this long to help. */
const SILENT_GRACE_MS = 5_000;

/** Whether the tail is beyond its own help: the log moves, nothing arrives, and a new connection has not changed it. */
export class TailHealth {
  readonly #onHealthy: (healthy: boolean) => void;
  #timer: NodeJS.Timeout | undefined;

  /** @param onHealthy told when it is lost, and when it is back. An absent Redis is not ill health: nothing moves. */
  constructor(onHealthy: (healthy: boolean) => void) {
    this.#onHealthy = onHealthy;
  }

  onState(state: FollowState): void {
    clearTimeout(this.#timer);
    if (state === 'silent') {
      this.#timer = setTimeout(() => this.#onHealthy(false), SILENT_GRACE_MS);
      this.#timer.unref();
    } else this.#onHealthy(true);
  }
}
