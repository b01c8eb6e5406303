import type { Server as HttpServer, IncomingMessage } from 'node:http';
import { DepthcastError } from '@depthcast/protocol';
import proxyAddr from '@fastify/proxy-addr';
import { Server, type Socket } from 'socket.io';
import type { Authenticator, Identity, SessionGuard } from '../../auth/identity.ts';
import type { GatewayConfig } from '../../config.ts';
import { controlFrame } from '../../fanout/format.ts';
import { packetsOf } from '../../fanout/packets.ts';
import type { Partitions } from '../../partitions/partitions.ts';
import { isAllowedOrigin } from '../cors.ts';
import { errorAnswer } from '../error-answer.ts';
import type { Guest, SessionDesk } from '../session-desk.ts';
import { type EngineConnection, EngineSink } from './engine-sink.ts';
import { EventBudget } from './event-budget.ts';
import { InitialData } from './initial-data.ts';
import { answerOf, type Handshake, MESSAGE_BYTES_MAX, parseHandshake } from './messages.ts';
import { type EventStats, SocketEvents } from './socket-events.ts';
import { SocketSession } from './socket-session.ts';

export interface SocketIoOptions {
  readonly partitions: Partitions;
  readonly desk: SessionDesk;
  readonly config: GatewayConfig;
  readonly authenticator: Authenticator;
  readonly guard: SessionGuard;
  /** Something of ours went wrong while a client was answered. */
  readonly onError: (error: unknown) => void;
}

export interface SocketIoStats extends EventStats {
  /** Messages that were longer than is taken. */
  tooLong: number;
}

/** What is known of a connection before and besides its Socket.IO. */
interface Connected {
  readonly sink: EngineSink;
  readonly guest: Guest;
}

/** What a client has said and shown for itself, once it has been let in. */
interface Admitted {
  readonly handshake: Handshake;
  readonly identity: Identity;
}

const PATH = '/socket.io/';
/** A connection that does not say what it is for is closed. */
const CONNECT_MS_MAX = 10_000;
/** Signs of life: nginx and load balancers cut what is silent for 60 s. */
const PING_INTERVAL_MS = 25_000;
const PING_TIMEOUT_MS = 20_000;
/** Events that are refused without a rest in between, before the client is. */
const REFUSALS_MAX = 50;
/** Packets that are no events for each that is one: answers to pings, parts of binary events. */
const PACKETS_PER_EVENT = 4;

/**
 * Socket.IO (BBO seed) on the app's own HTTP server: default namespace, WebSocket or polling. It does the talking, and
 * hands what is sent much, the log and the views, to the fan-out, past its own queues.
 */
export class SocketIoServer {
  readonly stats: SocketIoStats = { events: 0, refused: 0, unknown: 0, tooLong: 0 };
  readonly #options: SocketIoOptions;
  readonly #initialData: InitialData;
  readonly #connections = new Map<EngineConnection, Connected>();
  readonly #admitted = new WeakMap<Socket, Admitted>();
  readonly #trust: (address: string, hop: number) => boolean;
  #io: Server | undefined;

  constructor(options: SocketIoOptions) {
    this.#options = options;
    this.#initialData = new InitialData(options.partitions);
    this.#trust = proxyAddr.compile([...(options.config.TRUST_PROXY ?? [])]);
  }

  /** Open connections, by transport. */
  get connections(): ReadonlyMap<string, number> {
    const counts = new Map<string, number>();
    for (const { transport } of this.#connections.keys()) {
      counts.set(transport.name, (counts.get(transport.name) ?? 0) + 1);
    }
    return counts;
  }

  /** Call it before the server listens. */
  attach(server: HttpServer): void {
    const { CORS_ORIGIN } = this.#options.config;
    const io = new Server(server, {
      path: PATH,
      serveClient: false,
      transports: ['websocket', 'polling'],
      maxHttpBufferSize: MESSAGE_BYTES_MAX,
      httpCompression: false,
      perMessageDeflate: false,
      connectTimeout: CONNECT_MS_MAX,
      pingInterval: PING_INTERVAL_MS,
      pingTimeout: PING_TIMEOUT_MS,
      cors: { origin: CORS_ORIGIN.includes('*') ? '*' : [...CORS_ORIGIN] },
      allowRequest: (request, answer) => this.#allow(request, answer),
    });
    this.#io = io;
    io.engine.on('connection', (connection: EngineConnection) => this.#onConnection(connection));
    io.use(
      (socket, next) =>
        void this.#admit(socket).then(
          () => next(),
          (error) => next(this.#refusal(error)),
        ),
    );
    io.on('connection', (socket) => this.#onSocket(socket));
  }

  /** Cuts whoever is still there; the app's server cannot close before. */
  stop(): void {
    for (const { sink } of this.#connections.values()) sink.destroy();
    this.#io?.engine.close();
  }

  /** An answer other than 200 is what clients try again after, ever more slowly. */
  #allow(request: IncomingMessage, answer: (error: string | null | undefined, isAllowed: boolean) => void): void {
    const { desk, config } = this.#options;
    if (!isAllowedOrigin(config.CORS_ORIGIN, request.headers)) {
      answer('ORIGIN_FORBIDDEN: this origin may not read here: takes those that CORS_ORIGIN names', false);
      return;
    }
    const refusal = desk.refuses(this.#addressOf(request));
    answer(refusal && `${refusal.code}: ${refusal.message}`, refusal === undefined);
  }

  #onConnection(connection: EngineConnection): void {
    const { desk, config } = this.#options;
    const sink = new EngineSink(connection);
    const guest = guestOf(connection, sink);
    this.#connections.set(connection, { sink, guest });
    connection.on('close', () => this.#connections.delete(connection));
    desk.enter(guest, this.#addressOf(connection.request), () => connection.emit('leave'));
    const tellTooLong = () => {
      this.stats.tooLong++;
      const error = new DepthcastError('BODY_TOO_LARGE', `a message has more than ${MESSAGE_BYTES_MAX} bytes`);
      sink.write(packetsOf(controlFrame('error', JSON.stringify(errorAnswer(error)))));
    };
    sink.onTooLong(tellTooLong);
    connection.on('upgrade', () => sink.onTooLong(tellTooLong));
    const eventsPerSecond = config.SOCKET_EVENTS_PER_SECOND_MAX * PACKETS_PER_EVENT;
    const packets = new EventBudget({ eventsPerSecond, refusalsMax: 0 }, Date.now);
    connection.on('packet', () => {
      if (!packets.take()) connection.close(true);
    });
  }

  /** @throws DepthcastError for who is not let in. */
  async #admit(socket: Socket): Promise<void> {
    const handshake = parseHandshake(socket.handshake.auth);
    const identity = await this.#options.authenticator.authenticate({ token: handshake.token });
    // It may subscribe to any of them at any time.
    const release = await this.#options.partitions.use(undefined);
    if (socket.conn.readyState === 'open') socket.conn.once('close', release);
    else release();
    this.#admitted.set(socket, { handshake, identity });
  }

  #refusal(error: unknown): Error {
    const refusal = new Error('refused') as Error & { data?: object };
    try {
      refusal.data = answerOf(error);
      refusal.message = (error as Error).message;
    } catch {
      this.#options.onError(error);
    }
    return refusal;
  }

  #onSocket(socket: Socket): void {
    const { partitions, desk, config, guard, onError } = this.#options;
    const connected = this.#connections.get(socket.conn);
    const admitted = this.#admitted.get(socket);
    if (!connected || !admitted) return;
    const { sink, guest } = connected;
    const { handshake, identity } = admitted;
    const session = new SocketSession({
      partitions,
      sink,
      chain: handshake.chain,
      budget: partitions.rates.open(handshake.maxRate, socket.id),
      resume: handshake.resume,
      streamsMax: config.STREAMS_MAX,
      intervalMsDefault: config.INTERVAL_MS,
    });
    const unwatch = guard.watch(identity, (error) => desk.dismiss(guest, error));
    const leave = () => {
      unwatch();
      session.close();
    };
    socket.conn.once('leave', leave);
    socket.on('disconnect', () => {
      leave();
      // Whoever leaves the one namespace there is has nothing more to do here.
      socket.conn.close();
    });
    const budget = new EventBudget(
      { eventsPerSecond: config.SOCKET_EVENTS_PER_SECOND_MAX, refusalsMax: REFUSALS_MAX },
      Date.now,
    );
    const { stats } = this;
    new SocketEvents({ socket, session, sink, budget, initialData: this.#initialData, stats, onError }).begin(
      handshake,
    );
  }

  #addressOf(request: IncomingMessage): string {
    return proxyAddr(request, this.#trust);
  }
}

function guestOf(connection: EngineConnection, sink: EngineSink): Guest {
  return {
    socket: sink,
    onClose: (closed) => {
      if (connection.readyState === 'closed') closed();
      else connection.once('close', closed);
    },
    end: (text) => {
      sink.write(packetsOf(text));
      connection.close();
    },
  };
}
