import { checkRedis, connectRedis, InboxProducer, partitionKeys, type RedisClient } from '@depthcast/log';
import { fatal, Liveness, Metrics, OpsModule, Readiness } from '@depthcast/ops';
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
import { AccountDesk } from './commands/account-desk.ts';
import { OrderIntake } from './commands/order-intake.ts';
import { OrdersController } from './commands/orders.controller.ts';
import type { GatewayConfig } from './config.ts';
import { Gateway } from './gateway.ts';
import { registerGatewayMetrics } from './gateway-metrics.ts';
import { HistoryController } from './history/history.controller.ts';
import { ReplayDesk } from './replay/replay-desk.ts';
import { HttpJournalSource } from './resume/journal-source.ts';
import { type LogSource, RedisLogSource } from './tail/log-source.ts';
import { Pulse } from './tail/pulse.ts';
import { TailHealth } from './tail/tail-health.ts';
import { AddressLimit } from './transports/address-limit.ts';
import { ErrorFilter } from './transports/error-answer.ts';
import { CONFIG, InfoController } from './transports/info.controller.ts';
import { SessionDesk } from './transports/session-desk.ts';
import { SocketIoServer } from './transports/socketio/socket-io-server.ts';
import { SseController } from './transports/sse.controller.ts';
import { SseEndpoints } from './transports/sse-endpoints.ts';

const LOGGER = Symbol('logger');
const REDIS = Symbol('redis');
const SOURCE = Symbol('source');
const CAUGHT_UP = 'caught_up';
const TAIL = 'tail';
const CONNECTION_LOG_MS = 5_000;
/** What a shutdown gives to orders that are being sent. */
const ORDERS_CLOSE_MS = 2_000;

/** The gateway's life within the app's: starts it, watches it, and says goodbye to its clients before the end. */
@Injectable()
class GatewayService implements OnApplicationBootstrap, BeforeApplicationShutdown {
  readonly #pulse: Pulse;
  readonly #stopping = new AbortController();

  constructor(
    private readonly gateway: Gateway,
    private readonly desk: SessionDesk,
    private readonly socketIo: SocketIoServer,
    replays: ReplayDesk,
    private readonly adapterHost: HttpAdapterHost,
    private readonly intake: OrderIntake,
    private readonly inbox: InboxProducer,
    private readonly readiness: Readiness,
    metrics: Metrics,
    @Inject(CONFIG) config: GatewayConfig,
    @Inject(LOGGER) private readonly logger: Logger,
    @Inject(REDIS) private readonly client: RedisClient,
    @Inject(SOURCE) private readonly source: RedisLogSource,
  ) {
    registerGatewayMetrics(metrics, { gateway, desk, socketIo, replays, intake, source });
    this.#pulse = new Pulse(gateway, { keepAliveMs: config.KEEPALIVE_MS, heartbeatMs: config.HEARTBEAT_MS });
  }

  onApplicationBootstrap(): void {
    this.socketIo.attach(this.adapterHost.httpAdapter.getHttpServer());
    this.#pulse.start();
    const { signal } = this.#stopping;
    checkRedis(this.client, { signal }).then(
      () => signal.aborted || this.gateway.start(),
      (error) => {
        if (!signal.aborted) fatal(this.logger, error);
      },
    );
  }

  async beforeApplicationShutdown(): Promise<void> {
    this.readiness.set('serving', false, 'draining');
    this.#stopping.abort();
    // The log goes on meanwhile: who waits for an answer may still get it.
    await Promise.all([this.desk.drain(), this.intake.close(ORDERS_CLOSE_MS)]);
    await this.inbox.close(ORDERS_CLOSE_MS);
    this.socketIo.stop();
    this.#pulse.stop();
    await this.gateway.stop();
    this.source.close();
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
          inject: [Gateway, AddressLimit],
          useFactory: (gateway: Gateway, addresses: AddressLimit) =>
            new SessionDesk({
              sessionsMax: config.SESSIONS_MAX,
              addresses,
              isStarted: () => gateway.hasStarted,
            }),
        },
        {
          provide: SocketIoServer,
          inject: [Gateway, SessionDesk, AUTHENTICATOR, SESSION_GUARD],
          useFactory: (gateway: Gateway, desk: SessionDesk, authenticator: Authenticator, guard: SessionGuard) => {
            const onError = (error: unknown) =>
              logger.error({ err: error }, 'a Socket.IO client could not be answered');
            return new SocketIoServer({ gateway, desk, config, authenticator, guard, onError });
          },
        },
        {
          provide: InboxProducer,
          inject: [REDIS],
          useFactory: (client: RedisClient) => makeInbox(client, config, logger),
        },
        {
          provide: OrderIntake,
          inject: [Gateway, InboxProducer],
          useFactory: (gateway: Gateway, inbox: InboxProducer) => makeIntake(gateway, inbox, config),
        },
        {
          provide: AccountDesk,
          inject: [Gateway, SOURCE],
          useFactory: (gateway: Gateway, source: LogSource) =>
            new AccountDesk({
              accounts: gateway.accounts,
              state: gateway.state,
              stored: () => source.accounts(),
              isCaughtUp: () => gateway.isCaughtUp,
            }),
        },
        {
          provide: SseEndpoints,
          inject: [Gateway, SessionDesk, AUTHENTICATOR, SESSION_GUARD, ReplayDesk],
          useFactory: (
            gateway: Gateway,
            desk: SessionDesk,
            authenticator: Authenticator,
            guard: SessionGuard,
            replays: ReplayDesk,
          ) => new SseEndpoints(gateway, desk, config, authenticator, guard, replays),
        },
        {
          provide: ReplayDesk,
          inject: [Gateway],
          useFactory: (gateway: Gateway) =>
            new ReplayDesk({
              gateway,
              replaysMax: config.REPLAYS_MAX,
              onWarn: (message, error) => logger.warn({ err: error }, message),
            }),
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
  const health = new TailHealth((ok) => liveness.set(TAIL, ok, ok ? undefined : 'the log moves, but nothing arrives'));
  return new Gateway({
    source,
    flushMs: config.FLUSH_MS,
    clockStaleMs: config.CLOCK_STALE_MS,
    window: { bytesMax: config.WINDOW_BYTES },
    journal:
      config.JOURNAL_HTTP_URL === undefined
        ? undefined
        : new HttpJournalSource(config.JOURNAL_HTTP_URL, config.JOURNAL_TOKEN),
    resumeBytesPerSecondMax: config.RESUME_BYTES_PER_SECOND_MAX,
    onWarn: (message, error) => logger.warn(error ? { err: error } : {}, message),
    // Readiness is not taken back when the tail begins anew: any answer but 200 would end browsers' streams for good.
    onStarted: () => readiness.set(CAUGHT_UP, true),
    onState: (state) => {
      logger.info({ state }, 'tail');
      health.onState(state);
    },
  });
}

function makeInbox(client: RedisClient, config: GatewayConfig, logger: Logger): InboxProducer {
  return new InboxProducer({
    client,
    keys: partitionKeys(),
    queueInputsMax: config.ORDERS_PENDING_MAX,
    onError: (error) => logger.warn({ err: error }, 'an order could not be sent: trying again'),
  });
}

function makeIntake(gateway: Gateway, inbox: InboxProducer, config: GatewayConfig): OrderIntake {
  const { accounts, acks, state, clock } = gateway;
  return new OrderIntake({
    inbox,
    sendMs: config.ORDER_SEND_MS,
    accounts,
    acks,
    state,
    isStarted: () => gateway.hasStarted,
    isStale: () => gateway.watch.isStale,
    eventUs: () => clock.nowUs,
    nowMs: Date.now,
    pendingMax: config.ORDERS_PENDING_MAX,
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
