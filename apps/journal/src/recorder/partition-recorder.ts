import { type Lag, partitionKeys, type RedisClient } from '@depthcast/log';
import { formatCursor } from '@depthcast/protocol';
import type { Logger } from 'pino';
import type { JournalBatch, JournalStore } from '../stores/journal-store.ts';
import type { JournalMetrics } from './journal-metrics.ts';
import { RecorderLoop, recorderLimits } from './recorder-loop.ts';
import type { RecorderObserver } from './recorder-observer.ts';
import { RetireLoop } from './retire-loop.ts';
import type { Warn } from './warn.ts';

export interface PartitionRecorderOptions {
  readonly partition: number;
  /** Of how many. */
  readonly partitions: number;
  readonly client: RedisClient;
  readonly store: JournalStore;
  readonly metrics: JournalMetrics;
  /** Its lines carry the partition. */
  readonly logger: Logger;
  readonly warn: Warn;
  /** How much of what is stored stays in Redis, of all of them. */
  readonly windowBytes: number;
  readonly databaseAway: (error: Error) => void;
}

/** A commit or two is no lag. */
const BEHIND_SECONDS = 5;

/** One partition's recorder, what trims behind it, and what both of them tell. */
export class PartitionRecorder {
  readonly #options: PartitionRecorderOptions;
  readonly #recorder: RecorderLoop;
  readonly #retiring: RetireLoop;

  constructor(options: PartitionRecorderOptions) {
    const { partition, partitions, client, store, windowBytes, metrics, warn } = options;
    this.#options = options;
    const keys = partitionKeys(partition);
    metrics.begin(partition);
    const limits = recorderLimits(partitions);
    this.#recorder = new RecorderLoop({ client, keys, store, limits, observer: this.#observe() });
    this.#retiring = new RetireLoop({
      client,
      keys,
      windowBytes,
      partitions,
      recorder: this.#recorder,
      onLag: (lag) => this.#onLag(lag),
      onRetired: (entries) => metrics.retired(partition, entries),
      onError: (error) => warn('retire', { err: error.message }, 'trimming the log failed: trying again'),
    });
  }

  /** Until `signal` aborts, and what has been read is stored. @throws what {@link RecorderLoop.run} does. */
  async run(signal: AbortSignal): Promise<void> {
    this.#count();
    await Promise.all([this.#recorder.run(signal), this.#retiring.run(signal)]);
  }

  #observe(): RecorderObserver {
    const { partition, logger, metrics, warn, databaseAway } = this.#options;
    return {
      recording: (from, compared) =>
        logger.info({ after: from ? formatCursor(from.cursor) : null, compared }, 'recording the log'),
      committed: (batch, ms) => this.#committed(batch, ms),
      standingBy: () => {
        metrics.stoodBy(partition);
        warn('standby', {}, 'another journal stores into this database: standing by');
      },
      databaseAway,
      begunAgain: (why) => logger.info({ why }, 'reading the log begins again at what is stored'),
      tail: (state) => logger.debug({ state }, 'tail'),
    };
  }

  #committed(batch: JournalBatch, ms: number): void {
    const { logger, metrics } = this.#options;
    metrics.committed(batch, ms);
    for (const { after, next } of batch.holes) {
      const from = after ? formatCursor(after) : null;
      logger.error({ after: from, next: formatCursor(next) }, 'a hole: the log was trimmed before it was stored');
    }
    for (const { epoch, reason, previousTail } of batch.epochs) {
      const tail = previousTail ? formatCursor(previousTail) : null;
      logger.info({ epoch, reason, previousTail: tail }, 'a new epoch');
    }
    for (const tail of batch.orphanedAfter) {
      logger.warn({ after: formatCursor(tail) }, 'orphaned: Redis had lost these when the next epoch began');
    }
    if (batch.holes.length + batch.orphanedAfter.length > 0) this.#count();
  }

  #count(): void {
    const { metrics, store, partition, databaseAway } = this.#options;
    metrics.count(store, partition).catch((error) => databaseAway(error as Error));
  }

  #onLag(lag: Lag): void {
    const { metrics, partition, warn } = this.#options;
    const left = metrics.lag(partition, lag);
    if (lag.seconds < BEHIND_SECONDS) return;
    const { events, seconds } = lag;
    const behind = { events, seconds: Math.round(seconds), redisMemorySecondsLeft: finite(left) };
    const lasts = left === Number.POSITIVE_INFINITY ? 'does not run out' : `lasts ${Math.round(left)} s more`;
    warn('lag', behind, `behind the log by ${events} events, ${behind.seconds} s; Redis' memory ${lasts}`);
  }
}

function finite(seconds: number): number | null {
  return Number.isFinite(seconds) ? Math.round(seconds) : null;
}
