import {
  DepthcastError,
  isView,
  LEVELS_DEFAULT,
  type LogStream,
  parseStream,
  quote,
  type Stream,
  type ViewStream,
} from '@depthcast/protocol';
import type { Filter } from '../../fanout/filter.ts';
import { onWire } from '../../fanout/format.ts';
import type { RateBudget } from '../../fanout/rates.ts';
import type { LogSession, Sink } from '../../fanout/session.ts';
import type { Gateway } from '../../gateway.ts';
import { Bundle } from '../../partitions/bundle.ts';
import type { Partitions } from '../../partitions/partitions.ts';
import { viewReset } from '../../partitions/view-reset.ts';
import type { ResumeRequest } from '../../resume/locator.ts';
import type { View } from '../../views/view.ts';
import type { ViewHub } from '../../views/view-hub.ts';
import { ViewSession } from '../../views/view-session.ts';
import { checkStream, doubtOf, shownDefinition, topicsOf } from '../stream-params.ts';
import { answerOf, type SubscribeAnswer, type SubscribeRequest } from './messages.ts';

export interface SocketSessionOptions {
  readonly partitions: Partitions;
  readonly sink: Sink;
  readonly chain: boolean;
  /** Where the client was when its last connection broke. */
  readonly resume: ResumeRequest | undefined;
  readonly streamsMax: number;
  readonly intervalMsDefault: number;
  /** Where the connection has a rate. */
  readonly budget?: RateBudget | undefined;
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
const READY_TYPES = ['bbo', 'book_status', 'error'] as const;
const FRAMING = 'packets';
/**
 * A client that comes back says what it wants in several messages, and all of it goes on from the one cursor: so the
 * first of them is given some time for the others to come. What comes later begins with a snapshot, and is told so.
 */
const GATHER_MS = 100;

/**
 * What one connection of Socket.IO is subscribed to: of each partition one log session for all that is of the log, so
 * that there is one cursor, and beside it a view session an interval. Subscriptions change while both go on: fewer
 * topics at once, more when the log session is at the head, where a snapshot of them and what follows it meet.
 */
export class SocketSession {
  readonly #options: SocketSessionOptions;
  readonly #streams = new Map<string, Subscribed>();
  #isReady = false;
  #log: Bundle | undefined;
  /** What the log sessions take now, by partition. */
  readonly #given = new Map<number, Wanted>();
  /** By partition and interval. */
  readonly #views = new Map<string, { readonly hub: ViewHub; readonly session: ViewSession }>();
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
    for (const { hub, session } of this.#views.values()) hub.close(session);
    this.#log?.close();
  }

  #answer(errors: SubscribeAnswer['errors'], resumed: boolean): SubscribeAnswer {
    return { ok: errors.length === 0, streams: this.definitions, resumed, errors };
  }

  /** Does something with each definition that is one, and returns what is wrong with the others. */
  #each(texts: readonly string[], use: (stream: Stream, text: string) => void): SubscribeAnswer['errors'] {
    const { partitions } = this.#options;
    const known = { symbols: partitions.symbols, kindOf: (symbol: string) => partitions.book(symbol)?.kind };
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
    else if (this.#isReady || this.#streams.size > 0) this.#gathering = setTimeout(() => this.#resumeAll(), GATHER_MS);
  }

  /** What there is to be resumed has been said. */
  #resumeAll(): void {
    const resume = this.#resume;
    this.#gathering = undefined;
    this.#resume = undefined;
    this.#follow(resume);
    if (resume && !this.#log) void this.#resumeViews(resume);
  }

  /** Brings the sessions to what is wanted. */
  #follow(resume?: ResumeRequest): void {
    this.#followLog(resume);
    for (const [index, gateway] of this.#options.partitions.all.entries()) this.#followViews(index, gateway.views);
  }

  #followLog(resume?: ResumeRequest): void {
    const { partitions } = this.#options;
    const log = this.#log;
    for (const [index, gateway] of partitions.all.entries()) {
      const wanted = this.#wanted(index);
      const session = log?.session(index);
      if (session) this.#change(index, gateway, session, wanted);
      else if (wanted.names.size > 0 || wanted.ready) this.#begin(index, gateway, wanted);
    }
    if (!log) void this.#log?.start(resume);
  }

  /** Fewer topics at once, more when the session is at the head. */
  #change(index: number, gateway: Gateway, session: LogSession, wanted: Wanted): void {
    const { fanout, filters, snapshots, window } = gateway;
    const given = this.#given.get(index) as Wanted;
    const kept = new Set([...given.names].filter((name) => wanted.names.has(name)));
    if (kept.size < given.names.size) {
      const less = { names: kept, ready: given.ready };
      this.#given.set(index, less);
      fanout.narrow(session, filterOf(gateway, less));
    }
    const added = [...wanted.names].filter((name) => !kept.has(name));
    const isMore = added.length > 0 || wanted.ready !== given.ready;
    if (!isMore || session.state !== 'head') return;
    const filter = filters.ofNames(added);
    const snapshot = added.length > 0 ? snapshots.take(filter) : undefined;
    for (const bytes of snapshot?.onWire(FRAMING) ?? []) session.sink.write(bytes);
    this.#given.set(index, wanted);
    fanout.widen(session, filterOf(gateway, wanted), filter, snapshot?.position ?? window.end);
  }

  #begin(index: number, gateway: Gateway, wanted: Wanted): void {
    const { partitions, sink, chain, budget } = this.#options;
    this.#log ??= new Bundle({
      partitions,
      sink,
      budget,
      format: { ids: 'cursor', chain, framing: FRAMING },
      companion: {
        onReset: () => this.#showAgain(),
        // What was asked for meanwhile; not within the fan-out's own turn.
        onHead: () => setImmediate(() => this.#update()),
      },
    });
    this.#given.set(index, wanted);
    const fresh = wanted.names.size > 0 ? 'snapshot' : 'tail';
    this.#log.add(index, { filter: filterOf(gateway, wanted), fresh });
  }

  #followViews(index: number, hub: ViewHub): void {
    const { partitions, sink, budget } = this.#options;
    const wanted = new Map<number, ViewStream[]>();
    for (const { stream, intervalMs } of this.#streams.values()) {
      if (!isView(stream) || partitions.indexOf(stream.symbol) !== index) continue;
      wanted.set(intervalMs, [...(wanted.get(intervalMs) ?? []), stream]);
    }
    const hasLog = this.#log !== undefined;
    for (const [key, { session }] of this.#views) {
      if (!key.startsWith(`${index}/`) || wanted.has(session.intervalMs)) continue;
      hub.close(session);
      this.#views.delete(key);
    }
    for (const [intervalMs, streams] of wanted) {
      const watched = streams.map((stream) => hub.view(stream));
      const key = `${index}/${intervalMs}`;
      const known = this.#views.get(key)?.session;
      if (known && hasSame(known, watched, hasLog)) continue;
      if (known) hub.change(known, watched, hasLog);
      else {
        const session = new ViewSession(sink, { framing: FRAMING, intervalMs, views: watched, hasLog, budget });
        this.#views.set(key, { hub, session });
        hub.add(session, '');
      }
    }
  }

  #showAgain(): void {
    for (const { hub, session } of this.#views.values()) hub.showAgain(session);
  }

  /** Where there are views alone, the cursor is theirs: they are the newest, and what has become of it is told. */
  async #resumeViews(resume: ResumeRequest): Promise<void> {
    const { partitions, sink } = this.#options;
    const concerned = partitions.indexesOf([...this.#streams.values()].map(({ stream }) => stream.symbol));
    const reset = await viewReset(partitions, resume, concerned).catch(() => '');
    if (this.#isClosed || reset === '') return;
    sink.write(onWire(reset, FRAMING));
    this.#showAgain();
  }

  /** Of one partition. */
  #wanted(index: number): Wanted {
    const { partitions } = this.#options;
    const streams = [...this.#streams.values()]
      .map(({ stream }) => stream)
      .filter((stream): stream is LogStream => !isView(stream) && partitions.indexOf(stream.symbol) === index);
    // Nobody is sent the same twice.
    const isOwn = (name: string) => !(this.#isReady && READY_TYPES.some((type) => name.startsWith(`${type}:`)));
    return { names: new Set(topicsOf(streams).filter(isOwn)), ready: this.#isReady };
  }
}

function filterOf({ filters }: Gateway, { names, ready }: Wanted): Filter {
  return filters.ofNames([...names], ready ? READY_TYPES : []);
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
