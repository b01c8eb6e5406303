import type { StoredBook } from '@depthcast/log';
import { type Cursor, formatCursor, type StreamDefaults, type ViewStream } from '@depthcast/protocol';
import type { Filter } from '../fanout/filter.ts';
import { controlFrame, EMPTY, type Format, type Framing, formatId, idFrame, onWire } from '../fanout/format.ts';
import { type LogSession, NOWHERE, type Sink } from '../fanout/session.ts';
import type { Window } from '../fanout/window.ts';
import type { Gateway } from '../gateway.ts';
import { Bundle } from '../partitions/bundle.ts';
import type { Partitions } from '../partitions/partitions.ts';
import { isLost } from '../resume/patience.ts';
import { SnapshotFrames } from '../resume/snapshot-frames.ts';
import { type StreamSubscription, topicsOf } from '../transports/stream-params.ts';
import { ViewSession } from '../views/view-session.ts';
import { PastMarket } from './past-market.ts';
import { ReplayLoop, type ReplayPosition } from './replay-loop.ts';

/** A replay whose beginning has been found. */
export interface ReplayPlan {
  /** Of the partition whose past it is. */
  readonly gateway: Gateway;
  /** `from` as it was asked for. */
  readonly text: string;
  /** The last event that is not played. */
  readonly after: Cursor;
  /** Event time at which it begins, µs; `undefined`: that of the first event after the cursor. */
  readonly startUs: number | undefined;
  readonly speed: number;
  /** As of the cursor: of the symbols that are looked at. */
  readonly books: readonly StoredBook[];
}

/** What is played, as a live session of either endpoint would have it. */
export interface ReplayWanted {
  readonly log: { readonly filter: Filter; readonly format: Format; readonly fresh: 'tail' | 'snapshot' } | undefined;
  readonly views: ViewsWanted | undefined;
}

/** What a request to `/stream` wants. */
export function wantedOf(subscription: StreamSubscription, { filters }: Gateway, framing: Framing): ReplayWanted {
  const { views, logStreams, every, intervalMs } = subscription;
  const filter = logStreams.length > 0 ? filters.ofNames(topicsOf(logStreams)) : undefined;
  const format = { ids: 'cursor', chain: false, framing } as const;
  return {
    log: filter && { filter, format, fresh: 'snapshot' },
    views: views.length > 0 || every ? { streams: views, every, intervalMs } : undefined,
  };
}

interface ViewsWanted {
  readonly streams: readonly ViewStream[];
  readonly every: StreamDefaults | undefined;
  readonly intervalMs: number;
}

export interface ReplaySessionOptions {
  readonly partitions: Partitions;
  readonly sink: Sink;
  readonly framing: Framing;
  readonly plan: ReplayPlan;
  readonly wanted: ReplayWanted;
  readonly nowMs: () => number;
  readonly onWarn: (message: string, error: Error) => void;
  /** It has come to the present, or is closed: called once. */
  readonly onEnd: () => void;
}

const US_PER_MS = 1_000;

/**
 * One connection that is shown the past, in the frames that it would have been shown it in live, and then the present:
 * its log session is handed over to the fan-out, its views to those of the live books. Until then the views are of books
 * of its own.
 */
export class ReplaySession {
  readonly #options: ReplaySessionOptions;
  readonly #abort = new AbortController();
  readonly #bundle: Bundle | undefined;
  readonly #past: PastMarket | undefined;
  #pastViews: ViewSession | undefined;
  #liveViews: ViewSession | undefined;
  #isOver = false;

  constructor(options: ReplaySessionOptions) {
    const { partitions, sink, plan, wanted, onWarn, nowMs } = options;
    const { gateway } = plan;
    this.#options = options;
    const { log, views } = wanted;
    if (log) {
      const companion = { onReset: () => this.#showAgain() };
      this.#bundle = new Bundle({ partitions, sink, format: log.format, companion });
    }
    if (!views && log?.fresh !== 'snapshot') return;
    const symbols = views && (views.every ? undefined : new Set(views.streams.map(({ symbol }) => symbol)));
    this.#past = new PastMarket({
      topics: gateway.topics,
      books: plan.books,
      symbols,
      idOf: gateway.idOf,
      nowMs,
      onMismatch: (symbol, reason) => onWarn(`replayed book of ${symbol}`, new Error(reason)),
    });
  }

  get #partition(): number {
    const { partitions, plan } = this.#options;
    return partitions.all.indexOf(plan.gateway);
  }

  get #log(): LogSession | undefined {
    return this.#bundle?.session(this.#partition);
  }

  /** Writes `head` (control frames), plays the past and joins the present. Never rejects. */
  async start(head: string): Promise<void> {
    const { sink, onWarn } = this.#options;
    if (this.#abort.signal.aborted) return;
    try {
      this.#begin(head);
      const loop = this.#loop();
      const lost = await loop.run().then(() => undefined, this.#lost);
      if (!this.#abort.signal.aborted) await this.#join(loop.position, lost);
    } catch (error) {
      onWarn('a replay failed', error as Error);
      sink.destroy();
    }
  }

  /** Safe to call again, and before it has been started. */
  close(): void {
    const { views } = this.#options.plan.gateway;
    this.#abort.abort();
    this.#end();
    this.#bundle?.close();
    if (this.#pastViews) this.#past?.hub.close(this.#pastViews);
    this.#past?.hub.stop();
    if (this.#liveViews) views.close(this.#liveViews);
  }

  #begin(head: string): void {
    const { wanted, plan } = this.#options;
    const past = this.#past;
    if (past && wanted.views) {
      this.#pastViews = this.#viewSession(wanted.views, past.hub);
      past.hub.add(this.#pastViews, head);
    } else this.#write(head);
    if (wanted.log) this.#bundle?.add(this.#partition, wanted.log);
    const session = this.#log;
    if (!session) return;
    if (past && wanted.log?.fresh === 'snapshot') this.#writeSnapshot(past, session);
    session.cursor = plan.after;
    session.sent = plan.after;
    session.prev = plan.gateway.fanout.link(plan.after);
  }

  #loop(): ReplayLoop {
    const { plan, wanted, nowMs } = this.#options;
    const { gateway } = plan;
    const session = this.#log;
    const past = wanted.views && this.#past;
    return new ReplayLoop({
      ...plan,
      signal: this.#abort.signal,
      nowMs,
      play: (page: Window, from: number, to: number) => {
        past?.apply(page, from, to);
        return session ? gateway.fanout.sendAlone(session, page, from, to) : 0;
      },
      // Views alone skip what a slow client has no time for; of the log it gets everything.
      drained: () => (session ? this.#drained() : Promise.resolve()),
      onProgress: (position) => this.#tell(position),
    });
  }

  /** The present: what follows the last event played, wherever that is by now. */
  async #join({ cursor, eventUs }: ReplayPosition, lost: Error | undefined): Promise<void> {
    const { plan, wanted } = this.#options;
    const { gateway } = plan;
    const session = this.#log;
    let head = this.#frame({ cursor, eventUs }, lost === undefined);
    // Where there is a log session, that is told what has become of its cursor.
    if (lost && !session) head += await gateway.ladder.viewReset({ text: formatCursor(cursor), fromHeader: true });
    if (this.#abort.signal.aborted) return;
    this.#end();
    if (this.#pastViews && wanted.views) {
      this.#past?.hub.close(this.#pastViews);
      this.#past?.hub.stop();
      const { every, streams } = wanted.views;
      // Of every symbol: those that have come since as well.
      const now = every ? gateway.state.symbols.map((symbol) => ({ symbol, ...every })) : streams;
      this.#liveViews = this.#viewSession({ ...wanted.views, streams: now }, gateway.views);
      gateway.views.add(this.#liveViews, head);
    } else this.#write(head);
    if (!session) return;
    session.position = gateway.window.positionAfter(cursor) ?? NOWHERE;
    if (lost) await gateway.ladder.goOn(session);
    else gateway.fanout.proceed(session);
  }

  /** Once a second: how far it is, and where a client of the log would come back to, though it was sent nothing. */
  #tell(position: ReplayPosition): void {
    const { sink } = this.#options;
    if (sink.writableLength > 0) return;
    const session = this.#log;
    const { cursor } = position;
    const isNew = session && !(session.sent?.epoch === cursor.epoch && session.sent.offset === cursor.offset);
    this.#write(this.#frame(position, false) + (isNew ? this.#idFrame(session, cursor) : ''));
    session?.noteSent(cursor);
  }

  #frame({ cursor, eventUs }: ReplayPosition, isLive: boolean): string {
    const { plan } = this.#options;
    const { tail } = plan.gateway.window;
    const atUs = eventUs || plan.startUs;
    const frame = {
      event: 'replay',
      position: formatCursor(cursor),
      at: atUs ? new Date(atUs / US_PER_MS).toISOString() : null,
      tail: tail ? formatCursor(tail) : null,
      live: isLive,
    };
    return controlFrame(frame.event, JSON.stringify(frame));
  }

  #idFrame({ format, stamp }: LogSession, cursor: Cursor): string {
    const { ordinal } = this.#options.plan.gateway.fanout.link(cursor);
    return idFrame(formatId(cursor, ordinal, format.ids, stamp));
  }

  /** What the client begins with: books as of the cursor, so that it can follow their changes. */
  #writeSnapshot({ state }: PastMarket, { filter, format, sink }: LogSession): void {
    const { plan, nowMs } = this.#options;
    const window = { tail: plan.after, first: 0, end: 0 };
    const frames = new SnapshotFrames({ window, state, accounts: { shown: () => [] }, nowMs });
    for (const bytes of frames.take(filter).onWire(format.framing)) sink.write(bytes);
  }

  #viewSession({ streams, every, intervalMs }: ViewsWanted, hub: Gateway['views']): ViewSession {
    const { sink, framing } = this.#options;
    const views = streams.map((stream) => hub.view(stream));
    return new ViewSession(sink, { framing, intervalMs, views, every, hasLog: this.#bundle !== undefined });
  }

  #end(): void {
    if (!this.#isOver) this.#options.onEnd();
    this.#isOver = true;
  }

  #showAgain(): void {
    if (this.#liveViews) this.#options.plan.gateway.views.showAgain(this.#liveViews);
  }

  #drained(): Promise<void> {
    const { sink } = this.#options;
    if (sink.writableLength === 0) return Promise.resolve();
    // Called with an error when the socket ends, which ends the replay as well.
    return new Promise((resolve) => sink.write(EMPTY, () => resolve()));
  }

  #write(text: string): void {
    const { sink, framing } = this.#options;
    // An empty chunk would end the response.
    if (text !== '') sink.write(onWire(text, framing));
  }

  /** The log has a hole there, or is another one by now: that is for the present to say. */
  readonly #lost = (error: Error): Error => {
    if (isLost(error)) return error;
    throw error;
  };
}
