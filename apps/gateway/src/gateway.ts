import { type FollowState, type LogEntry, previousTailOf, Timeline } from '@depthcast/log';
import { type Cursor, compareCursors, formatCursor } from '@depthcast/protocol';
import { AccountRenewal } from './commands/account-renewal.ts';
import { AccountTable } from './commands/account-table.ts';
import { AckWaiters } from './commands/ack-waiters.ts';
import { EventClock } from './commands/event-clock.ts';
import { Fanout, SESSION_BUFFER_BYTES_MAX } from './fanout/fanout.ts';
import { Filters } from './fanout/filters.ts';
import { LagLimit } from './fanout/lag.ts';
import { type Topic, TopicTable } from './fanout/topics.ts';
import { WINDOW_LIMITS, Window, type WindowLimits } from './fanout/window.ts';
import type { History } from './resume/history.ts';
import type { Journal } from './resume/journal.ts';
import type { JournalSource } from './resume/journal-source.ts';
import type { CursorLocator } from './resume/locator.ts';
import { makeResume } from './resume/make-resume.ts';
import type { Pacer } from './resume/pacer.ts';
import type { ResumeLadder } from './resume/resume-ladder.ts';
import type { SnapshotFrames } from './resume/snapshot-frames.ts';
import { DeliveryLatency } from './tail/delivery-latency.ts';
import { DeliveryWatch } from './tail/delivery-watch.ts';
import { Gate } from './tail/gate.ts';
import type { LogSource } from './tail/log-source.ts';
import { type TailConsumer, TailLoop, type TailStart } from './tail/tail-loop.ts';
import { CursorWaiters } from './tail/waiters.ts';
import { MarketState } from './views/market-state.ts';
import { ViewHub } from './views/view-hub.ts';

export interface GatewayOptions {
  readonly source: LogSource;
  readonly flushMs: number;
  /** While there are no clients; see TailOptions. */
  readonly idleMs?: number;
  readonly clockStaleMs: number;
  readonly window?: Partial<WindowLimits>;
  readonly onWarn: (message: string, error?: Error) => void;
  readonly onStarted?: () => void;
  /** Whether any partition has a symbol to show; without it this one's own count. */
  readonly hasSymbols?: () => boolean;
  /** A cursor of this partition as clients of its views are given it, where it is one of several. */
  readonly idOf?: (cursor: Cursor) => string;
  /** `silent`: the tip moves, the tail does not, and a new connection is being tried. */
  readonly onState?: (state: FollowState) => void;
  readonly nowMs?: () => number;
  readonly aheadWaitMs?: number;
  /** What has left Redis. Without it a cursor that is too old is a `reset`. */
  readonly journal?: JournalSource | undefined;
  readonly journalWaitMs?: number;
  /** What of one connection may wait unsent. */
  readonly sessionBufferBytesMax?: number;
  /** Entries that a session which waits for its socket may fall back by; 0: any number. */
  readonly sessionLagMax?: number;
  /** Read and written for all who come back from the journal. */
  readonly resumeBytesPerSecondMax?: number;
  /** Of what is read from Redis for them. */
  readonly redisPacer?: Pacer;
}

export interface TailStats {
  entries: number;
  batches: number;
  lastBatchEntries: number;
  restarts: number;
  mismatches: number;
}

/** A batch beyond it is written in parts, so that one write never holds much of a slow client's memory. */
const WRITE_BYTES_MAX = 512 << 10;
/** Ids that are written anew make frames longer than they are here. */
const WRITES_PER_BUFFER = 2;
const ENTRY_BYTES_EXTRA = 64;

/**
 * One partition's log, followed once and given to any number of sessions. Everything here happens in one thread and
 * one turn a batch: appended to the window, written to the groups, applied to the books, in this order, so that
 * between two turns window, books and groups are all at the same entry.
 */
export class Gateway implements TailConsumer {
  readonly topics = new TopicTable();
  readonly filters = new Filters(this.topics);
  readonly window: Window;
  readonly fanout: Fanout;
  readonly state: MarketState;
  readonly views: ViewHub;
  readonly ladder: ResumeLadder;
  readonly locator: CursorLocator;
  readonly snapshots: SnapshotFrames;
  /** What is older than the window, for those who come back, */
  readonly history: History;
  /** and for those who want it played. */
  readonly past: History;
  readonly journal: Journal | undefined;
  readonly watch: DeliveryWatch;
  /** Finds the sessions that fall too far behind. */
  readonly lags: LagLimit;
  readonly latency: DeliveryLatency;
  readonly accounts: AccountTable;
  readonly acks = new AckWaiters(() => this.#hurry());
  readonly clock: EventClock;
  /** A cursor as clients of views are given it. */
  readonly idOf: (cursor: Cursor) => string;
  readonly stats: TailStats = { entries: 0, batches: 0, lastBatchEntries: 0, restarts: 0, mismatches: 0 };
  readonly #options: GatewayOptions;
  readonly #writeBytesMax: number;
  #loop: TailLoop | undefined;
  readonly #renewal: AccountRenewal;
  readonly #waiters = new CursorWaiters(() => this.#hurry());
  #timeline = new Timeline([]);
  #target: Cursor | undefined;
  #caughtUp = new Gate();
  #isCaughtUp = false;
  #hasStarted = false;
  /** The log was known to reach that far while it was not followed. */
  #seen: Cursor | undefined;
  #looking: Promise<void> | undefined;
  /** Scratch of onBatch(): each entry's topic, looked up once. */
  #batchTopics: Topic[] = [];

  constructor(options: GatewayOptions) {
    this.#options = options;
    this.idOf = options.idOf ?? formatCursor;
    const { source } = options;
    const nowMs = options.nowMs ?? Date.now;
    const ordinalOf = (epoch: number) => this.#ordinalOf(epoch);
    const bufferBytesMax = options.sessionBufferBytesMax ?? SESSION_BUFFER_BYTES_MAX;
    this.#writeBytesMax = Math.min(WRITE_BYTES_MAX, bufferBytesMax / WRITES_PER_BUFFER);
    this.window = new Window({ ...WINDOW_LIMITS, ...options.window });
    this.fanout = new Fanout({
      window: this.window,
      ordinalOf,
      nowMs,
      onOutside: (session) => void this.ladder.goOn(session),
      onAdd: () => this.#hurry(),
      onJoin: (session) => this.watch.onJoin(session),
      sessionBufferBytesMax: bufferBytesMax,
    });
    const { window, fanout } = this;
    this.lags = new LagLimit({ window, sessions: fanout.sessions, entriesMax: options.sessionLagMax ?? 0 });
    this.state = new MarketState({
      onMismatch: (symbol, reason) => this.#onMismatch(symbol, reason),
      onBookChanged: (replica) => this.views.onBookChanged(replica),
      onSymbol: (symbol) => this.views.onSymbol(symbol),
    });
    this.watch = new DeliveryWatch({
      fanout: this.fanout,
      state: this.state,
      staleMs: options.clockStaleMs,
      nowMs,
      onChanged: () => {
        this.views.markDirty();
        this.views.endBatch();
      },
    });
    this.latency = new DeliveryLatency(nowMs, () => performance.now());
    this.clock = new EventClock(nowMs);
    this.accounts = new AccountTable({
      tsNs: () => this.clock.tsNs,
      onOrder: (account, type, payload) => this.acks.onOrder(account, type, payload),
      onUnknown: () => this.#renewal.begin(),
      onUnreadable: (what, error) => options.onWarn(what, error),
    });
    this.#renewal = new AccountRenewal({
      stored: () => source.accounts(),
      onStored: (stored) => this.accounts.renew(stored),
    });
    const { state, watch, accounts } = this;
    this.views = new ViewHub(
      {
        book: (symbol) => state.book(symbol),
        idOf: this.idOf,
        get isStale() {
          return watch.isStale;
        },
        get clockUs() {
          return state.clockUs;
        },
      },
      nowMs,
      bufferBytesMax,
    );
    const resume = makeResume({
      ...options,
      window,
      fanout,
      state,
      accounts,
      nowMs,
      topics: this.topics,
      waiters: this.#waiters,
      timeline: () => this.#timeline,
      onTimeline: (timeline) => {
        // The tail may have crossed into a newer epoch since, and of the same one it knows no less.
        if ((timeline.current?.epoch ?? -1) > (this.#timeline.current?.epoch ?? -1)) this.#timeline = timeline;
      },
      ordinalOf: (epoch) => this.#knownOrdinalOf(epoch),
      caughtUp: () => this.caughtUp(),
    });
    this.journal = resume.journal;
    this.history = resume.history;
    this.past = resume.past;
    this.snapshots = resume.snapshots;
    this.locator = resume.locator;
    this.ladder = resume.ladder;
  }

  /** Where the log is known to be, and how far this gateway is from the end it last saw. */
  get timeline(): Timeline {
    return this.#timeline;
  }

  /** Whether what we know is as new as Redis was when we (last) began. */
  get isCaughtUp(): boolean {
    return this.#isCaughtUp;
  }

  /** Whether it ever has been, with a symbol to show: from then on there is something to serve, be it stale. */
  get hasStarted(): boolean {
    return this.#hasStarted;
  }

  /** Reads what has come while nobody was here; a moment at most. */
  async refresh(): Promise<void> {
    this.#hurry();
    await this.#loop?.refreshed;
  }

  /** Resolves when what is known is as new as the log was when it was (last) begun. */
  async caughtUp(): Promise<void> {
    await this.#caughtUp.opened;
    await this.#loop?.refreshed;
  }

  /**
   * Up to here whoever wants nothing of this partition has received all of it: the tail, and while the log is not
   * followed what was last seen of it. It does not go back.
   */
  get place(): Cursor | undefined {
    const { tail } = this.window;
    return this.#isCaughtUp ? tail : later(this.#seen, tail);
  }

  /** How far the log reaches, without following it. One look for all who ask at once. */
  look(): Promise<void> {
    this.#looking ??= this.#options.source
      .tip()
      .then((tip) => {
        this.#seen = later(this.#seen, tip && { epoch: tip.epoch, offset: tip.offset });
      })
      .finally(() => {
        this.#looking = undefined;
      });
    return this.#looking;
  }

  /** Whether what comes next is for anybody: it is, too, for who waits until all is known. */
  get isAwaited(): boolean {
    if (!this.#isCaughtUp) return true;
    return this.fanout.sessions.size + this.views.sessions.size + this.acks.size + this.#waiters.size > 0;
  }

  get isFollowing(): boolean {
    return this.#loop !== undefined;
  }

  /** Follows the log. Safe to call again. */
  start(): void {
    const { source, flushMs, idleMs = 0, onWarn } = this.#options;
    this.#loop ??= new TailLoop({ source, consumer: this, flushMs, idleMs, onWarn });
    this.#loop.start();
  }

  /** Nobody is here: the log is not followed until {@link start}. */
  async pause(): Promise<void> {
    const loop = this.#loop;
    this.#loop = undefined;
    this.#seen = this.place;
    if (this.#isCaughtUp) this.#caughtUp = new Gate();
    this.#isCaughtUp = false;
    this.views.pause();
    this.watch.onPaused();
    await loop?.stop();
    this.#renewal.stop();
    // Nobody can ask for it before it has been begun anew.
    this.window.restart(this.#seen);
  }

  async stop(): Promise<void> {
    this.views.stop();
    this.fanout.stop();
    this.#waiters.stop();
    this.acks.stop();
    await this.#loop?.stop();
    // Behind the last batch, which may have begun it again.
    this.#renewal.stop();
  }

  onStart(start: TailStart): void {
    this.#timeline = start.timeline;
    this.#target = start.target;
    this.window.restart(start.after);
    this.views.pause();
    this.state.restart(start.books);
    this.accounts.restart(start);
    if (this.#isCaughtUp) this.#caughtUp = new Gate();
    this.#isCaughtUp = false;
    this.history.clear();
    this.past.clear();
    this.snapshots.clear();
    this.fanout.rebase();
    this.stats.restarts++;
    this.#checkCaughtUp();
    if (!this.#hasStarted) this.#checkStarted();
  }

  onBatch(entries: readonly LogEntry[]): void {
    const { window, fanout, topics } = this;
    const batchTopics = this.#batchTopics;
    const startedMs = performance.now();
    let from = window.end;
    let pendingBytes = 0;
    let hasClock = false;
    let ordinal = 0;
    let ordinalEpoch = -1;
    for (let i = 0; i < entries.length; i++) {
      const { epoch, offset, topic: text, payload } = entries[i] as LogEntry;
      const topic = topics.of(text, payload);
      batchTopics[i] = topic;
      if (text === 'epoch') this.#timeline.cross(epoch, previousTailOf(payload));
      else if (text === 'clock') hasClock = true;
      if (epoch !== ordinalEpoch) {
        ordinal = this.#ordinalOf(epoch);
        ordinalEpoch = epoch;
      }
      const bytes = payload.length + ENTRY_BYTES_EXTRA;
      if (pendingBytes > 0 && pendingBytes + bytes > this.#writeBytesMax) {
        fanout.publish(from);
        from = window.end;
        pendingBytes = 0;
      }
      window.append(epoch, ordinal, offset, topic, payload);
      pendingBytes += bytes;
    }
    fanout.publish(from);
    // What is read to catch up has been late before anybody here could help it.
    if (this.#isCaughtUp) this.latency.written(entries, batchTopics, startedMs);
    window.evict();
    this.#applyAll(entries);
    this.stats.entries += entries.length;
    this.stats.batches++;
    this.stats.lastBatchEntries = entries.length;
    if (window.tail) this.#waiters.onTail(window.tail);
    if (!this.#isCaughtUp) this.#checkCaughtUp();
    if (!this.#hasStarted) this.#checkStarted();
    if (hasClock) this.clock.onClock(this.state.clockTsNs, { isReplayed: !this.#isCaughtUp });
    if (this.#isCaughtUp) this.watch.onBooks();
    if (hasClock) this.watch.onClock();
    this.views.endBatch();
  }

  /** What has been written to the groups becomes what is known here. */
  #applyAll(entries: readonly LogEntry[]): void {
    const { state, accounts } = this;
    const topics = this.#batchTopics;
    for (let i = 0; i < entries.length; i++) {
      const topic = topics[i] as Topic;
      const entry = entries[i] as LogEntry;
      if (topic.isPrivate) accounts.apply(entry, topic);
      else if (topic.type === 'epoch') accounts.onEpoch(entry, wordOf(entry.payload, 'reason'));
      else if (topic.type === 'engine') accounts.onEngine(entry, wordOf(entry.payload, 'version'));
      else state.apply(entry, topic);
    }
    state.endBatch();
  }

  onState(state: FollowState): void {
    this.#options.onState?.(state);
  }

  #hurry(): void {
    this.#loop?.hurry();
  }

  /** @throws Error for an epoch that is not on this timeline: an ordinal made up for it would send clients back. */
  #ordinalOf(epoch: number): number {
    const ordinal = this.#knownOrdinalOf(epoch);
    if (ordinal === undefined) throw new Error(`epoch ${epoch} is not on this timeline`);
    return ordinal;
  }

  #knownOrdinalOf(epoch: number): number | undefined {
    return this.#timeline.ordinalOf(epoch) ?? this.journal?.epochs.known?.timeline.ordinalOf(epoch);
  }

  #checkCaughtUp(): void {
    const { tail } = this.window;
    if (!tail || !this.#target || compareCursors(tail, this.#target) < 0) return;
    this.#isCaughtUp = true;
    this.#caughtUp.open();
    this.watch.onCaughtUp();
    this.views.resume();
  }

  #checkStarted(): void {
    const hasSymbols = this.#options.hasSymbols?.() ?? this.state.symbols.length > 0;
    if (!this.#isCaughtUp || !hasSymbols) return;
    this.#hasStarted = true;
    this.#options.onStarted?.();
  }

  #onMismatch(symbol: string, reason: string): void {
    this.stats.mismatches++;
    this.#options.onWarn(`book of ${symbol}: ${reason}`);
  }
}

function later(a: Cursor | undefined, b: Cursor | undefined): Cursor | undefined {
  return a && b ? (compareCursors(a, b) >= 0 ? a : b) : (a ?? b);
}

/** A member of an event of the engine's own; empty where it has none. */
function wordOf(payload: Buffer, name: string): string {
  return new RegExp(`"${name}":"([^"]*)"`).exec(payload.toString())?.[1] ?? '';
}
