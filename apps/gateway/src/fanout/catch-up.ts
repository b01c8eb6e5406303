import { EncodedCache } from './encoded-cache.ts';
import type { Encoded, Encoder } from './encoder.ts';
import { EMPTY } from './format.ts';
import { frameKey } from './group.ts';
import { partEnd } from './part.ts';
import { type LogSession, NOWHERE } from './session.ts';
import type { Window } from './window.ts';

export interface CatchUpOptions {
  readonly window: Window;
  readonly encoder: Encoder;
  /** Writes a part of the window to a session, whose position is past it already. */
  readonly send: (session: LogSession, encoded: Encoded) => void;
  /** A session has come to the window's end. */
  readonly onHead: (session: LogSession) => void;
  /** A session's next entry is not in the window. */
  readonly onOutside: (session: LogSession) => void;
  readonly cacheBytesMax: number | undefined;
  /** What of one connection may wait unsent. */
  readonly bufferBytesMax: number;
}

const CACHE_BYTES_MAX = 16 << 20;
/** What one turn may write before the tail and the timers get their turn. */
const BYTES_PER_TURN = 4 << 20;
const SEGMENTS_PER_TURN = 256;
/** What looking at an entry is charged of that budget, wanted or not: a turn that finds nothing must end as well. */
const BYTES_PER_ENTRY = 16;
/** A frame that is written anew is not so much longer that a part of half the room would not fit. */
const REWRITTEN_TIMES_MAX = 2;

/**
 * Sessions that are not at the head of the log: each waits until its socket has taken what it was given, and is given
 * the window a segment at a time, in turn with the others, until it has come to the end. One with a rate waits for its
 * budget as well, and is given no more than that allows.
 */
export class CatchUp {
  readonly #options: CatchUpOptions;
  readonly #cache: EncodedCache;
  #behind: LogSession[] = [];
  #turn: NodeJS.Immediate | undefined;

  constructor(options: CatchUpOptions) {
    this.#options = options;
    this.#cache = new EncodedCache(options.cacheBytesMax ?? CACHE_BYTES_MAX);
  }

  /** The session goes on from its `position`, as soon as its socket has taken what it was given. */
  proceed(session: LogSession): void {
    if (session.isClosed) return;
    if (session.sink.writableLength > 0) this.drain(session);
    else this.#queue(session);
  }

  /** An empty write is done when everything before it is: the one signal that does not depend on water marks. */
  drain(session: LogSession): void {
    session.state = 'draining';
    // Whatever waits by then is a view's frame on the same socket; to wait for it too could be for ever.
    session.onDrained ??= (error) => {
      if (!error && session.state === 'draining') this.#queue(session);
    };
    session.sink.write(EMPTY, session.onDrained);
  }

  /** It has been sent as much as its rate allows, and goes on from where it stands when that is more again. */
  hold(session: LogSession): void {
    session.state = 'held';
    session.budget?.hold('log', () => {
      if (session.state === 'held') this.#queue(session);
    });
  }

  /** What a session may be given now of the entries `from` to `to - 1`: up to here. Nothing when its budget is spent. */
  partFor(session: LogSession, window: Window, from: number, to: number): number {
    const { budget, sink } = session;
    const bytesMax = this.#options.bufferBytesMax - sink.writableLength;
    if (!budget && window.bytesIn(from, to) * REWRITTEN_TIMES_MAX <= bytesMax) return to;
    const framesMax = budget ? budget.available : Number.POSITIVE_INFINITY;
    return framesMax === 0 ? from : partEnd(window, from, to, session, { framesMax, bytesMax });
  }

  /** Made once for all who want the same within a moment, so that sockets that are slow to take it hold it once. */
  encode(session: LogSession, window: Window, from: number, to: number): Encoded {
    const key = `${frameKey(session, window.accountsIn(from, to))}|${window.id}|${from}|${to}`;
    return this.#cache.get(key, () => this.#options.encoder.encode(window, from, to, session));
  }

  /** The window has been replaced. */
  clear(): void {
    this.#cache.clear();
  }

  stop(): void {
    clearImmediate(this.#turn);
    this.#turn = undefined;
    this.#behind = [];
  }

  #queue(session: LogSession): void {
    session.state = 'behind';
    this.#behind.push(session);
    this.#turn ??= setImmediate(this.#catchUp);
  }

  /** One turn: each session gets a segment, round robin, until the turn's budget is spent. */
  readonly #catchUp = (): void => {
    this.#turn = undefined;
    let budget = BYTES_PER_TURN;
    const queue = this.#behind;
    // Who is not done stands in line again, so the line's length is taken once.
    const stepsMax = queue.length + SEGMENTS_PER_TURN;
    let done = 0;
    while (done < queue.length && done < stepsMax && budget > 0) {
      const session = queue[done++] as LogSession;
      if (session.state !== 'behind') continue;
      budget -= this.#step(session);
      if (session.state === 'behind') queue.push(session);
    }
    this.#behind = queue.slice(done);
    if (this.#behind.length > 0) this.#turn ??= setImmediate(this.#catchUp);
  };

  /** The rest of one segment, or the way home; returns what it costs of the turn's budget. */
  #step(session: LogSession): number {
    const { window, onHead, onOutside, send } = this.#options;
    const from = session.position;
    if (from !== window.end && session.budget?.available === 0) {
      this.hold(session);
      return 0;
    }
    if (from === NOWHERE || from < window.first) {
      session.position = NOWHERE;
      session.state = 'waiting';
      onOutside(session);
      return 0;
    }
    if (from === window.end) {
      onHead(session);
      return 0;
    }
    const to = this.partFor(session, window, from, window.segmentAt(from).endPosition);
    const encoded = this.encode(session, window, from, to);
    session.position = to;
    session.cursor = window.cursorAt(to - 1);
    send(session, encoded);
    if (session.sink.writableLength > 0) this.drain(session);
    return (encoded.bytes?.length ?? 0) + (to - from) * BYTES_PER_ENTRY;
  }
}
