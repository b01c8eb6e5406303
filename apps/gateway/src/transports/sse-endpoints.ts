import { randomUUID } from 'node:crypto';
import { seedTime } from '@depthcast/book';
import { DepthcastError, normalizeSymbol, type Query, single } from '@depthcast/protocol';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { type Authenticator, accountFor, type Identity, type SessionGuard } from '../auth/identity.ts';
import { credentialsOf } from '../auth/request-identity.ts';
import type { GatewayConfig } from '../config.ts';
import { controlFrame } from '../fanout/format.ts';
import type { Gateway } from '../gateway.ts';
import { Bundle } from '../partitions/bundle.ts';
import type { Release } from '../partitions/following.ts';
import type { Partitions } from '../partitions/partitions.ts';
import { describeReplay, type ReplayDesk } from '../replay/replay-desk.ts';
import { type ReplayPlan, type ReplayWanted, wantedOf } from '../replay/replay-session.ts';
import type { ResumeRequest } from '../resume/locator.ts';
import { corsHeaders } from './cors.ts';
import { refuse } from './error-answer.ts';
import { parseLogSubscription } from './log-params.ts';
import { list } from './query.ts';
import type { SessionDesk } from './session-desk.ts';
import { openSse, type SseStream, sseHead } from './sse-response.ts';
import { errorBody, parseStreamSubscription, type StreamError } from './stream-params.ts';
import { StreamSession } from './stream-session.ts';

const BAD_REQUEST = 400;
const UNAVAILABLE = 503;

/** A stream that is open, for whom, and what was asked for. */
interface Opened<T> {
  readonly stream: SseStream;
  readonly identity: Identity;
  readonly subscription: T;
  /** Its partitions are not needed any more. */
  readonly release: Release;
}

/** The two event streams over HTTP. Whatever can never succeed is a 400 before the stream opens; all else is a 200. */
export class SseEndpoints {
  readonly #partitions: Partitions;
  readonly #desk: SessionDesk;
  readonly #config: GatewayConfig;
  readonly #authenticator: Authenticator;
  readonly #guard: SessionGuard;
  readonly #replays: ReplayDesk;

  constructor(
    partitions: Partitions,
    desk: SessionDesk,
    config: GatewayConfig,
    authenticator: Authenticator,
    guard: SessionGuard,
    replays: ReplayDesk,
  ) {
    this.#partitions = partitions;
    this.#desk = desk;
    this.#config = config;
    this.#authenticator = authenticator;
    this.#guard = guard;
    this.#replays = replays;
  }

  /** `/api/stream` (VeloZ seed): the log's own events. */
  async log(request: FastifyRequest, reply: FastifyReply, isProtected: boolean): Promise<void> {
    const partitions = this.#partitions;
    const opened = await this.#open(request, reply, isProtected, (query, lastEventId, identity) => {
      const options = { hasSymbol: (symbol: string) => partitions.hasSymbol(symbol), partitions: partitions.count };
      const subscription = parseLogSubscription(query, lastEventId, identity, options);
      return this.#withReplay(query, subscription, subscription.symbols, []);
    });
    if (!opened) return;
    const { stream, subscription } = opened;
    const { types, symbols, account, ids, chain, maxRate, resume, replay } = subscription;
    const filterIn = ({ filters }: Gateway) => filters.of(types, symbols, account);
    const format = { ids, chain, framing: stream.framing };
    if (replay) {
      const log = { filter: filterIn(replay.gateway), format, fresh: 'tail' } as const;
      return await this.#play(request, opened, replay, { log, views: undefined }, this.#greeting([], replay));
    }
    const budget = partitions.rates.open(maxRate, request.id);
    const bundle = new Bundle({ partitions, sink: stream.socket, format, budget });
    for (const index of partitions.indexesOf(symbols)) {
      bundle.add(index, { filter: filterIn(partitions.all[index] as Gateway), fresh: 'tail' });
    }
    this.#enter(request, opened, () => bundle.close());
    await bundle.start(resume);
  }

  /** `/stream` (market-depth seed): views of the books, and log-type streams. */
  async streams(request: FastifyRequest, reply: FastifyReply, isProtected: boolean): Promise<void> {
    const partitions = this.#partitions;
    const opened = await this.#open(request, reply, isProtected, (query, lastEventId) => {
      const subscription = parseStreamSubscription(query, lastEventId, {
        symbols: partitions.symbols,
        kindOf: (symbol) => partitions.book(symbol)?.kind,
        intervalMsDefault: this.#config.INTERVAL_MS,
        streamsMax: this.#config.STREAMS_MAX,
      });
      const { views: wanted, logStreams, errors } = subscription;
      if (wanted.length + logStreams.length === 0 && errors.length > 0) throw new NoStream(errors);
      const symbols = [...new Set([...wanted, ...logStreams].map(({ symbol }) => symbol))];
      return this.#withReplay(query, subscription, subscription.every ? undefined : symbols, symbols);
    });
    if (!opened) return;
    const { stream, subscription } = opened;
    const { errors, maxRate, replay } = subscription;
    const greeting = this.#greeting(errors, replay);
    if (replay) {
      const wanted = wantedOf(subscription, replay.gateway, stream.framing);
      return await this.#play(request, opened, replay, wanted, greeting);
    }
    const budget = partitions.rates.open(maxRate, request.id);
    const session = new StreamSession(partitions, stream.socket, stream.framing, subscription, budget);
    this.#enter(request, opened, () => session.close());
    await session.start(greeting);
  }

  /** Opens the stream, or says why not; `undefined` when there is nothing more to do. */
  async #open<T>(
    request: FastifyRequest,
    reply: FastifyReply,
    isProtected: boolean,
    parse: (query: Query, lastEventId: string | readonly string[] | undefined, identity: Identity) => T | Promise<T>,
  ): Promise<Opened<T> | undefined> {
    const cors = corsHeaders(this.#config.CORS_ORIGIN, request.headers.origin);
    let asked: Omit<Opened<T>, 'stream'> | undefined;
    let passing: DepthcastError | undefined;
    let release: Release | undefined;
    // Who is sent back anyway keeps a ticket for the next time.
    if (!this.#desk.isClosed) {
      try {
        const query = request.query as Query;
        const identity = await this.#authenticator.authenticate(credentialsOf(request, isProtected));
        if (identity.kind === 'account') accountFor(identity, single(query, 'account'));
        release = await this.#partitions.use(symbolsNamed(query));
        asked = { identity, release, subscription: await parse(query, request.headers['last-event-id'], identity) };
      } catch (error) {
        release?.();
        passing = isPassing(error) ? error : undefined;
        if (!passing) {
          refuseStream(reply, error);
          return undefined;
        }
      }
    }
    if (request.method === 'HEAD') {
      release?.();
      sseHead(reply, cors);
      return undefined;
    }
    const stream = await openSse(request, reply, cors);
    if (stream && passing) this.#desk.sendBack(stream, passing);
    else if (stream && this.#desk.admits(stream, request.ip)) {
      if (asked) return { stream, ...asked };
      // Parameters can only be checked, against the symbols above all, once there is something to stream.
      stream.end('');
    }
    release?.();
    return undefined;
  }

  /** @param close takes the session out of the fan-out. */
  #enter(request: FastifyRequest, { stream, identity, release }: Opened<unknown>, close: () => void): void {
    const unwatch = this.#guard.watch(identity, (error) => this.#desk.dismiss(stream, error));
    this.#desk.enter(stream, request.ip, () => {
      unwatch();
      close();
      release();
    });
  }

  /**
   * A subscription, and where in the past it is to begin.
   *
   * @param symbols that it concerns; `undefined`: all of them.
   * @param watched whose books it needs.
   */
  async #withReplay<T extends { readonly resume: ResumeRequest | undefined }>(
    query: Query,
    subscription: T,
    symbols: readonly string[] | undefined,
    watched: readonly string[],
  ): Promise<T & { readonly replay: ReplayPlan | undefined }> {
    return { ...subscription, replay: await this.#replays.plan(query, subscription.resume, symbols, watched) };
  }

  async #play(
    request: FastifyRequest,
    opened: Opened<unknown>,
    plan: ReplayPlan,
    wanted: ReplayWanted,
    greeting: string,
  ): Promise<void> {
    const { socket, framing } = opened.stream;
    const session = this.#replays.open(socket, framing, plan, wanted);
    if (!session) {
      opened.release();
      return this.#desk.sendBack(opened.stream, this.#replays.overloaded);
    }
    this.#enter(request, opened, () => session.close());
    await session.start(greeting);
  }

  #greeting(errors: readonly StreamError[], replay: ReplayPlan | undefined): string {
    const info = {
      event: 'connection_info',
      client_id: randomUUID(),
      server_time: seedTime(Date.now()),
      supported_symbols: this.#partitions.symbols,
      ...(replay ? { replay: describeReplay(replay) } : {}),
    };
    return [info, ...errors].map((data) => controlFrame(data.event, JSON.stringify(data))).join('');
  }
}

/** The symbols that a request names, whether there are such or not; `undefined`: none, which is all of them. */
function symbolsNamed(query: Query): string[] | undefined {
  const streams = list(query, 'streams')?.map((text) => text.replace(/:.*/s, ''));
  const symbols = list(query, 'symbols');
  return (streams || symbols) && [...(streams ?? []), ...(symbols ?? [])].map(normalizeSymbol);
}

/** Every stream that was asked for is bad. */
class NoStream extends Error {
  readonly errors: readonly StreamError[];

  constructor(errors: readonly StreamError[]) {
    super('no stream can be given');
    this.errors = errors;
  }
}

/** Any answer but 200 would end a browser's EventSource for good: for what may succeed later there is none. */
function isPassing(error: unknown): error is DepthcastError {
  return error instanceof DepthcastError && error.status === UNAVAILABLE;
}

/** An answer whose body is the seed's `error`: what was asked for can never succeed. */
function refuseStream(reply: FastifyReply, error: unknown): void {
  if (error instanceof NoStream) {
    void reply.status(BAD_REQUEST).send(errorBody(error.errors));
    return;
  }
  if (!(error instanceof DepthcastError)) throw error;
  refuse(reply, error);
}
