import { checkRedis, connectRedis, type InboxProducer, partitionKeys, type RedisClient } from '@depthcast/log';
import { fatal, Liveness, Metrics, nowAndThen, OpsModule, Readiness } from '@depthcast/ops';
import { DepthcastError } from '@depthcast/protocol';
import {
  type BeforeApplicationShutdown,
  type DynamicModule,
  Inject,
  Injectable,
  Module,
  type OnApplicationBootstrap,
} from '@nestjs/common';
import { APP_FILTER, HttpAdapterHost } from '@nestjs/core';
import type { Logger } from 'pino';
import { authProviders } from './auth/auth.providers.ts';
import { AUTHENTICATOR, type Authenticator, SESSION_GUARD, type SessionGuard } from './auth/identity.ts';
import { TicketController } from './auth/ticket.controller.ts';
import { commandProviders, INBOXES } from './commands/commands.providers.ts';
import { OrderDesk } from './commands/order-desk.ts';
import { OrdersController } from './commands/orders.controller.ts';
import type { GatewayConfig } from './config.ts';
import type { Sink } from './fanout/session.ts';
import { registerGatewayMetrics } from './gateway-metrics.ts';
import { HistoryController } from './history/history.controller.ts';
import { CAUGHT_UP, makePartitions } from './partitions/make-partitions.ts';
import { Partitions } from './partitions/partitions.ts';
import { ReplayDesk } from './replay/replay-desk.ts';
import { type LogSource, RedisLogSource } from './tail/log-source.ts';
import { Pulse } from './tail/pulse.ts';
import { AddressLimit } from './transports/address-limit.ts';
import { ErrorFilter } from './transports/error-answer.ts';
import { CONFIG, InfoController } from './transports/info.controller.ts';
import { SessionDesk } from './transports/session-desk.ts';
import { SocketIoServer } from './transports/socketio/socket-io-server.ts';
import { SseController } from './transports/sse.controller.ts';
import { SseEndpoints } from './transports/sse-endpoints.ts';

const LOGGER = Symbol('logger');
const REDIS = Symbol('redis');
/** The logs, one a partition. */
const SOURCES = Symbol('sources');
const CONNECTION_LOG_MS = 5_000;
/** What a shutdown gives to orders that are being sent. */
const ORDERS_CLOSE_MS = 2_000;

/** The gateway's life within the app's: starts it, watches it, and says goodbye to its clients before the end. */
@Injectable()
class GatewayService implements OnApplicationBootstrap, BeforeApplicationShutdown {
  readonly #pulse: Pulse;
  readonly #stopping = new AbortController();

  constructor(
    private readonly partitions: Partitions,
    private readonly desk: SessionDesk,
    private readonly socketIo: SocketIoServer,
    replays: ReplayDesk,
    private readonly adapterHost: HttpAdapterHost,
    private readonly orders: OrderDesk,
    @Inject(INBOXES) private readonly inboxes: readonly InboxProducer[],
    private readonly readiness: Readiness,
    metrics: Metrics,
    @Inject(CONFIG) private readonly config: GatewayConfig,
    @Inject(LOGGER) private readonly logger: Logger,
    @Inject(REDIS) private readonly client: RedisClient,
    @Inject(SOURCES) private readonly sources: readonly RedisLogSource[],
  ) {
    registerGatewayMetrics(metrics, { partitions, desk, socketIo, replays, orders, sources });
    for (const { lags } of partitions.all) {
      lags.onTooSlow = (session, lag) => this.#dismissSlow(session.sink, lag);
    }
    this.#pulse = new Pulse(partitions, { keepAliveMs: config.KEEPALIVE_MS, heartbeatMs: config.HEARTBEAT_MS });
  }

  onApplicationBootstrap(): void {
    this.socketIo.attach(this.adapterHost.httpAdapter.getHttpServer());
    this.#pulse.start();
    const { signal } = this.#stopping;
    checkRedis(this.client, { signal, partitions: this.config.PARTITIONS }).then(
      () => signal.aborted || this.partitions.start(),
      (error) => {
        if (!signal.aborted) fatal(this.logger, error);
      },
    );
  }

  #dismissSlow(sink: Sink, lag: number): void {
    const max = this.config.SESSION_LAG_MAX;
    this.logger.info({ lag, sessionLagMax: max }, 'a client is too slow, and has to come back');
    const message = `fell back by more than ${max} events, ${lag} behind: resume with the last id`;
    this.desk.dismissSlow(sink, new DepthcastError('SESSION_TOO_SLOW', message));
  }

  async beforeApplicationShutdown(): Promise<void> {
    this.readiness.set('serving', false, 'draining');
    this.#stopping.abort();
    // The log goes on meanwhile: who waits for an answer may still get it.
    await Promise.all([this.desk.drain(), this.orders.close(ORDERS_CLOSE_MS)]);
    await Promise.all(this.inboxes.map((inbox) => inbox.close(ORDERS_CLOSE_MS)));
    this.socketIo.stop();
    this.#pulse.stop();
    await this.partitions.stop();
    for (const source of this.sources) source.close();
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
      controllers: [SseController, TicketController, OrdersController, HistoryController, InfoController],
      providers: [
        GatewayService,
        { provide: CONFIG, useValue: config },
        { provide: LOGGER, useValue: logger },
        { provide: APP_FILTER, useClass: ErrorFilter },
        { provide: AddressLimit, useFactory: () => new AddressLimit(config.SESSIONS_PER_IP_MAX) },
        ...authProviders(config, logger, REDIS),
        { provide: REDIS, useFactory: () => connect(config, logger) },
        {
          provide: SOURCES,
          inject: [REDIS],
          useFactory: (client: RedisClient) =>
            Array.from({ length: config.PARTITIONS }, (_, i) => new RedisLogSource(client, partitionKeys(i))),
        },
        {
          provide: Partitions,
          inject: [SOURCES, Readiness, Liveness],
          useFactory: (sources: readonly LogSource[], readiness: Readiness, liveness: Liveness) =>
            makePartitions(sources, { config, logger, readiness, liveness }),
        },
        ...commandProviders(config, logger, { redis: REDIS, sources: SOURCES }),
        {
          provide: SessionDesk,
          inject: [Partitions, AddressLimit],
          useFactory: (partitions: Partitions, addresses: AddressLimit) =>
            new SessionDesk({
              sessionsMax: config.SESSIONS_MAX,
              addresses,
              drainMs: config.DRAIN_MS,
              isStarted: () => partitions.hasStarted,
            }),
        },
        {
          provide: SocketIoServer,
          inject: [Partitions, SessionDesk, AUTHENTICATOR, SESSION_GUARD],
          useFactory: (
            partitions: Partitions,
            desk: SessionDesk,
            authenticator: Authenticator,
            guard: SessionGuard,
          ) => {
            const onError = (error: unknown) =>
              logger.error({ err: error }, 'a Socket.IO client could not be answered');
            return new SocketIoServer({ partitions, desk, config, authenticator, guard, onError });
          },
        },
        {
          provide: SseEndpoints,
          inject: [Partitions, SessionDesk, AUTHENTICATOR, SESSION_GUARD, ReplayDesk],
          useFactory: (
            partitions: Partitions,
            desk: SessionDesk,
            authenticator: Authenticator,
            guard: SessionGuard,
            replays: ReplayDesk,
          ) => new SseEndpoints(partitions, desk, config, authenticator, guard, replays),
        },
        {
          provide: ReplayDesk,
          inject: [Partitions],
          useFactory: (partitions: Partitions) =>
            new ReplayDesk({
              partitions,
              replaysMax: config.REPLAYS_MAX,
              onWarn: (message, error) => logger.warn({ err: error }, message),
            }),
        },
      ],
    };
  }
}

function connect(config: GatewayConfig, logger: Logger): RedisClient {
  return connectRedis(config.REDIS_URL, {
    name: 'depthcast-gateway',
    onError: nowAndThen(CONNECTION_LOG_MS, (error: Error) =>
      logger.warn({ err: error }, 'redis is away: trying again'),
    ),
  });
}
