import { randomUUID } from 'node:crypto';
import { seedTime } from '@depthcast/book';
import { DepthcastError } from '@depthcast/protocol';
import type { FastifyReply, FastifyRequest } from 'fastify';
import type { GatewayConfig } from '../config.ts';
import { Filter } from '../fanout/filter.ts';
import { controlFrame } from '../fanout/format.ts';
import { LogSession } from '../fanout/session.ts';
import type { Gateway } from '../gateway.ts';
import { corsHeaders } from './cors.ts';
import { errorAnswer } from './error-answer.ts';
import { parseLogSubscription } from './log-params.ts';
import type { Query } from './query.ts';
import type { SessionDesk } from './session-desk.ts';
import { openSse, type SseStream, sseHead } from './sse-response.ts';
import { errorBody, parseStreamSubscription, type StreamError, type StreamSubscription } from './stream-params.ts';
import { StreamSession } from './stream-session.ts';

const BAD_REQUEST = 400;

/** The two event streams over HTTP. Whatever can never succeed is a 400 before the stream opens; all else is a 200. */
export class SseEndpoints {
  readonly #gateway: Gateway;
  readonly #desk: SessionDesk;
  readonly #config: GatewayConfig;

  constructor(gateway: Gateway, desk: SessionDesk, config: GatewayConfig) {
    this.#gateway = gateway;
    this.#desk = desk;
    this.#config = config;
  }

  /** `/api/stream` (VeloZ seed): the log's own events. */
  async log(request: FastifyRequest, reply: FastifyReply): Promise<void> {
    const { fanout, ladder, topics, state } = this.#gateway;
    const opened = await this.#open(request, reply, (query, lastEventId) =>
      parseLogSubscription(query, lastEventId, (symbol) => state.hasSymbol(symbol)),
    );
    if (!opened) return;
    const { stream, subscription } = opened;
    const { types, symbols, account, ids, chain, resume } = subscription;
    const filter = new Filter(topics, types, symbols, { account });
    const session = new LogSession(stream.socket, filter, { ids, chain, chunked: stream.chunked });
    fanout.add(session);
    this.#desk.enter(stream, () => fanout.close(session));
    await ladder.start(session, resume);
  }

  /** `/stream` (market-depth seed): views of the books, and log-type streams. */
  async streams(request: FastifyRequest, reply: FastifyReply): Promise<void> {
    const { state } = this.#gateway;
    const opened = await this.#open(request, reply, (query, lastEventId) => {
      const subscription = parseStreamSubscription(query, lastEventId, {
        symbols: state.symbols,
        kindOf: (symbol) => state.book(symbol)?.kind,
        intervalMsDefault: this.#config.INTERVAL_MS,
        streamsMax: this.#config.STREAMS_MAX,
      });
      const { views: wanted, logStreams, errors } = subscription;
      if (wanted.length + logStreams.length === 0 && errors.length > 0) throw new NoStream(errors);
      return subscription;
    });
    if (!opened) return;
    const { stream, subscription } = opened;
    const session = new StreamSession(this.#gateway, stream.socket, stream.chunked, subscription);
    this.#desk.enter(stream, () => session.close());
    await session.start(this.#greeting(subscription));
  }

  /** Opens the stream, or says why not; `undefined` when there is nothing more to do. */
  async #open<T>(
    request: FastifyRequest,
    reply: FastifyReply,
    parse: (query: Query, lastEventId: string | readonly string[] | undefined) => T,
  ): Promise<{ stream: SseStream; subscription: T } | undefined> {
    const cors = corsHeaders(this.#config.CORS_ORIGIN, request.headers.origin);
    let subscription: T | undefined;
    if (!this.#desk.isClosed) {
      try {
        subscription = parse(request.query as Query, request.headers['last-event-id']);
      } catch (error) {
        refuse(reply, error);
        return undefined;
      }
    }
    if (request.method === 'HEAD') {
      sseHead(reply, cors);
      return undefined;
    }
    const stream = await openSse(request, reply, cors);
    // Parameters can only be checked, against the symbols above all, once there is something to stream.
    if (!stream || !this.#desk.admits(stream)) return undefined;
    if (subscription === undefined) stream.end('');
    return subscription === undefined ? undefined : { stream, subscription };
  }

  #greeting({ errors }: StreamSubscription): string {
    const info = {
      event: 'connection_info',
      client_id: randomUUID(),
      server_time: seedTime(Date.now()),
      supported_symbols: this.#gateway.state.symbols,
    };
    return [info, ...errors].map((data) => controlFrame(data.event, JSON.stringify(data))).join('');
  }
}

/** Every stream that was asked for is bad. */
class NoStream extends Error {
  readonly errors: readonly StreamError[];

  constructor(errors: readonly StreamError[]) {
    super('no stream can be given');
    this.errors = errors;
  }
}

/** A 400 whose body is the seed's `error`: what was asked for can never succeed. */
function refuse(reply: FastifyReply, error: unknown): void {
  if (error instanceof NoStream) {
    void reply.status(BAD_REQUEST).send(errorBody(error.errors));
    return;
  }
  if (!(error instanceof DepthcastError)) throw error;
  void reply.status(error.status).send(errorAnswer(error));
}
