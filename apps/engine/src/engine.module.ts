import { randomUUID } from 'node:crypto';
import { checkRedis, connectRedis, partitionKeys, type RedisClient } from '@depthcast/log';
import { fatal, Metrics, OpsModule, Readiness } from '@depthcast/ops';
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
import { EngineReport } from './engine-report.ts';

const CONFIG = Symbol('config');
const LOGGER = Symbol('logger');

/** The readiness condition of one of this process's partitions; the name of one alone says no number. */
function recoveredOf({ PARTITIONS }: EngineConfig, partition: number): string {
  return PARTITIONS === 1 ? 'recovered' : `recovered-${partition}`;
}

/** The engines of this process's partitions. They share nothing but the process and its connection. */
@Injectable()
class EngineService implements OnApplicationBootstrap, OnApplicationShutdown {
  readonly #stop = new AbortController();
  readonly #client: RedisClient;
  /** One a partition. */
  readonly #reports: ReadonlyMap<number, EngineReport>;
  #running: Promise<void> = Promise.resolve();

  constructor(
    @Inject(CONFIG) private readonly config: EngineConfig,
    @Inject(LOGGER) private readonly logger: Logger,
    readiness: Readiness,
    metrics: EngineMetrics,
  ) {
    const report = (partition: number) =>
      new EngineReport(logger.child({ partition }), metrics.of(partition), (how) =>
        readiness.set(recoveredOf(config, partition), true, how),
      );
    this.#reports = new Map(config.PARTITION.map((partition) => [partition, report(partition)]));
    this.#client = connectRedis(config.REDIS_URL, {
      name: 'depthcast-engine',
      // The connection is everybody's: one of them says so.
      onError: (error) => [...this.#reports.values()][0]?.doubt('connection', error),
    });
  }

  onApplicationBootstrap(): void {
    this.#running = this.#run().catch((error) => this.#onEnd(this.logger, error));
  }

  async onApplicationShutdown(): Promise<void> {
    this.#stop.abort();
    await this.#running;
    this.#client.disconnect();
  }

  async #run(): Promise<void> {
    const { config } = this;
    await checkRedis(this.#client, { partitions: config.PARTITIONS, signal: this.#stop.signal });
    const writer = randomUUID();
    // Each for itself: one that stands by ends at once, while another has yet to store its last snapshot.
    const runs = [...this.#reports].map(([partition, report]) =>
      this.#loop(partition, writer, report)
        .run(this.#stop.signal)
        .catch((error) => this.#onEnd(this.logger.child({ partition }), error)),
    );
    await Promise.all(runs);
  }

  #loop(partition: number, writer: string, report: EngineReport): EngineLoop {
    const { config } = this;
    return new EngineLoop({
      client: this.#client,
      keys: partitionKeys(partition),
      writer,
      logBytesMax: config.LOG_BYTES_MAX,
      snapshotEveryMs: config.SNAPSHOT_EVERY_MS,
      snapshotEveryEvents: config.SNAPSHOT_EVERY_EVENTS,
      market: config.market,
      observer: report.observer(),
    });
  }

  /** Without one of its partitions this process is not what it was started for: it ends, and is started afresh. */
  #onEnd(logger: Logger, error: unknown): void {
    if (!this.#stop.signal.aborted) fatal(logger, error);
    logger.warn({ err: error }, 'stopped without a last snapshot');
  }
}

@Module({})
// biome-ignore lint/complexity/noStaticOnlyClass: Nest modules are classes.
export class EngineModule {
  static forRoot(config: EngineConfig, logger: Logger): DynamicModule {
    const readyWhen = config.PARTITION.map((partition) => recoveredOf(config, partition));
    return {
      module: EngineModule,
      imports: [OpsModule.forRoot({ name: 'engine', readyWhen })],
      providers: [
        { provide: CONFIG, useValue: config },
        { provide: LOGGER, useValue: logger },
        { provide: EngineMetrics, useFactory: (registry: Metrics) => new EngineMetrics(registry), inject: [Metrics] },
        EngineService,
      ],
    };
  }
}
