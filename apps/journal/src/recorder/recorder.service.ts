import { setTimeout as sleep } from 'node:timers/promises';
import { checkRedis, type Lag, type PartitionKeys, partitionKeys, type RedisClient } from '@depthcast/log';
import { fatal, Metrics, Readiness } from '@depthcast/ops';
import { DepthcastError, formatCursor } from '@depthcast/protocol';
import { Inject, Injectable, type OnApplicationBootstrap, type OnApplicationShutdown } from '@nestjs/common';
import type { Logger } from 'pino';
import { type JournalConfig, retentionOf } from '../config.ts';
import type { JournalBatch, JournalStore } from '../stores/journal-store.ts';
import { STORE } from '../stores/store-token.ts';
import { CONFIG, LOGGER, READY_WHEN_STORED, REDIS } from '../tokens.ts';
import { JournalMetrics } from './journal-metrics.ts';
import { RecorderLoop } from './recorder-loop.ts';
import type { RecorderObserver } from './recorder-observer.ts';
import { RetentionLoop } from './retention-loop.ts';
import { RetireLoop } from './retire-loop.ts';

const HOUR_MS = 3_600_000;
const OPEN_RETRY_MS_MAX = 5_000;
const WARN_EVERY_MS = 10_000;
/** A commit or two is no lag. */
const BEHIND_SECONDS = 5;

/** The recorder's life within the app's: opens the database, stores the log, trims behind itself, cleans up. */
@Injectable()
export class RecorderService implements OnApplicationBootstrap, OnApplicationShutdown {
  readonly #stop = new AbortController();
  readonly #keys: PartitionKeys = partitionKeys();
  readonly #metrics: JournalMetrics;
  readonly #warnedMs = new Map<string, number>();
  #running: Promise<void> = Promise.resolve();

  constructor(
    @Inject(CONFIG) private readonly config: JournalConfig,
    @Inject(LOGGER) private readonly logger: Logger,
    @Inject(REDIS) private readonly client: RedisClient,
    @Inject(STORE) private readonly store: JournalStore,
    private readonly readiness: Readiness,
    metrics: Metrics,
  ) {
    this.#metrics = new JournalMetrics(metrics);
  }

  onApplicationBootstrap(): void {
    this.#running = this.#run().catch((error) => {
      if (!this.#stop.signal.aborted) fatal(this.logger, error);
      this.logger.warn({ err: error }, 'stopped before all that was read was stored: it will be read again');
    });
  }

  async onApplicationShutdown(): Promise<void> {
    this.#stop.abort();
    await this.#running;
    await this.store.close();
    this.client.disconnect();
  }

  async #run(): Promise<void> {
    const { client, store, config, logger } = this;
    const { signal } = this.#stop;
    await this.#open(signal);
    await checkRedis(client, { signal });
    const keys = this.#keys;
    const recorder = new RecorderLoop({ client, keys, store, observer: this.#observe() });
    const retiring = new RetireLoop({
      client,
      keys,
      windowBytes: config.WINDOW_BYTES,
      recorder,
      onLag: (lag) => this.#onLag(lag),
      onRetired: (entries) => this.#metrics.retired(entries),
      onError: (error) => this.#warn('retire', { err: error.message }, 'trimming the log failed: trying again'),
    });
    const retention = new RetentionLoop({
      store,
      policy: retentionOf(config),
      everyMs: config.CACHE_CLEANUP_HOURS * HOUR_MS,
      onDropped: (dropped) => {
        this.#metrics.dropped(dropped.events);
        logger.info(dropped, 'dropped what is beyond the bounds');
      },
      onError: (error) => this.#warn('retention', { err: error.message }, 'cleaning up failed: trying again later'),
    });
    await Promise.all([recorder.run(signal), retiring.run(signal), retention.run(signal)]);
  }

  /** @throws DepthcastError `JOURNAL_STORE_UNUSABLE`; a database that is only away is waited for. */
  async #open(signal: AbortSignal): Promise<void> {
    const { kind, location } = this.store.description;
    for (let waitMs = 100; ; waitMs = Math.min(waitMs * 2, OPEN_RETRY_MS_MAX)) {
      try {
        await this.store.open();
        break;
      } catch (error) {
        if (error instanceof DepthcastError) throw error;
        this.#databaseAway(error as Error);
        await sleep(waitMs, undefined, { signal });
      }
    }
    this.logger.info({ kind, location }, 'database open');
    this.readiness.set(READY_WHEN_STORED, true);
    this.#count();
  }

  #observe(): RecorderObserver {
    const { logger } = this;
    return {
      recording: (from, compared) =>
        logger.info({ after: from ? formatCursor(from.cursor) : null, compared }, 'recording the log'),
      committed: (batch, ms) => this.#committed(batch, ms),
      standingBy: () => {
        this.#metrics.stoodBy();
        this.#warn('standby', {}, 'another journal stores into this database: standing by');
      },
      databaseAway: (error) => this.#databaseAway(error),
      begunAgain: (why) => logger.info({ why }, 'reading the log begins again at what is stored'),
      tail: (state) => logger.debug({ state }, 'tail'),
    };
  }

  #committed(batch: JournalBatch, ms: number): void {
    this.#metrics.committed(batch, ms);
    for (const { after, next } of batch.holes) {
      const from = after ? formatCursor(after) : null;
      this.logger.error({ after: from, next: formatCursor(next) }, 'a hole: the log was trimmed before it was stored');
    }
    for (const { epoch, reason, previousTail } of batch.epochs) {
      const tail = previousTail ? formatCursor(previousTail) : null;
      this.logger.info({ epoch, reason, previousTail: tail }, 'a new epoch');
    }
    for (const tail of batch.orphanedAfter) {
      this.logger.warn({ after: formatCursor(tail) }, 'orphaned: Redis had lost these when the next epoch began');
    }
    if (batch.holes.length + batch.orphanedAfter.length > 0) this.#count();
  }

  #count(): void {
    const { partition } = this.#keys;
    this.#metrics.count(this.store, partition).catch((error) => this.#databaseAway(error as Error));
  }

  #onLag(lag: Lag): void {
    this.#metrics.lag(lag);
    if (lag.seconds < BEHIND_SECONDS) return;
    const { events, seconds, memorySecondsLeft: left } = lag;
    const behind = { events, seconds: Math.round(seconds), redisMemorySecondsLeft: finite(left) };
    const lasts = left === Number.POSITIVE_INFINITY ? 'does not run out' : `lasts ${Math.round(left)} s more`;
    this.#warn('lag', behind, `behind the log by ${events} events, ${behind.seconds} s; Redis' memory ${lasts}`);
  }

  #databaseAway(error: Error): void {
    this.#metrics.databaseFailed();
    this.#warn('database', { err: error.message }, 'the database refuses or does not answer: trying again');
  }

  /** One line of a kind in a while tells as much. */
  #warn(kind: string, fields: object, message: string): void {
    const nowMs = performance.now();
    if (nowMs - (this.#warnedMs.get(kind) ?? Number.NEGATIVE_INFINITY) < WARN_EVERY_MS) return;
    this.#warnedMs.set(kind, nowMs);
    this.logger.warn(fields, message);
  }
}

function finite(seconds: number): number | null {
  return Number.isFinite(seconds) ? Math.round(seconds) : null;
}
