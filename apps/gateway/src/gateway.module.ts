import { checkRedis, connectRedis, partitionKeys, type RedisClient } from '@depthcast/log';
import { fatal, Liveness, Metrics, OpsModule, Readiness } from '@depthcast/ops';
import {
  type BeforeApplicationShutdown,
  type DynamicModule,
  Inject,
  Injectable,
  Module,
  type OnApplicationBootstrap,
} from '@nestjs/common';
import type { Logger } from 'pino';
import type { GatewayConfig } from './config.ts';
import { Gateway } from './gateway.ts';
import { registerGatewayMetrics } from './gateway-metrics.ts';
import { type LogSource, RedisLogSource } from './tail/log-source.ts';
import { Pulse } from './tail/pulse.ts';
import { TailHealth } from './tail/tail-health.ts';
import { CONFIG, InfoController } from './transports/info.controller.ts';
import { SessionDesk } from './transports/session-desk.ts';
import { SseController } from './transports/sse.controller.ts';
import { SseEndpoints } from './transports/sse-endpoints.ts';

const LOGGER = Symbol('logger');
const REDIS = Symbol('redis');
const SOURCE = Symbol('source');
const CAUGHT_UP = 'caught_up';
const TAIL = 'tail';
const CONNECTION_LOG_MS = 5_000;

/** The gateway's life within the app's: starts it, watches it, and says goodbye to its clients before the end. */
@Injectable()
class GatewayService implements OnApplicationBootstrap, BeforeApplicationShutdown {
  readonly #pulse: Pulse;

  constructor(
    private readonly gateway: Gateway,
    private readonly desk: SessionDesk,
    private readonly readiness: Readiness,
    metrics: Metrics,
    @Inject(CONFIG) config: GatewayConfig,
    @Inject(LOGGER) private readonly logger: Logger,
    @Inject(REDIS) private readonly client: RedisClient,
    @Inject(SOURCE) source: LogSource,
  ) {
    registerGatewayMetrics(metrics, gateway, desk, source);
    this.#pulse = new Pulse(gateway, { keepAliveMs: config.KEEPALIVE_MS, heartbeatMs: config.HEARTBEAT_MS });
  }

  onApplicationBootstrap(): void {
    this.#pulse.start();
    checkRedis(this.client).then(
      () => this.gateway.start(),
      (error) => {
        if (this.client.status !== 'end') fatal(this.logger, error);
      },
    );
  }

  async beforeApplicationShutdown(): Promise<void> {
    this.readiness.set('serving', false, 'draining');
    await this.desk.drain();
    this.#pulse.stop();
    await this.gateway.stop();
    this.client.disconnect();
  }
}

/** Wires the core to Redis, Nest and the process. */
@Module({})
// biome-ignore lint/complexity/noStaticOnlyClass: Nest modules are classes.
export class GatewayModule {
  static forRoot(config: GatewayConfig, logger: Logger): DynamicModule {
    return {
      module: GatewayModule,
      imports: [OpsModule.forRoot({ name: 'gateway', readyWhen: [CAUGHT_UP] })],
      controllers: [SseController, InfoController],
      providers: [
        GatewayService,
        { provide: CONFIG, useValue: config },
        { provide: LOGGER, useValue: logger },
        { provide: REDIS, useFactory: () => connect(config, logger) },
        {
          provide: SOURCE,
          inject: [REDIS],
          useFactory: (client: RedisClient) => new RedisLogSource(client, partitionKeys()),
        },
        {
          provide: Gateway,
          inject: [SOURCE, Readiness, Liveness],
          useFactory: (source: LogSource, readiness: Readiness, liveness: Liveness) =>
            makeGateway(source, config, logger, readiness, liveness),
        },
        {
          provide: SessionDesk,
          inject: [Gateway],
          useFactory: (gateway: Gateway) =>
            new SessionDesk({
              sessionsMax: config.SESSIONS_MAX,
              isStarted: () => gateway.hasStarted,
            }),
        },
        {
          provide: SseEndpoints,
          inject: [Gateway, SessionDesk],
          useFactory: (gateway: Gateway, desk: SessionDesk) => new SseEndpoints(gateway, desk, config),
        },
      ],
    };
  }
}

function makeGateway(
  source: LogSource,
  config: GatewayConfig,
  logger: Logger,
  readiness: Readiness,
  liveness: Liveness,
): Gateway {
  const health = new TailHealth((ok) => liveness.set(TAIL, ok, 'the log moves, but nothing arrives'));
  return new Gateway({
    source,
    flushMs: config.FLUSH_MS,
    clockStaleMs: config.CLOCK_STALE_MS,
    window: { bytesMax: config.WINDOW_BYTES },
    onWarn: (message, error) => logger.warn(error ? { err: error } : {}, message),
    // Readiness is not taken back when the tail begins anew: any answer but 200 would end browsers' streams for good.
    onStarted: () => readiness.set(CAUGHT_UP, true),
    onState: (state) => {
      logger.info({ state }, 'tail');
      health.onState(state);
    },
  });
}

function connect(config: GatewayConfig, logger: Logger): RedisClient {
  let loggedMs = 0;
  return connectRedis(config.REDIS_URL, {
    name: 'depthcast-gateway',
    onError: (error) => {
      if (Date.now() - loggedMs < CONNECTION_LOG_MS) return;
      loggedMs = Date.now();
      logger.warn({ err: error }, 'redis is away: trying again');
    },
  });
}
