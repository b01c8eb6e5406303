import {
  checkRedis,
  connectRedis,
  InboxProducer,
  partitionKeys,
  type RedisClient,
  readTip,
  readUnsynced,
} from '@depthcast/log';
import { fatal, Metrics, Readiness } from '@depthcast/ops';
import { type InputType, inputSchemas } from '@depthcast/protocol';
import { Inject, Injectable, type OnApplicationBootstrap, type OnApplicationShutdown } from '@nestjs/common';
import { Counter, Gauge } from 'prom-client';
import type { IngestConfig } from './config.ts';
import { IngestLoop } from './ingest-loop.ts';
import { type Logger, OperatorReport } from './operator-report.ts';
import { createVenue } from './venues/create-venue.ts';

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
  #lastErrorMs = Number.NEGATIVE_INFINITY;

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
    const client = connectRedis(this.#config.REDIS_URL, { name: 'ingest', onError: (error) => this.#onError(error) });
    this.#client = client;
    const keys = partitionKeys();
    const producer = new InboxProducer({
      client,
      keys,
      onError: (error) => this.#onError(error),
      onRecovered: () => this.#loop?.onSinkRecovered(),
    });
    const { SOURCE } = this.#config;
    const report = new OperatorReport(this.#logger, this.#metrics, SOURCE);
    const venue = await createVenue(this.#config, report, producer);
    const inputs = this.#inputCounters();
    const dropped = this.#droppedCounter();
    this.#queueGauge(producer);
    const loop = new IngestLoop({
      venue,
      sink: producer,
      readTip: () => readTip(client, keys),
      readUnsynced: () => readUnsynced(client, keys),
      onInput: (input) => inputs[input.type].inc(),
      onDropped: () => dropped.inc({ venue: SOURCE }),
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
    try {
      await checkRedis(client, { signal: this.#stopping.signal });
    } catch (error) {
      if (this.#stopping.signal.aborted) return;
      fatal(this.#logger, error);
    }
    if (this.#stopping.signal.aborted) return;
    this.#readiness.set(READY_WHEN_REDIS, true);
    this.#logger.info({ venue: this.#config.SOURCE, symbols: this.#config.SYMBOLS }, 'ingesting');
    loop.start();
  }

  /** Redis out of reach gives an error a second; one line now and then tells as much. */
  #onError(error: Error): void {
    const nowMs = performance.now();
    if (this.#stopping.signal.aborted || nowMs - this.#lastErrorMs < ERROR_LOG_MS) return;
    this.#lastErrorMs = nowMs;
    this.#logger.warn({ reason: error.message }, 'redis');
  }

  /** One counter a type, looked up beforehand: at 50,000 inputs a second labels would cost more than the input. */
  #inputCounters(): Record<InputType, { inc(): void }> {
    const counter = new Counter({
      name: 'depthcast_ingest_inputs_total',
      help: 'Inputs handed to the inbox',
      labelNames: ['venue', 'type'],
      registers: [this.#metrics],
    });
    const types = Object.keys(inputSchemas) as InputType[];
    const entries = types.map((type) => [type, counter.labels({ venue: this.#config.SOURCE, type })]);
    return Object.fromEntries(entries) as Record<InputType, { inc(): void }>;
  }

  #droppedCounter(): Counter<'venue'> {
    return new Counter({
      name: 'depthcast_ingest_dropped_total',
      help: 'Inputs dropped because the queue to the inbox was full; a resync follows',
      labelNames: ['venue'],
      registers: [this.#metrics],
    });
  }

  #queueGauge(producer: InboxProducer): void {
    new Gauge({
      name: 'depthcast_ingest_queue_inputs',
      help: 'Inputs waiting to be written to the inbox',
      registers: [this.#metrics],
      collect() {
        this.set(producer.queuedInputs);
      },
    });
  }
}
