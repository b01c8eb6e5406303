import {
  checkRedis,
  connectRedis,
  InboxProducer,
  type PartitionKeys,
  partitionKeys,
  type RedisClient,
  readTip,
  readUnsynced,
} from '@depthcast/log';
import { fatal, Metrics, nowAndThen, Readiness } from '@depthcast/ops';
import { Inject, Injectable, type OnApplicationBootstrap, type OnApplicationShutdown } from '@nestjs/common';
import type { IngestConfig } from './config.ts';
import { IngestLoop } from './ingest-loop.ts';
import { IngestMetrics } from './ingest-metrics.ts';
import { type Logger, OperatorReport } from './operator-report.ts';
import { createVenue } from './venues/create-venue.ts';
import type { QueueGauge } from './venues/venue.ts';

export const CONFIG = Symbol('ingest config');
export const LOGGER = Symbol('logger');
export const READY_WHEN_REDIS = 'redis';

const ERROR_LOG_MS = 10_000;

/** The venue, the loop and the way to Redis, for as long as the app lives. */
@Injectable()
export class IngestService implements OnApplicationBootstrap, OnApplicationShutdown {
  readonly #config: IngestConfig;
  readonly #logger: Logger;
  readonly #metrics: Metrics;
  readonly #readiness: Readiness;
  #client: RedisClient | undefined;
  #loop: IngestLoop | undefined;
  readonly #stopping = new AbortController();
  readonly #logError = nowAndThen(ERROR_LOG_MS, (error: Error) =>
    this.#logger.warn({ reason: error.message }, 'redis'),
  );

  constructor(
    @Inject(CONFIG) config: IngestConfig,
    @Inject(LOGGER) logger: Logger,
    @Inject(Metrics) metrics: Metrics,
    @Inject(Readiness) readiness: Readiness,
  ) {
    this.#config = config;
    this.#logger = logger;
    this.#metrics = metrics;
    this.#readiness = readiness;
  }

  /** Does not wait for Redis: the app answers /health while it is out of reach. */
  async onApplicationBootstrap(): Promise<void> {
    const { REDIS_URL, PARTITIONS, SOURCE } = this.#config;
    const client = connectRedis(REDIS_URL, { name: 'ingest', onError: (error) => this.#onError(error) });
    this.#client = client;
    const keys = Array.from({ length: PARTITIONS }, (_, partition) => partitionKeys(partition));
    const producers = keys.map((its, partition) => this.#producer(client, its, partition));
    const report = new OperatorReport(this.#logger, this.#metrics, SOURCE);
    const venue = await createVenue(this.#config, report, new FullestQueue(producers));
    const metrics = new IngestMetrics(this.#metrics, SOURCE, producers);
    const loop = new IngestLoop({
      venue,
      partitions: keys.map((its, partition) => ({
        sink: producers[partition] as InboxProducer,
        readTip: () => readTip(client, its),
        readUnsynced: () => readUnsynced(client, its),
      })),
      onInput: (input, partition) => metrics.input(input.type, partition),
      onDropped: (partition) => metrics.dropped(partition),
      onFatal: (error) => fatal(this.#logger, error),
      info: (message, fields) => this.#logger.info({ venue: SOURCE, ...fields }, message),
    });
    this.#loop = loop;
    void this.#begin(client, loop);
  }

  async onApplicationShutdown(): Promise<void> {
    this.#stopping.abort();
    await this.#loop?.stop();
    this.#client?.disconnect();
  }

  async #begin(client: RedisClient, loop: IngestLoop): Promise<void> {
    const { SOURCE, SYMBOLS, PARTITIONS } = this.#config;
    try {
      await checkRedis(client, { partitions: PARTITIONS, signal: this.#stopping.signal });
    } catch (error) {
      if (this.#stopping.signal.aborted) return;
      fatal(this.#logger, error);
    }
    if (this.#stopping.signal.aborted) return;
    this.#readiness.set(READY_WHEN_REDIS, true);
    this.#logger.info({ venue: SOURCE, symbols: SYMBOLS, partitions: PARTITIONS }, 'ingesting');
    loop.start();
  }

  /** Redis out of reach gives an error a second; one line now and then tells as much. */
  #onError(error: Error): void {
    if (!this.#stopping.signal.aborted) this.#logError(error);
  }

  #producer(client: RedisClient, keys: PartitionKeys, partition: number): InboxProducer {
    return new InboxProducer({
      client,
      keys,
      onError: (error) => this.#onError(error),
      onRecovered: () => this.#loop?.onSinkRecovered(partition),
    });
  }
}

/** A venue that can wait waits for the slowest partition. */
class FullestQueue implements QueueGauge {
  readonly #producers: readonly InboxProducer[];

  constructor(producers: readonly InboxProducer[]) {
    this.#producers = producers;
  }

  get queuedInputs(): number {
    let most = 0;
    for (const { queuedInputs } of this.#producers) most = Math.max(most, queuedInputs);
    return most;
  }
}
