import { setTimeout as sleep } from 'node:timers/promises';
import { checkRedis, type RedisClient } from '@depthcast/log';
import { fatal, Metrics, Readiness } from '@depthcast/ops';
import { DepthcastError } from '@depthcast/protocol';
import { Inject, Injectable, type OnApplicationBootstrap, type OnApplicationShutdown } from '@nestjs/common';
import type { Logger } from 'pino';
import { type JournalConfig, retentionOf } from '../config.ts';
import type { JournalStore } from '../stores/journal-store.ts';
import { STORE } from '../stores/store-token.ts';
import { CONFIG, LOGGER, READY_WHEN_STORED, REDIS } from '../tokens.ts';
import { JournalMetrics } from './journal-metrics.ts';
import { PartitionRecorder } from './partition-recorder.ts';
import { RetentionLoop } from './retention-loop.ts';
import { checkSamePartitions } from './same-partitions.ts';
import { type Warn, warnNowAndThen } from './warn.ts';

const HOUR_MS = 3_600_000;
const OPEN_RETRY_MS_MAX = 5_000;

/** The recorders' life within the app's: opens the database, stores the logs, trims behind them, cleans up. */
@Injectable()
export class RecorderService implements OnApplicationBootstrap, OnApplicationShutdown {
  readonly #stop = new AbortController();
  readonly #metrics: JournalMetrics;
  readonly #warn: Warn;
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
    this.#warn = warnNowAndThen(logger);
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
    const { PARTITIONS: partitions } = config;
    const recorders = Array.from({ length: partitions }, (_, partition) => this.#recorder(partition));
    await this.#asked(() => store.open(), signal);
    await this.#asked(() => checkSamePartitions(store, partitions), signal);
    const { kind, location } = store.description;
    logger.info({ kind, location }, 'database open');
    this.readiness.set(READY_WHEN_STORED, true);
    await checkRedis(client, { partitions, signal });
    const loops = [...recorders, this.#retention()].map((loop) => loop.run(signal));
    try {
      // What ends one for good ends the process: none of them goes on where another has found something wrong.
      await Promise.all(loops);
    } finally {
      // At a stop each stores what it has read, whatever becomes of the others.
      if (signal.aborted) await Promise.allSettled(loops);
    }
  }

  #recorder(partition: number): PartitionRecorder {
    const { client, store, config } = this;
    const logger = this.logger.child({ partition });
    return new PartitionRecorder({
      partition,
      partitions: config.PARTITIONS,
      client,
      store,
      metrics: this.#metrics,
      logger,
      warn: warnNowAndThen(logger),
      windowBytes: config.WINDOW_BYTES,
      databaseAway: (error) => this.#databaseAway(error),
    });
  }

  #retention(): RetentionLoop {
    const { store, config, logger } = this;
    return new RetentionLoop({
      store,
      policy: retentionOf(config),
      everyMs: config.CACHE_CLEANUP_HOURS * HOUR_MS,
      onDropped: (dropped) => {
        this.#metrics.dropped(dropped.events);
        logger.info(dropped, 'dropped what is beyond the bounds');
      },
      onError: (error) => this.#warn('retention', { err: error.message }, 'cleaning up failed: trying again later'),
    });
  }

  /** @throws DepthcastError `JOURNAL_STORE_UNUSABLE`; a database that is only away is waited for. */
  async #asked(ask: () => Promise<void>, signal: AbortSignal): Promise<void> {
    for (let waitMs = 100; ; waitMs = Math.min(waitMs * 2, OPEN_RETRY_MS_MAX)) {
      try {
        return await ask();
      } catch (error) {
        if (error instanceof DepthcastError) throw error;
        this.#databaseAway(error as Error);
        await sleep(waitMs, undefined, { signal });
      }
    }
  }

  #databaseAway(error: Error): void {
    this.#metrics.databaseFailed();
    this.#warn('database', { err: error.message }, 'the database refuses or does not answer: trying again');
  }
}
