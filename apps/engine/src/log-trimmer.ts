import { setTimeout as sleep } from 'node:timers/promises';
import {
  type Lag,
  LagWatch,
  type LogWriter,
  type PartitionKeys,
  type RedisClient,
  readMemory,
  readWatermark,
} from '@depthcast/log';

export interface LogTrimmerOptions {
  readonly client: RedisClient;
  readonly keys: PartitionKeys;
  readonly writer: LogWriter;
  readonly logBytesMax: number;
  readonly onTrimmed?: (entries: number) => void;
  /** Where there is a journal: how far it is behind. One that is down cannot say so itself. */
  readonly onJournalLag?: (lag: Lag) => void;
}

const CHECK_MS = 500;
/** Trims to this part of the bound, so that not every check trims. */
const TRIM_TO = 0.9;
/** Redis is short of memory: half of it goes, whatever the bound is, or the next batch stands at the same wall. */
const TRIM_TO_WHEN_SHORT = 0.5;
/** Below the 80 % at which producers hold back, or nobody would ever make them room. */
const SHORT_AT = 0.75;

/**
 * Keeps the log within its bound. It runs beside the engine's loop, not in it: when Redis is out of memory the loop
 * stands at an append that is refused again and again, and only this can make room.
 */
export class LogTrimmer {
  readonly #options: LogTrimmerOptions;
  readonly #lag = new LagWatch();
  #outOfMemory = false;
  #wake: AbortController | undefined;

  constructor(options: LogTrimmerOptions) {
    this.#options = options;
  }

  /** A write was refused for want of memory. */
  onOutOfMemory(): void {
    this.#outOfMemory = true;
    this.#wake?.abort();
  }

  /** Until `signal` aborts. Errors end nothing: whoever is fenced learns it from its appends. */
  async run(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      await this.#check().catch(() => {});
      this.#wake = new AbortController();
      await sleep(CHECK_MS, undefined, { signal: AbortSignal.any([signal, this.#wake.signal]) }).catch(() => {});
    }
  }

  async #check(): Promise<void> {
    const { client, keys, writer, logBytesMax, onTrimmed, onJournalLag } = this.#options;
    const [length, bytes, { usedBytes, maxBytes }, watermark] = await Promise.all([
      client.xlen(keys.log),
      client.memory('USAGE', keys.log, 'SAMPLES', 5),
      readMemory(client, keys),
      readWatermark(client, keys),
    ]);
    if (!bytes) return;
    if (watermark) {
      const sample = { tip: writer.cursor, bytesPerEntry: bytes / Math.max(1, length), usedBytes, maxBytes };
      onJournalLag?.(this.#lag.sample(sample, watermark, performance.now()));
    }
    const short = this.#outOfMemory || (maxBytes > 0 && usedBytes > maxBytes * SHORT_AT);
    this.#outOfMemory = false;
    if (!short && bytes <= logBytesMax) return;
    const keep = short ? TRIM_TO_WHEN_SHORT : (TRIM_TO * logBytesMax) / bytes;
    const trimmed = await writer.trim(Math.floor(length * Math.min(keep, TRIM_TO)));
    onTrimmed?.(trimmed);
  }
}
