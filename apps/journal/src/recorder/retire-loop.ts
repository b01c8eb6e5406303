import { setTimeout as sleep } from 'node:timers/promises';
import {
  cursorOf,
  type Lag,
  LagWatch,
  type PartitionKeys,
  type RedisClient,
  readMemory,
  readTip,
  retireLog,
} from '@depthcast/log';
import type { Cursor } from '@depthcast/protocol';

export interface RetireLoopOptions {
  readonly client: RedisClient;
  readonly keys: PartitionKeys;
  /** How much of what is stored stays in Redis, for gateways: of all partitions together. */
  readonly windowBytes: number;
  /** How many share it, and the memory. Default 1. */
  readonly partitions?: number;
  /** What the recorder has stored, and whether that is known to be of this log. */
  readonly recorder: { readonly stored: Cursor | undefined; readonly durable: Cursor | undefined };
  readonly everyMs?: number;
  readonly onLag?: (lag: Lag) => void;
  readonly onRetired?: (entries: number) => void;
  readonly onError?: (error: Error) => void;
}

const EVERY_MS = 500;
/** Of a small Redis the windows take no more than this, or producers would hold back for its sake. */
const WINDOW_SHARE_MAX = 0.25;
/** Always kept, so that what is stored can be compared with the log. */
const ENTRIES_MIN = 2_000;

/**
 * Lets go of what is stored, beside the recorder and at a pace of its own: one call trims all that many commits have
 * stored. The watermark is said again each time, since a Redis that comes back may have lost it.
 */
export class RetireLoop {
  readonly #options: RetireLoopOptions;
  readonly #lag = new LagWatch();

  constructor(options: RetireLoopOptions) {
    this.#options = options;
  }

  /** Until `signal` aborts. Errors end nothing: the next turn comes. */
  async run(signal: AbortSignal): Promise<void> {
    const { everyMs = EVERY_MS, onError } = this.#options;
    while (!signal.aborted) {
      await this.#turn().catch((error) => onError?.(error));
      await sleep(everyMs, undefined, { signal }).catch(() => {});
    }
  }

  async #turn(): Promise<void> {
    const { client, keys, windowBytes, partitions = 1, recorder, onLag, onRetired } = this.#options;
    const [tip, length, bytes, { usedBytes, maxBytes }] = await Promise.all([
      readTip(client, keys),
      client.xlen(keys.log),
      client.memory('USAGE', keys.log, 'SAMPLES', 5),
      readMemory(client, keys),
    ]);
    const bytesPerEntry = length > 0 ? (bytes ?? 0) / length : 0;
    if (tip) {
      const sample = { tip: cursorOf(tip), bytesPerEntry, usedBytes, maxBytes };
      onLag?.(this.#lag.sample(sample, recorder.stored, performance.now()));
    }
    const { durable } = recorder;
    if (!durable) return;
    const window = maxBytes > 0 ? Math.min(windowBytes, maxBytes * WINDOW_SHARE_MAX) : windowBytes;
    const entries = bytesPerEntry > 0 ? window / partitions / bytesPerEntry : 0;
    const { trimmed } = await retireLog(client, keys, durable, Math.max(ENTRIES_MIN, entries));
    if (trimmed > 0) onRetired?.(trimmed);
  }
}
