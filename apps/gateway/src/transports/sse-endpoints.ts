import { randomUUID } from 'node:crypto';
import { seedTime } from '@depthcast/book';
import { DepthcastError, type Reset } from '@depthcast/protocol';
import type { FastifyReply, FastifyRequest } from 'fastify';
import type { GatewayConfig } from '../config.ts';
import { Filter } from '../fanout/filter.ts';
import { controlFrame, formatId } from '../fanout/format.ts';
import { LogSession } from '../fanout/session.ts';
import type { Gateway } from '../gateway.ts';
import type { ResumeRequest } from '../resume/locator.ts';
import { ViewSession } from '../views/view-session.ts';
import { corsHeaders } from './cors.ts';
import { parseLogSubscription } from './log-params.ts';
import type { Query } from './query.ts';
import type { SessionDesk } from './session-desk.ts';
import { openSse, type SseStream, sseHead } from './sse-response.ts';
import {
  errorBody,
  parseViewSubscription,
  type StreamError,
  streamError,
  type ViewSubscription,
} from './view-params.ts';

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
    const { types, symbols, ids, chain, resume } = subscription;
    const filter = new Filter(topics, types, symbols);
    const session = new LogSession(stream.socket, filter, { ids, chain, chunked: stream.chunked });
    fanout.add(session);
    this.#desk.enter(stream, () => fanout.close(session));
    await ladder.start(session, resume);
  }

  /** `/stream` (market-depth seed): views of the books. */
  async views(request: FastifyRequest, reply: FastifyReply): Promise<void> {
    const { state, views } = this.#gateway;
    const opened = await this.#open(request, reply, (query, lastEventId) => {
      const subscription = parseViewSubscription(query, lastEventId, {
        symbols: state.symbols,
        intervalMsDefault: this.#config.INTERVAL_MS,
        streamsMax: this.#config.STREAMS_MAX,
      });
      if (subscription.streams.length === 0 && subscription.errors.length > 0) throw new NoStream(subscription.errors);
      return subscription;
    });
    if (!opened) return;
    const { stream, subscription } = opened;
    let session: ViewSession | undefined;
    this.#desk.enter(stream, () => session && views.close(session));
    const reset = subscription.resume ? await this.#viewReset(subscription.resume) : '';
    if (stream.socket.destroyed || stream.socket.writableEnded) return;
    session = new ViewSession(stream.socket, {
      chunked: stream.chunked,
      intervalMs: subscription.intervalMs,
      views: subscription.streams.map((wanted) => views.view(wanted)),
      every: subscription.every,
    });
    views.add(session, this.#greeting(subscription) + reset);
  }

  /** Opens the stream, or says why not; `undefined` when there is nothing more to do. */
  async #open<T>(
    request: FastifyRequest,
    reply: FastifyReply,
    parse: (query: Query, lastEventId: string | readonly string[] | undefined) => T,
  ): Promise<{ stream: SseStream; subscription: T } | undefined> {
    const cors = corsHeaders(this.#config.CORS_ORIGIN, request.headers.origin);
    if (request.method === 'HEAD') {
      sseHead(reply, cors);
      return undefined;
    }
    let subscription: T | undefined;
    if (!this.#desk.isClosed) {
      try {
        subscription = parse(request.query as Query, request.headers['last-event-id']);
      } catch (error) {
        refuse(reply, error);
        return undefined;
      }
    }
    const stream = await openSse(request, reply, cors);
    // Parameters can only be checked, against the symbols above all, once there is something to stream.
    if (!stream || !this.#desk.admits(stream)) return undefined;
    if (subscription === undefined) stream.end('');
    return subscription === undefined ? undefined : { stream, subscription };
  }

  #greeting({ errors }: ViewSubscription): string {
    const info = {
      event: 'connection_info',
      client_id: randomUUID(),
      server_time: seedTime(Date.now()),
      supported_symbols: this.#gateway.state.symbols,
    };
    const frames = [info, ...errors].map((data) => controlFrame(data.event, JSON.stringify(data)));
    return frames.join('');
  }

  /** A view session gets the newest frames wherever it was; only a cursor that is none of this log's is told so. */
  async #viewReset(resume: ResumeRequest): Promise<string> {
    const { locator, ladder, window, timeline } = this.#gateway;
    const located = await locator.locate(resume);
    if (located.kind !== 'lost') return '';
    ladder.stats.resets[located.reason]++;
    const id = (cursor: { epoch: number; offset: number } | undefined) =>
      cursor ? formatId(cursor, timeline.ordinalOf(cursor.epoch) ?? 0, 'cursor') : null;
    const reset: Reset = {
      reason: located.reason,
      requested: resume.text.slice(0, 100),
      earliest: id(window.earliest),
      tail: id(window.tail),
    };
    return controlFrame('reset', JSON.stringify(reset));
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

/** A 400 with the seed's error body: what was asked for can never succeed. */
function refuse(reply: FastifyReply, error: unknown): void {
  if (error instanceof NoStream) {
    void reply.status(BAD_REQUEST).send(errorBody(error.errors));
    return;
  }
  if (!(error instanceof DepthcastError)) throw error;
  const { stream_id: _, ...body } = streamError(error, '');
  void reply.status(error.status).send({ ...body, error: error.code });
}
