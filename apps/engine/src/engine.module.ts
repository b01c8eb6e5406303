import { randomUUID } from 'node:crypto';
import { checkRedis, connectRedis, partitionKeys, type RedisClient } from '@depthcast/log';
import { fatal, Metrics, OpsModule, Readiness } from '@depthcast/ops';
import { formatCursor } from '@depthcast/protocol';
import {
  type DynamicModule,
  Inject,
  Injectable,
  Module,
  type OnApplicationBootstrap,
  type OnApplicationShutdown,
} from '@nestjs/common';
import type { Logger } from 'pino';
import type { EngineConfig } from './config.ts';
import { EngineLoop } from './engine-loop.ts';
import { EngineMetrics } from './engine-metrics.ts';

const CONFIG = Symbol('config');
const LOGGER = Symbol('logger');
const DOUBT_LOG_MS = 5_000;

@Injectable()
class EngineService implements OnApplicationBootstrap, OnApplicationShutdown {
  readonly #stop = new AbortController();
  readonly #client: RedisClient;
  #running: Promise<void> = Promise.resolve();
  #doubtLoggedAt = 0;

  constructor(
    @Inject(CONFIG) private readonly config: EngineConfig,
    @Inject(LOGGER) private readonly logger: Logger,
    private readonly readiness: Readiness,
    private readonly metrics: EngineMetrics,
  ) {
    this.#client = connectRedis(config.REDIS_URL, {
      name: 'depthcast-engine',
      onError: (error) => this.#doubt('connection', error),
    });
  }

  onApplicationBootstrap(): void {
    this.#running = this.#run().catch((error) => {
      if (!this.#stop.signal.aborted) fatal(this.logger, error);
      this.logger.warn({ err: error }, 'stopped without a last snapshot');
    });
  }

  async onApplicationShutdown(): Promise<void> {
    this.#stop.abort();
    await this.#running;
    this.#client.disconnect();
  }

  async #run(): Promise<void> {
    await checkRedis(this.#client, { signal: this.#stop.signal });
    const loop = new EngineLoop({
      client: this.#client,
      keys: partitionKeys(),
      writer: randomUUID(),
      logBytesMax: this.config.LOG_BYTES_MAX,
      snapshotEveryMs: this.config.SNAPSHOT_EVERY_MS,
      snapshotEveryEvents: this.config.SNAPSHOT_EVERY_EVENTS,
      market: this.config.market,
      observer: {
        standby: (holder) => this.logger.info({ holder }, 'standing by: another engine appends'),
        recovered: (recovered, cursor) => {
          const { market, ...facts } = recovered;
          this.logger.info(
            {
              ...facts,
              symbols: market.books().length,
              cursor: formatCursor(cursor),
              logicVersion: market.logicVersion,
            },
            'recovered',
          );
          this.readiness.set('recovered', true);
        },
        applied: (inputs, events, rejected) => this.metrics.applied(inputs, events, rejected),
        anomaly: (payload) => this.logger.warn({ anomaly: payload }, 'anomaly'),
        appended: (cursor) => this.metrics.appended(cursor),
        snapshotted: (cursor, bytes, ms) => {
          this.metrics.snapshotted(ms);
          this.logger.debug({ cursor: formatCursor(cursor), bytes, ms }, 'snapshot stored');
        },
        trimmed: (entries) => this.logger.debug({ entries }, 'log trimmed'),
        doubt: (what, error) => this.#doubt(what, error),
      },
    });
    await loop.run(this.#stop.signal);
  }

  /** Redis away gives many of these; one line in a while tells as much. */
  #doubt(what: string, error: Error): void {
    this.metrics.doubted();
    const now = Date.now();
    if (now - this.#doubtLoggedAt < DOUBT_LOG_MS) return;
    this.#doubtLoggedAt = now;
    this.logger.warn({ what, err: error.message }, 'Redis refuses or does not answer; retrying');
  }
}

@Module({})
// biome-ignore lint/complexity/noStaticOnlyClass: Nest modules are classes.
export class EngineModule {
  static forRoot(config: EngineConfig, logger: Logger): DynamicModule {
    return {
      module: EngineModule,
      imports: [OpsModule.forRoot({ name: 'engine', readyWhen: ['recovered'] })],
      providers: [
        { provide: CONFIG, useValue: config },
        { provide: LOGGER, useValue: logger },
        { provide: EngineMetrics, useFactory: (registry: Metrics) => new EngineMetrics(registry), inject: [Metrics] },
        EngineService,
      ],
    };
  }
}
