import {
  DepthcastError,
  isView,
  LEVELS_DEFAULT,
  type LogStream,
  parseStream,
  type Stream,
  type ViewStream,
} from '@depthcast/protocol';
import { Filter } from '../../fanout/filter.ts';
import { onWire } from '../../fanout/format.ts';
import { LogSession, type Sink } from '../../fanout/session.ts';
import type { Gateway } from '../../gateway.ts';
import type { ResumeRequest } from '../../resume/locator.ts';
import type { View } from '../../views/view.ts';
import { ViewSession } from '../../views/view-session.ts';
import { quote } from '../query.ts';
import { checkStream, doubtOf, shownDefinition, topicsOf } from '../stream-params.ts';
import { answerOf, type SubscribeAnswer, type SubscribeRequest } from './messages.ts';

export interface SocketSessionOptions {
  readonly gateway: Gateway;
  readonly sink: Sink;
  readonly chain: boolean;
  /** Where the client was when its last connection broke. */
  readonly resume: ResumeRequest | undefined;
  readonly streamsMax: number;
  readonly intervalMsDefault: number;
}

interface Subscribed {
  readonly stream: Stream;
  readonly intervalMs: number;
}

/** What a log session takes: topics by name, and `ready`'s, which are those of every symbol. */
interface Wanted {
  readonly names: ReadonlySet<string>;
  readonly ready: boolean;
}

const DEFAULTS = { type: 'MBP', levels: LEVELS_DEFAULT } as const;
const READY_TYPES = ['bbo'] as const;
const FRAMING = 'packets';
/**
 * A client that comes back says what it wants in several messages, and all of it goes on from the one cursor: so the
 * first of them is given some time for the others to come. What comes later begins with a snapshot, and is told so.
 */
const GATHER_MS = 100;

/**
 * What one connection of Socket.IO is subscribed to: one log session for all that is of the log, so that there is one
 * cursor, and beside it a view session an interval. Subscriptions change while both go on: fewer topics at once, more
 * when the log session is at the head, where a snapshot of them and what follows it meet.
 */
export class SocketSession {
  readonly #options: SocketSessionOptions;
  readonly #streams = new Map<string, Subscribed>();
  #isReady = false;
  #log: LogSession | undefined;
  /** What the log session takes now. */
  #given: Wanted = { names: new Set(), ready: false };
  readonly #views = new Map<number, ViewSession>();
  #resume: ResumeRequest | undefined;
  #gathering: NodeJS.Timeout | undefined;
  #isClosed = false;

  constructor(options: SocketSessionOptions) {
    this.#options = options;
    this.#resume = options.resume;
  }

  /** Every stream of the connection, as `SYMBOL:TYPE:LEVELS` or `SYMBOL:TYPE`. */
  get definitions(): readonly string[] {
    return [...this.#streams.keys()];
  }

  /** From now on every change of every symbol's best prices. */
  ready(): void {
    this.#isReady = true;
    this.#update();
  }

  /** Takes what is good of a request, and says what is not. */
  subscribe({ streams, intervalMs }: SubscribeRequest): SubscribeAnswer {
    const resumed = this.#resume !== undefined;
    const errors = this.#each(streams, (stream, text) => {
      const key = definitionOf(stream);
      if (!this.#streams.has(key) && this.#streams.size >= this.#options.streamsMax) {
        throw new DepthcastError(
          'PARAMETER_INVALID',
          `more than ${this.#options.streamsMax} streams: ${quote(text)} is left out`,
        );
      }
      const known = this.#streams.get(key);
      this.#streams.set(key, {
        stream,
        intervalMs: intervalMs ?? known?.intervalMs ?? this.#options.intervalMsDefault,
      });
    });
    this.#update();
    return this.#answer(errors, resumed);
  }

  unsubscribe(streams: readonly string[]): SubscribeAnswer {
    const errors = this.#each(streams, (stream, text) => {
      if (this.#streams.delete(definitionOf(stream))) return;
      throw new DepthcastError('STREAM_INVALID', `${quote(text)} is not subscribed`);
    });
    this.#update();
    return this.#answer(errors, false);
  }

  /** Safe to call again. */
  close(): void {
    this.#isClosed = true;
    clearTimeout(this.#gathering);
    const { views, fanout } = this.#options.gateway;
    for (const session of this.#views.values()) views.close(session);
    if (this.#log) fanout.close(this.#log);
  }

  #answer(errors: SubscribeAnswer['errors'], resumed: boolean): SubscribeAnswer {
    return { ok: errors.length === 0, streams: this.definitions, resumed, errors };
  }

  /** Does something with each definition that is one, and returns what is wrong with the others. */
  #each(texts: readonly string[], use: (stream: Stream, text: string) => void): SubscribeAnswer['errors'] {
    const { state } = this.#options.gateway;
    const known = { symbols: state.symbols, kindOf: (symbol: string) => state.book(symbol)?.kind };
    const errors: SubscribeAnswer['errors'][number][] = [];
    for (const text of texts) {
      // Whoever is wrong so often gets no longer answer than this.
      if (errors.length >= this.#options.streamsMax) break;
      try {
        const stream = checkStream(parseStream(text, DEFAULTS), known);
        use(stream, text);
        const doubt = doubtOf(stream, text, known);
        if (doubt) errors.push({ ...doubt, error: 'MBO_UNAVAILABLE' });
      } catch (error) {
        errors.push({ ...answerOf(error), stream_id: shownDefinition(text) });
      }
    }
    return errors;
  }

  #update(): void {
    if (this.#isClosed || this.#gathering) return;
    if (!this.#resume) this.#follow();
    else if (this.#isReady || this.#streams.size > 0) this.#gathering = setTimeout(() => this.#begin(), GATHER_MS);
  }

  /** What there is to be resumed has been said. */
  #begin(): void {
    const resume = this.#resume;
    this.#gathering = undefined;
    this.#resume = undefined;
    this.#follow(resume);
    if (resume && !this.#log) void this.#resumeViews(resume);
  }

  /** Brings the sessions to what is wanted. */
  #follow(resume?: ResumeRequest): void {
    this.#followLog(resume);
    this.#followViews();
  }

  #followLog(resume?: ResumeRequest): void {
    const wanted = this.#wanted();
    const log = this.#log;
    if (!log) {
      if (wanted.names.size > 0 || wanted.ready) this.#startLog(wanted, resume);
      return;
    }
    const { fanout, topics, snapshots, window } = this.#options.gateway;
    const given = this.#given;
    const kept = new Set([...given.names].filter((name) => wanted.names.has(name)));
    if (kept.size < given.names.size) {
      this.#given = { names: kept, ready: given.ready };
      fanout.narrow(log, this.#filter(this.#given));
    }
    const added = [...wanted.names].filter((name) => !kept.has(name));
    const isMore = added.length > 0 || wanted.ready !== given.ready;
    if (!isMore || log.state !== 'head') return;
    const filter = Filter.ofNames(topics, added);
    const snapshot = added.length > 0 ? snapshots.take(filter) : undefined;
    for (const bytes of snapshot?.onWire(FRAMING) ?? []) log.sink.write(bytes);
    this.#given = wanted;
    fanout.widen(log, this.#filter(wanted), filter, snapshot?.position ?? window.end);
  }

  #startLog(wanted: Wanted, resume: ResumeRequest | undefined): void {
    const { gateway, sink, chain } = this.#options;
    const { fanout, ladder, views } = gateway;
    const log = new LogSession(
      sink,
      this.#filter(wanted),
      { ids: 'cursor', chain, framing: FRAMING },
      {
        onReset: () => {
          for (const session of this.#views.values()) views.showAgain(session);
        },
        // What was asked for meanwhile; not within the fan-out's own turn.
        onHead: () => setImmediate(() => this.#update()),
      },
    );
    this.#log = log;
    this.#given = wanted;
    fanout.add(log);
    void ladder.start(log, resume, wanted.names.size > 0 ? 'snapshot' : 'tail');
  }

  #followViews(): void {
    const { gateway, sink } = this.#options;
    const { views } = gateway;
    const wanted = new Map<number, ViewStream[]>();
    for (const { stream, intervalMs } of this.#streams.values()) {
      if (isView(stream)) wanted.set(intervalMs, [...(wanted.get(intervalMs) ?? []), stream]);
    }
    const hasLog = this.#log !== undefined;
    for (const [intervalMs, session] of this.#views) {
      if (wanted.has(intervalMs)) continue;
      views.close(session);
      this.#views.delete(intervalMs);
    }
    for (const [intervalMs, streams] of wanted) {
      const watched = streams.map((stream) => views.view(stream));
      const session = this.#views.get(intervalMs);
      if (session && hasSame(session, watched, hasLog)) continue;
      if (session) views.change(session, watched, hasLog);
      else {
        const added = new ViewSession(sink, { framing: FRAMING, intervalMs, views: watched, hasLog });
        this.#views.set(intervalMs, added);
        views.add(added, '');
      }
    }
  }

  /** Where there are views alone, the cursor is theirs: they are the newest, and what has become of it is told. */
  async #resumeViews(resume: ResumeRequest): Promise<void> {
    const { gateway, sink } = this.#options;
    const reset = await gateway.ladder.viewReset(resume).catch(() => '');
    if (this.#isClosed || reset === '') return;
    sink.write(onWire(reset, FRAMING));
    for (const session of this.#views.values()) gateway.views.showAgain(session);
  }

  #wanted(): Wanted {
    const streams = [...this.#streams.values()].map(({ stream }) => stream);
    const names = topicsOf(streams.filter((stream): stream is LogStream => !isView(stream)));
    // Nobody is sent the same twice.
    const isOwn = (name: string) => !(this.#isReady && READY_TYPES.some((type) => name.startsWith(`${type}:`)));
    return { names: new Set(names.filter(isOwn)), ready: this.#isReady };
  }

  #filter({ names, ready }: Wanted): Filter {
    return Filter.ofNames(this.#options.gateway.topics, [...names], ready ? READY_TYPES : []);
  }
}

function hasSame(session: ViewSession, views: readonly View[], hasLog: boolean): boolean {
  const { length } = session.views;
  return session.hasLog === hasLog && length === views.length && views.every((view) => session.views.includes(view));
}

/** A stream as it is written. */
function definitionOf(stream: Stream): string {
  const definition = `${stream.symbol}:${stream.type}`;
  return isView(stream) ? `${definition}:${stream.levels}` : definition;
}
