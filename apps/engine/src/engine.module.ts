import { randomUUID } from 'node:crypto';
import { checkRedis, connectRedis, type Lag, partitionKeys, type RedisClient } from '@depthcast/log';
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
import { EngineLoop, type EngineObserver } from './engine-loop.ts';
import { EngineMetrics } from './engine-metrics.ts';

const CONFIG = Symbol('config');
const LOGGER = Symbol('logger');
const DOUBT_LOG_MS = 5_000;
const LAG_LOG_MS = 10_000;
/** The journal itself warns sooner, while it lives. */
const JOURNAL_LATE_SECONDS = 10;

@Injectable()
class EngineService implements OnApplicationBootstrap, OnApplicationShutdown {
  readonly #stop = new AbortController();
  readonly #client: RedisClient;
  #running: Promise<void> = Promise.resolve();
  #doubtLoggedAt = 0;
  #lagLoggedAt = 0;

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
    const { config } = this;
    const loop = new EngineLoop({
      client: this.#client,
      keys: partitionKeys(),
      writer: randomUUID(),
      logBytesMax: config.LOG_BYTES_MAX,
      snapshotEveryMs: config.SNAPSHOT_EVERY_MS,
      snapshotEveryEvents: config.SNAPSHOT_EVERY_EVENTS,
      market: config.market,
      observer: { ...this.#observeWaiting(), ...this.#observeApplying() },
    });
    await loop.run(this.#stop.signal);
  }

  /** Until it appends. */
  #observeWaiting(): EngineObserver {
    const { logger, readiness, metrics } = this;
    return {
      standby: (holder) => logger.info({ holder }, 'standing by: another engine appends'),
      standbyFollows: (compares) => {
        const how = compares ? 'compares its own events with the log' : 'another version writes the log';
        logger.info({ compares }, `standby: ${how}`);
        readiness.set('recovered', true, `standby, ${how}`);
      },
      standbyLags: (entries, comparedEvents) => metrics.standbyLags(entries, comparedEvents),
      standbyBeginsAgain: (why) => logger.warn({ why }, 'standby: begins again from the newest snapshot'),
      recovered: (recovered, cursor, ms) => {
        const { market, ...facts } = recovered;
        const symbols = market.books().length;
        const at = formatCursor(cursor);
        const tookMs = Math.round(ms);
        logger.info({ ...facts, symbols, cursor: at, logicVersion: market.logicVersion, tookMs }, 'recovered');
        readiness.set('recovered', true, 'appends');
        metrics.recovered(cursor);
      },
    };
  }

  #observeApplying(): EngineObserver {
    const { logger, metrics } = this;
    return {
      applied: (inputs, events, rejected) => metrics.applied(inputs, events, rejected),
      anomaly: (payload) => logger.warn({ anomaly: payload }, 'anomaly'),
      appended: (cursor) => metrics.appended(cursor),
      landed: (input) => metrics.landed(input, Date.now()),
      snapshotted: (cursor, bytes, ms) => {
        metrics.snapshotted(ms);
        logger.debug({ cursor: formatCursor(cursor), bytes, ms }, 'snapshot stored');
      },
      trimmed: (entries) => logger.debug({ entries }, 'log trimmed'),
      journalLags: (lag) => this.#journalLags(lag),
      repaired: ({ reappended, inboxId }) => {
        metrics.repaired(reappended);
        logger.warn({ reappended, inboxId }, 'Redis is another process; it was given again what it had lost');
      },
      doubt: (what, error) => this.#doubt(what, error),
    };
  }

  /** Nothing that it has not stored is trimmed: so this ends with orders refused and ingest pausing. */
  #journalLags(lag: Lag): void {
    this.metrics.journalLags(lag);
    const now = Date.now();
    if (lag.seconds < JOURNAL_LATE_SECONDS || now - this.#lagLoggedAt < LAG_LOG_MS) return;
    this.#lagLoggedAt = now;
    const { events, memorySecondsLeft } = lag;
    const left = Number.isFinite(memorySecondsLeft) ? Math.round(memorySecondsLeft) : null;
    const facts = { events, seconds: Math.round(lag.seconds), redisMemorySecondsLeft: left };
    this.logger.warn(facts, 'the journal is behind, or down: nothing that it has not stored is trimmed');
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
