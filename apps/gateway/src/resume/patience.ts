import { setTimeout as sleep } from 'node:timers/promises';
import { LogGapError } from '@depthcast/log';
import { DepthcastError } from '@depthcast/protocol';

const RETRY_MS = 500;

/** Waits between attempts, for as long as a journal that does not answer is waited for. */
export class Patience {
  readonly #endMs: number;

  constructor(waitMs: number) {
    this.#endMs = performance.now() + waitMs;
  }

  /** @throws the error when it has been waited for long enough, or when waiting does not help. */
  async wait(error: unknown): Promise<void> {
    const restMs = this.#endMs - performance.now();
    if (!isAway(error) || restMs <= 0) throw error;
    await sleep(Math.min(RETRY_MS, restMs));
  }
}

/** Only the journal could help, and it does not answer, or has not come that far. */
export function isAway(error: unknown): boolean {
  return error instanceof DepthcastError && error.code === 'HISTORY_UNAVAILABLE';
}

/** What follows a cursor is kept nowhere, or the cursor is of another timeline. */
export function isLost(error: unknown): boolean {
  return error instanceof LogGapError || (error instanceof DepthcastError && error.code === 'HISTORY_MISSING');
}
