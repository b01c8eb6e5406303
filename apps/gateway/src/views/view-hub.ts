import type { BookReplica } from '@depthcast/book';
import { streamId, type ViewStream } from '@depthcast/protocol';
import { SESSION_BUFFER_BYTES_MAX } from '../fanout/fanout.ts';
import { onWire } from '../fanout/format.ts';
import { View, type ViewSource } from './view.ts';
import { ViewGroup, type ViewStats } from './view-group.ts';
import { framesSince, type ViewSession } from './view-session.ts';

/** The groups of one interval: they are written together, so that a view is rendered once for all of them. */
interface Pace {
  readonly intervalMs: number;
  readonly groups: Set<ViewGroup>;
  lastMs: number;
  timer: NodeJS.Timeout | undefined;
}

/**
 * Rows a side that are rendered for those who want every change, in one batch; beyond them they get the newest at its
 * end. A row costs about a microsecond: without a bound one client could take all the time there is while a venue says
 * 50,000 orders a second, and hold up everybody. 100 changes of 20 rows in 1,000 entries take some 5 ms at most.
 */
const EVERY_CHANGE_ROWS_MAX = 2_000;

/**
 * All views and their watchers. A change after a quiet time leaves at once; further ones wait for the interval to
 * pass, and the newest goes out. Interval 0 sends every change of the book, as long as there are not too many at once.
 */
export class ViewHub {
  readonly stats: ViewStats = { framesOut: 0, bytesOut: 0, packetsOut: 0, packetBytesOut: 0, skipped: 0 };
  readonly #source: ViewSource;
  readonly #nowMs: () => number;
  readonly #bufferBytesMax: number;
  readonly #views = new Map<string, { view: View; sessions: number }>();
  readonly #groups = new Map<string, ViewGroup>();
  readonly #paces = new Map<number, Pace>();
  readonly #sessions = new Set<ViewSession>();
  /** Of {@link EVERY_CHANGE_ROWS_MAX}, in this batch. */
  #rowsLeft = EVERY_CHANGE_ROWS_MAX;
  #isDirty = false;
  #isPaused = true;

  /** @param bufferBytesMax what of one connection may wait unsent. */
  constructor(source: ViewSource, nowMs: () => number, bufferBytesMax = SESSION_BUFFER_BYTES_MAX) {
    this.#source = source;
    this.#bufferBytesMax = bufferBytesMax;
    this.#nowMs = nowMs;
  }

  get sessions(): ReadonlySet<ViewSession> {
    return this.#sessions;
  }

  /** The view of a stream: the one there is, or a new one that lives while somebody watches it. */
  view(stream: ViewStream): View {
    return this.#views.get(streamId(stream))?.view ?? new View(stream, this.#source);
  }

  /** Writes `head` (control frames) and the newest frames in one go, then keeps the session up to date. */
  add(session: ViewSession, head: string): void {
    const text = head + framesSince(session, undefined).text;
    if (text !== '') session.sink.write(onWire(text, session.framing));
    this.#sessions.add(session);
    for (const view of session.views) this.#hold(view);
    this.#enter(session);
  }

  /** The log has named a symbol for the first time: whoever watches every symbol watches it too. */
  onSymbol(symbol: string): void {
    for (const session of this.#sessions) {
      if (!session.every) continue;
      const view = this.view({ symbol, ...session.every });
      if (session.views.some((known) => known.key === view.key)) continue;
      const stamps = this.#exit(session);
      session.extend(view, stamps);
      this.#hold(view);
      this.#enter(session);
    }
  }

  /** Other views for a session: those that it has not been shown come at once, the others go on. */
  change(session: ViewSession, views: readonly View[], hasLog: boolean): void {
    if (!this.#sessions.has(session)) return;
    const stamps = this.#exit(session);
    const before = session.views;
    session.change(views, stamps, hasLog);
    for (const view of views) this.#hold(view);
    for (const view of before) this.#release(view);
    this.#enter(session);
    this.#groups.get(session.key)?.complete(session);
  }

  /** Its client has been told to begin anew: it is shown everything once more. */
  showAgain(session: ViewSession): void {
    if (this.#sessions.has(session)) this.#groups.get(session.key)?.showAgain(session);
  }

  /** Safe to call again. */
  close(session: ViewSession): void {
    if (!this.#sessions.delete(session)) return;
    for (const view of session.views) this.#release(view);
    this.#exit(session);
    session.state = 'closed';
  }

  /** Books are being rebuilt: what they show in between is not how things stand. */
  pause(): void {
    this.#isPaused = true;
  }

  resume(): void {
    this.#isPaused = false;
    this.markDirty();
    this.endBatch();
  }

  /** A book has changed: those who want every change get this one, before the next event is applied. */
  onBookChanged(replica: BookReplica): void {
    this.#isDirty = true;
    const everyChange = this.#paces.get(0);
    if (!everyChange || this.#isPaused) return;
    for (const group of everyChange.groups) {
      if (this.#rowsLeft <= 0) return;
      const rows = group.rowsOf(replica.symbol);
      if (rows === 0) continue;
      this.#rowsLeft -= rows;
      group.flush();
    }
  }

  /** Something that all views show has changed. */
  markDirty(): void {
    this.#isDirty = true;
  }

  /** After each batch: once for however many changes it brought. */
  endBatch(): void {
    this.#rowsLeft = EVERY_CHANGE_ROWS_MAX;
    if (!this.#isDirty || this.#isPaused) return;
    this.#isDirty = false;
    const nowMs = this.#nowMs();
    for (const pace of this.#paces.values()) {
      const restMs = pace.lastMs + pace.intervalMs - nowMs;
      if (restMs <= 0) this.#flush(pace);
      else pace.timer ??= setTimeout(() => this.#flush(pace), restMs);
    }
  }

  /** Once a connection, whatever the number of its view sessions. */
  heartbeat(text: string): void {
    for (const group of this.#groups.values()) if (group.hasHeartbeats) group.writeToAll(text);
  }

  stop(): void {
    for (const pace of this.#paces.values()) clearTimeout(pace.timer);
  }

  #flush(pace: Pace): void {
    clearTimeout(pace.timer);
    pace.timer = undefined;
    if (this.#isPaused) return;
    pace.lastMs = this.#nowMs();
    for (const group of pace.groups) group.flush();
  }

  #hold(view: View): void {
    const known = this.#views.get(view.key);
    if (known) known.sessions++;
    else this.#views.set(view.key, { view, sessions: 1 });
  }

  #release(view: View): void {
    const known = this.#views.get(view.key);
    if (known && --known.sessions === 0) this.#views.delete(view.key);
  }

  #enter(session: ViewSession): void {
    let group = this.#groups.get(session.key);
    if (!group) {
      group = new ViewGroup(session, this.stats, this.#bufferBytesMax);
      this.#groups.set(session.key, group);
      this.#pace(session.intervalMs).groups.add(group);
    }
    group.add(session);
  }

  #exit(session: ViewSession): readonly number[] {
    const group = this.#groups.get(session.key) as ViewGroup;
    const stamps = group.remove(session);
    if (group.size > 0) return stamps;
    this.#groups.delete(session.key);
    const pace = this.#pace(session.intervalMs);
    pace.groups.delete(group);
    if (pace.groups.size === 0) {
      clearTimeout(pace.timer);
      this.#paces.delete(pace.intervalMs);
    }
    return stamps;
  }

  #pace(intervalMs: number): Pace {
    let pace = this.#paces.get(intervalMs);
    if (!pace) {
      pace = { intervalMs, groups: new Set(), lastMs: this.#nowMs(), timer: undefined };
      this.#paces.set(intervalMs, pace);
    }
    return pace;
  }
}
