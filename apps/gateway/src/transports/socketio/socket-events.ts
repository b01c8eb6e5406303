import { DepthcastError, quote } from '@depthcast/protocol';
import type { Socket } from 'socket.io';
import type { Sink } from '../../fanout/session.ts';
import type { EventBudget } from './event-budget.ts';
import type { InitialData } from './initial-data.ts';
import { answerOf, type Handshake, parseStreams, parseSubscribe, type SubscribeAnswer } from './messages.ts';
import type { SocketSession } from './socket-session.ts';

export interface EventStats {
  events: number;
  /** Beyond what a client may ask in a second. */
  refused: number;
  unknown: number;
}

export interface SocketEventsOptions {
  readonly socket: Socket;
  readonly session: SocketSession;
  readonly sink: Sink;
  readonly budget: EventBudget;
  readonly initialData: InitialData;
  readonly stats: EventStats;
  /** A defect of ours. */
  readonly onError: (error: unknown) => void;
}

type Acknowledge = (answer: unknown) => void;

const WELCOME = { message: 'Welcome to BBO Stream' };
/** Who asks and does not read the answers is let go: they would have to be kept. */
const UNREAD_BYTES_MAX = 4 << 20;
const KNOWN = ['ready', 'request_initial_data', 'ping', 'subscribe', 'unsubscribe'] as const;

/** What a client of Socket.IO may say, and what it is answered. Whatever it says otherwise is an `error` event. */
export class SocketEvents {
  readonly #options: SocketEventsOptions;
  /** By name: no name that a client makes up finds anything else. */
  readonly #answers: ReadonlyMap<unknown, (given: readonly unknown[]) => unknown>;

  constructor(options: SocketEventsOptions) {
    this.#options = options;
    const { session, sink, socket, initialData } = options;
    this.#answers = new Map<(typeof KNOWN)[number], (given: readonly unknown[]) => unknown>([
      ['ready', () => session.ready()],
      [
        'request_initial_data',
        () => {
          if (initialData.bytes.length > 0) sink.write(initialData.bytes);
        },
      ],
      [
        'ping',
        () => {
          const pong = { time: Date.now() };
          socket.emit('pong', pong);
          return pong;
        },
      ],
      ['subscribe', (given) => session.subscribe(parseSubscribe(given))],
      ['unsubscribe', (given) => session.unsubscribe(parseStreams(given))],
    ]);
  }

  /** Greets, takes what was said with the handshake, and listens. */
  begin({ streams, intervalMs, ready }: Handshake): void {
    const { socket, session } = this.#options;
    // Without a listener Socket.IO writes to the console; the connection ends by itself.
    socket.on('error', () => {});
    socket.emit('welcome', WELCOME);
    if (ready) session.ready();
    if (streams.length > 0) this.#tell(session.subscribe({ streams, intervalMs }));
    socket.onAny((event: unknown, ...given: unknown[]) => this.#onEvent(event, given));
  }

  #onEvent(event: unknown, given: unknown[]): void {
    const { socket, sink, budget, stats } = this.#options;
    if (!socket.connected) return;
    if (sink.writableLength > UNREAD_BYTES_MAX) {
      sink.destroy();
      return;
    }
    const acknowledge = typeof given.at(-1) === 'function' ? (given.pop() as Acknowledge) : undefined;
    stats.events++;
    if (!budget.take()) {
      stats.refused++;
      const error = new DepthcastError('EVENT_RATE_EXCEEDED', 'more events a second than SOCKET_EVENTS_PER_SECOND_MAX');
      this.#refuse(error, acknowledge);
      if (budget.isAbused) socket.disconnect(true);
      return;
    }
    const answer = this.#answers.get(event);
    try {
      if (!answer) throw this.#unknown(event);
      const answered = answer(given);
      if (acknowledge) acknowledge(answered ?? { ok: true });
      else this.#tell(answered);
    } catch (error) {
      this.#refuse(error, acknowledge);
    }
  }

  /** What is wrong with single streams, to who waits for no acknowledgement. */
  #tell(answered: unknown): void {
    const { errors = [] } = (answered ?? {}) as Partial<SubscribeAnswer>;
    for (const error of errors) this.#options.socket.emit('error', error);
  }

  #unknown(event: unknown): DepthcastError {
    this.#options.stats.unknown++;
    return new DepthcastError('EVENT_UNKNOWN', `event ${quote(String(event))} is not known: takes ${KNOWN.join(', ')}`);
  }

  /** In the acknowledgement where one is waited for, else as an event. */
  #refuse(error: unknown, acknowledge: Acknowledge | undefined): void {
    const { socket, session, onError } = this.#options;
    try {
      const answer = answerOf(error);
      if (acknowledge) acknowledge({ ok: false, streams: session.definitions, resumed: false, errors: [answer] });
      else socket.emit('error', answer);
    } catch (defect) {
      onError(defect);
      socket.disconnect(true);
    }
  }
}
