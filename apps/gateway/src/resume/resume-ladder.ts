import { setTimeout as sleep } from 'node:timers/promises';
import { type Cursor, formatCursor, type Reset, type ResetReason } from '@depthcast/protocol';
import type { Fanout } from '../fanout/fanout.ts';
import { controlFrame, type Format, formatId } from '../fanout/format.ts';
import { type LogSession, NOWHERE } from '../fanout/session.ts';
import type { Window } from '../fanout/window.ts';
import { FlightsFullError } from './flights.ts';
import type { History } from './history.ts';
import type { CursorLocator, Located, ResumeRequest } from './locator.ts';
import { isAway, isLost, Patience } from './patience.ts';
import { showAll } from './show-all.ts';
import type { SnapshotFrames } from './snapshot-frames.ts';

/** Where a session's start was found; `head` is one that had no cursor. */
export type Rung = 'head' | 'window' | 'redis' | 'journal' | 'reset';

export interface LadderStats {
  readonly outcomes: Record<Rung, number>;
  readonly resets: Record<ResetReason, number>;
  pages: number;
}

export interface LadderOptions {
  readonly window: Window;
  readonly fanout: Fanout;
  readonly history: History;
  readonly locator: CursorLocator;
  readonly snapshots: SnapshotFrames;
  /** `undefined`: an epoch that is not on this timeline. */
  readonly ordinalOf: (epoch: number) => number | undefined;
  /** Resolves when what we know is as new as Redis was when we (last) began: before it there is nothing to show. */
  readonly caughtUp: () => Promise<void>;
  readonly onWarn: (message: string, error: Error) => void;
  /** How long a session waits for a journal that does not answer, before its client has to come back. */
  readonly journalWaitMs?: number;
}

const RETRY_MS = 100;
/** Attempts to find a place for a cursor that the log says it holds but does not give. */
const ATTEMPTS_MAX = 50;
const JOURNAL_WAIT_MS = 15_000;
/** A cursor is shorter; what a client made up is not sent back in full. */
const REQUESTED_CHARS_MAX = 100;

/**
 * Finds where a session goes on, from the cheapest place down: window, Redis, the journal, and when none has it a
 * `reset` with its reason and a fresh snapshot. No client is ever silently moved ahead.
 */
export class ResumeLadder {
  readonly stats: LadderStats = {
    outcomes: { head: 0, window: 0, redis: 0, journal: 0, reset: 0 },
    resets: { trimmed: 0, forked: 0, unknown: 0, ahead: 0, repartitioned: 0 },
    pages: 0,
  };
  readonly #options: LadderOptions;
  /** Those whose place has not been found yet. */
  readonly #starting = new WeakSet<LogSession>();

  constructor(options: LadderOptions) {
    this.#options = options;
  }

  /**
   * Starts a session that has been added to the fan-out. Never rejects.
   *
   * @param fresh what one without a cursor is given: what comes from now on, or first how things stand.
   */
  start(session: LogSession, request?: ResumeRequest, fresh: 'tail' | 'snapshot' = 'tail'): Promise<void> {
    return this.#guard(session, this.#start(session, request, fresh));
  }

  /**
   * A session's next entry is not in the window: its own slowness, a long absence, or a window begun anew. Never
   * rejects.
   */
  goOn(session: LogSession): Promise<void> {
    return this.#guard(session, this.#goOn(session));
  }

  /**
   * What a client of views alone is told that came with a cursor: a `reset` frame when what follows the cursor cannot be
   * told, else nothing. It gets the newest frames in any case.
   */
  async viewReset(request: ResumeRequest): Promise<string> {
    const reason = await this.lostToViews(request);
    if (!reason) return '';
    const earliest = await this.#options.history.earliest();
    return this.resetFrame(reason, request.text, this.#endsOf(earliest, this.#options.window.tail, 'cursor'));
  }

  /** Why what follows a cursor cannot be told, if it cannot. */
  async lostToViews(request: ResumeRequest): Promise<ResetReason | undefined> {
    const { locator, history } = this.#options;
    const located = await locator.locate(request);
    if (located.kind === 'beginning') return undefined;
    if (located.kind === 'held' && this.#inWindow(located.cursor) !== NOWHERE) return undefined;
    const earliest = await history.earliest();
    // Redis may be away: then nothing speaks against the cursor.
    if (located.kind === 'held' && (!earliest || locator.isFollowed(located.cursor, earliest))) return undefined;
    if (located.kind === 'held' && (await history.isKept(located.cursor))) return undefined;
    return located.kind === 'lost' ? located.reason : 'trimmed';
  }

  /** A `reset` frame, counted. */
  resetFrame(reason: ResetReason, requested: string, ends: Pick<Reset, 'earliest' | 'tail'>): string {
    this.stats.resets[reason]++;
    const reset: Reset = { reason, requested: requested.slice(0, REQUESTED_CHARS_MAX), ...ends };
    return controlFrame('reset', JSON.stringify(reset));
  }

  /** A session that cannot be helped is let go, so that its client comes back; the others know nothing of it. */
  async #guard(session: LogSession, work: Promise<void>): Promise<void> {
    try {
      await work;
    } catch (error) {
      this.#options.onWarn('resuming failed', error as Error);
      session.sink.destroy();
    }
  }

  async #start(session: LogSession, request: ResumeRequest | undefined, fresh: 'tail' | 'snapshot'): Promise<void> {
    const { fanout } = this.#options;
    await this.#options.caughtUp();
    if (session.isClosed) return;
    if (!request) {
      this.stats.outcomes.head++;
      if (fresh === 'snapshot') showAll([{ fanout, session, snapshot: this.#options.snapshots.take(session.filter) }]);
      else fanout.startAtHead(session);
      return;
    }
    const located = await this.#locate(session, request);
    if (!located || session.isClosed) return;
    if (located.kind === 'lost') return await this.#reset(session, located.reason, request.text);
    if (located.kind === 'trimmed') return await this.#reset(session, 'trimmed', request.text);
    if (located.kind === 'held') {
      session.cursor = located.cursor;
      session.sent = located.cursor;
      session.prev = fanout.link(located.cursor);
    }
    this.#starting.add(session);
    session.position = this.#inWindow(session.cursor);
    if (session.position !== NOWHERE) this.#noteFound(session, 'window');
    fanout.proceed(session);
  }

  /** What only the journal knows is waited for while it is away, up to a bound; nothing for a session that has left. */
  async #locate(session: LogSession, request: ResumeRequest): Promise<Located | undefined> {
    const patience = this.#patience();
    while (!session.isClosed) {
      try {
        return await this.#options.locator.locate(request);
      } catch (error) {
        await patience.wait(error);
      }
    }
    return undefined;
  }

  async #goOn(session: LogSession): Promise<void> {
    const { fanout } = this.#options;
    const patience = this.#patience();
    for (let attempt = 0; !session.isClosed; attempt++) {
      session.position = this.#inWindow(session.cursor);
      if (session.position !== NOWHERE) {
        this.#noteFound(session, 'window');
        return fanout.proceed(session);
      }
      try {
        if (await this.#sendPage(session)) return;
      } catch (error) {
        if (error instanceof FlightsFullError) throw error;
        if (isAway(error)) {
          await patience.wait(error);
          attempt--;
          continue;
        }
        if (!isLost(error)) this.#options.onWarn('reading history failed', error as Error);
        else if (await this.#resetIfLost(session, 'trimmed')) return;
      }
      if (session.isClosed) return;
      if (attempt >= ATTEMPTS_MAX) return await this.#reset(session, 'unknown', this.#textOf(session));
      await sleep(RETRY_MS);
    }
  }

  /** One page out of Redis or the journal; false when there is none to send yet. */
  async #sendPage(session: LogSession): Promise<boolean> {
    const { fanout, history, window } = this.#options;
    const asked = session.cursor;
    const { page, from, to, rung } = await history.after(asked);
    if (session.isClosed) return true;
    if (session.cursor !== asked) return false;
    if (from === to) {
      if (asked) return this.#resetIfLost(session, undefined);
      if (!window.tail) return false;
      fanout.startAtHead(session);
      return true;
    }
    const send = () => {
      if (session.isClosed) return 0;
      this.stats.pages++;
      const bytes = fanout.sendPage(session, page, from, to);
      session.position = this.#inWindow(session.cursor);
      fanout.proceed(session);
      return bytes;
    };
    this.#noteFound(session, rung);
    await history.inTurn(send, rung);
    return true;
  }

  #noteFound(session: LogSession, rung: Rung): void {
    if (this.#starting.delete(session)) this.stats.outcomes[rung]++;
  }

  #patience(): Patience {
    return new Patience(this.#options.journalWaitMs ?? JOURNAL_WAIT_MS);
  }

  /** Looks at the cursor again; true when it is lost and the session has been reset. */
  async #resetIfLost(session: LogSession, ifHeld: 'trimmed' | undefined): Promise<boolean> {
    const { cursor } = session;
    const located = cursor && (await this.#options.locator.locateCursor(cursor));
    if (session.isClosed) return true;
    if (located?.kind === 'held' && this.#inWindow(cursor) !== NOWHERE) return false;
    const reason = located?.kind === 'lost' ? located.reason : located?.kind === 'trimmed' ? 'trimmed' : ifHeld;
    if (!reason) return false;
    await this.#reset(session, reason, this.#textOf(session));
    return true;
  }

  /** Says why, shows how things stand, gives the cursor of that moment, and goes on from exactly there. */
  async #reset(session: LogSession, reason: ResetReason, requested: string): Promise<void> {
    const { fanout, snapshots, history } = this.#options;
    // What is lost of one partition's log is lost to the connection: it is shown everything anew.
    if (session.ensemble) return await session.ensemble.reset(reason);
    await this.#options.caughtUp();
    const earliest = await history.earliest();
    if (session.isClosed) return;
    const snapshot = snapshots.take(session.filter);
    this.#starting.delete(session);
    this.stats.outcomes.reset++;
    const ends = this.#endsOf(earliest, snapshot.cursor, session.format.ids);
    fanout.writeTo(session, this.resetFrame(reason, requested, ends));
    showAll([{ fanout, session, snapshot }]);
    session.companion?.onReset();
  }

  /** `earliest` is what Redis and the journal say, if they do. */
  #endsOf(
    earliest: Cursor | undefined,
    tail: Cursor | undefined,
    ids: Format['ids'],
  ): Pick<Reset, 'earliest' | 'tail'> {
    const first = earliest ?? this.#options.window.earliest;
    return {
      earliest: (first && this.#idOf(first, ids)) ?? null,
      tail: (tail && this.#idOf(tail, ids)) ?? null,
    };
  }

  #inWindow(cursor: Cursor | undefined): number {
    return (cursor && this.#options.window.positionAfter(cursor)) ?? NOWHERE;
  }

  /** `undefined` where an integer is wanted and the epoch, of a timeline that is no more, has none. */
  #idOf(cursor: Cursor, ids: Format['ids']): string | undefined {
    if (ids === 'cursor') return formatCursor(cursor);
    const ordinal = this.#options.ordinalOf(cursor.epoch);
    return ordinal === undefined ? undefined : formatId(cursor, ordinal, ids);
  }

  #textOf({ cursor, format }: LogSession): string {
    return cursor ? (this.#idOf(cursor, format.ids) ?? formatCursor(cursor)) : '0';
  }
}
