import type { Cursor } from '@depthcast/protocol';
import { EncodedCache } from './encoded-cache.ts';
import { type ChainLink, type Encoded, Encoder } from './encoder.ts';
import type { Filter } from './filter.ts';
import { EMPTY, type Format, formatId, idFrame, onWire } from './format.ts';
import { frameKey, Group } from './group.ts';
import { type LogSession, NOWHERE } from './session.ts';
import type { Window } from './window.ts';

export interface FanoutOptions {
  readonly window: Window;
  /** A session's next entry is not in the window: somebody has to find it, then call {@link Fanout.proceed}. */
  readonly onOutside: (session: LogSession) => void;
  /** A session comes to the head: a last chance to write to it alone. */
  readonly onJoin?: (session: LogSession) => void;
  /** @throws Error when the epoch is not on this timeline. */
  readonly ordinalOf: (epoch: number) => number;
  readonly nowMs: () => number;
  readonly encodedCacheBytesMax?: number;
}

/** Plain counters: one addition a batch and group, read when somebody asks for metrics. */
export interface FanoutStats {
  framesOut: number;
  bytesOut: number;
  /** Of these, to clients of Socket.IO. */
  packetsOut: number;
  packetBytesOut: number;
  writes: number;
  slowWrites: number;
}

const ENCODED_CACHE_BYTES_MAX = 16 << 20;
/** What one turn of catching up may write before the tail and the timers get their turn. */
const CATCH_UP_BYTES_PER_TURN = 4 << 20;
const CATCH_UP_SEGMENTS_PER_TURN = 256;
/** What looking at an entry is charged of that budget, wanted or not: a turn that finds nothing must end as well. */
const CATCH_UP_BYTES_PER_ENTRY = 16;
const KEEP_ALIVE = ': keep-alive\n\n';

/**
 * The log to any number of sessions. At the head, a batch is encoded once a group and written once a session; groups
 * that differ in their accounts alone share what has nothing private of them. A session whose socket does not take it
 * leaves its group, waits for the socket alone, catches up from the window a segment at a time, and comes back.
 */
export class Fanout {
  readonly stats: FanoutStats = {
    framesOut: 0,
    bytesOut: 0,
    packetsOut: 0,
    packetBytesOut: 0,
    writes: 0,
    slowWrites: 0,
  };
  readonly #options: FanoutOptions;
  readonly #window: Window;
  readonly #encoder = new Encoder();
  readonly #cache: EncodedCache;
  readonly #groups = new Map<string, Group>();
  readonly #sessions = new Set<LogSession>();
  #behind: LogSession[] = [];
  #turn: NodeJS.Immediate | undefined;
  /** Scratch of publish(): sessions that did not take their write. */
  readonly #slow: LogSession[] = [];

  constructor(options: FanoutOptions) {
    this.#options = options;
    this.#window = options.window;
    this.#cache = new EncodedCache(options.encodedCacheBytesMax ?? ENCODED_CACHE_BYTES_MAX);
  }

  get sessions(): ReadonlySet<LogSession> {
    return this.#sessions;
  }

  get groups(): ReadonlyMap<string, Group> {
    return this.#groups;
  }

  /** Takes a session in; it stays `waiting` until {@link proceed}, {@link startAtHead} or {@link close}. */
  add(session: LogSession): void {
    session.lastWriteMs = this.#options.nowMs();
    this.#sessions.add(session);
  }

  /** From the newest entry on. The client learns its place at once, so that it can come back before its first event. */
  startAtHead(session: LogSession): void {
    session.position = this.#window.end;
    session.cursor = this.#window.tail;
    if (session.cursor) {
      session.prev = this.link(session.cursor);
      // Before its turn comes a batch may, whose first frame has this place for its `prev`.
      this.writeTo(session, this.#idFrame(session.cursor, session));
      session.sent = session.cursor;
    }
    this.proceed(session);
  }

  /** What the frame after a cursor of this timeline has for its `prev`. @throws Error when it is of another one. */
  link(cursor: Cursor): ChainLink {
    return { cursor, ordinal: this.#options.ordinalOf(cursor.epoch) };
  }

  /** Everything appended to the window since `from` goes to the groups. */
  publish(from: number): void {
    const window = this.#window;
    const to = window.end;
    if (from === to) return;
    const nowMs = this.#options.nowMs();
    const owners = window.accountsIn(from, to);
    const encodings = new Map<string, Encoded>();
    for (const group of this.#groups.values()) {
      const key = frameKey(group, owners);
      let encoded = encodings.get(key);
      if (!encoded) {
        encoded = this.#encoder.encode(window, from, to, group.filter, group.format, group.prev);
        encodings.set(key, encoded);
      }
      if (!encoded.bytes) continue;
      this.#count(encoded, group.format, group.sessions.length);
      group.write(encoded.bytes, this.#slow);
      group.sent = encoded.last;
      group.prev = this.#prevOf(encoded);
      group.lastWriteMs = nowMs;
      this.#dismissSlow(group);
    }
  }

  /** A control frame, or any bytes of that group's framing, to all at the head of it. */
  writeToGroup(group: Group, text: string): void {
    const bytes = onWire(text, group.format.framing);
    group.lastWriteMs = this.#options.nowMs();
    if (bytes.length === 0) return;
    group.write(bytes, this.#slow);
    this.#dismissSlow(group);
  }

  /** A control frame to one session that is not at the head. */
  writeTo(session: LogSession, text: string): void {
    session.lastWriteMs = this.#options.nowMs();
    const bytes = onWire(text, session.format.framing);
    if (bytes.length > 0) session.sink.write(bytes);
  }

  /** The session goes on from its `position`; {@link NOWHERE} asks `onOutside` for it. */
  proceed(session: LogSession): void {
    if (session.isClosed) return;
    if (session.sink.writableLength > 0) this.#drain(session);
    else this.#queue(session);
  }

  /**
   * Writes a part of a window, most often another one (a page out of Redis or the journal), to a session; its position
   * is the caller's business.
   *
   * @returns the bytes written.
   */
  sendPage(session: LogSession, page: Window, from: number, to: number): number {
    const { filter, format, prev, sink } = session;
    // Most of what is sent so is taken at once, and there may be a lot of it: buffers of its own would be garbage.
    const isLent = format.framing !== 'packets' && !sink.keepsBytes;
    const encoded = this.#encoder.encode(page, from, to, filter, format, prev, isLent);
    this.#send(session, encoded);
    if (isLent && sink.writableLength > 0) this.#encoder.forget();
    session.cursor = page.cursorAt(to - 1);
    return encoded.bytes?.length ?? 0;
  }

  /** Another filter, which takes nothing that the one before did not: from where the session stands on. */
  narrow(session: LogSession, filter: Filter): void {
    const isHead = session.state === 'head';
    if (isHead) this.#leave(session);
    session.filter = filter;
    if (isHead) this.proceed(session);
  }

  /**
   * Another filter for a session at the head, which takes more: `added` of the entries from `position` on first, so that
   * a snapshot of them may have been written that is a little older than the head.
   */
  widen(session: LogSession, filter: Filter, added: Filter, position: number): void {
    const { tail, end } = this.#window;
    this.#leave(session);
    const missed = this.#encoder.encode(this.#window, position, end, added, session.format);
    if (missed.bytes && tail) {
      this.#count(missed, session.format, 1);
      session.sink.write(missed.bytes);
      // Those ids are older than what the client has been given.
      this.writeTo(session, this.#idFrame(tail, session));
      session.sent = tail;
    }
    session.filter = filter;
    this.proceed(session);
  }

  /** Leaves at once, whatever it was doing. Safe to call again. */
  close(session: LogSession): void {
    if (session.isClosed) return;
    if (session.state === 'head') this.#leave(session);
    session.state = 'closed';
    this.#sessions.delete(session);
  }

  /** The window has been replaced: every session says where it was and is sent to look for its place anew. */
  rebase(): void {
    this.#cache.clear();
    const homeless = [...this.#sessions].filter((session) => session.state !== 'waiting');
    for (const session of homeless) {
      const wasHead = session.state === 'head';
      if (wasHead) this.#leave(session);
      // Nothing that matches came after the last id it was given, so that is where it stands, on any timeline.
      session.cursor = session.sent ?? session.cursor;
      session.position = NOWHERE;
      // The others are on their way here already: by the queue, or when their socket is drained.
      if (wasHead) this.proceed(session);
    }
  }

  /** Comments for whoever has been quiet for that long, with the id that moved silently. Call it often. */
  keepAlive(afterMs: number): void {
    const nowMs = this.#options.nowMs();
    const head = this.#window.tail;
    for (const group of this.#groups.values()) {
      if (nowMs - group.lastWriteMs < afterMs) continue;
      const moved = head && !(group.sent?.epoch === head.epoch && group.sent.offset === head.offset);
      this.writeToGroup(group, moved ? KEEP_ALIVE + this.#idFrame(head, group) : KEEP_ALIVE);
      if (head) group.sent = head;
    }
    for (const session of this.#sessions) {
      if (session.state !== 'waiting' || nowMs - session.lastWriteMs < afterMs) continue;
      if (session.sink.writableLength === 0) this.writeTo(session, KEEP_ALIVE);
    }
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
    let budget = CATCH_UP_BYTES_PER_TURN;
    const queue = this.#behind;
    // Who is not done stands in line again, so the line's length is taken once.
    const stepsMax = queue.length + CATCH_UP_SEGMENTS_PER_TURN;
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
    const window = this.#window;
    const from = session.position;
    if (from === NOWHERE || from < window.first) {
      session.position = NOWHERE;
      session.state = 'waiting';
      this.#options.onOutside(session);
      return 0;
    }
    if (from === window.end) {
      this.#join(session);
      return 0;
    }
    const to = window.segmentAt(from).endPosition;
    const encoded = this.#encodePart(session, from, to);
    session.position = to;
    session.cursor = window.cursorAt(to - 1);
    this.#send(session, encoded);
    if (session.sink.writableLength > 0) this.#drain(session);
    return (encoded.bytes?.length ?? 0) + (to - from) * CATCH_UP_BYTES_PER_ENTRY;
  }

  #encodePart(session: LogSession, from: number, to: number): Encoded {
    const window = this.#window;
    const { filter, format, prev } = session;
    const key = `${frameKey(session, window.accountsIn(from, to))}|${from}|${to}`;
    return this.#cache.get(key, () => this.#encoder.encode(window, from, to, filter, format, prev));
  }

  #send(session: LogSession, encoded: Encoded): void {
    if (!encoded.bytes) return;
    this.#count(encoded, session.format, 1);
    session.sink.write(encoded.bytes);
    session.prev = this.#prevOf(encoded);
    session.noteSent(encoded.last);
    // Events of before may have said otherwise since.
    if (session.toldStale) session.toldStale = undefined;
    session.lastWriteMs = this.#options.nowMs();
  }

  #join(session: LogSession): void {
    const head = this.#window.tail;
    session.cursor = head;
    if (head && !(session.sent?.epoch === head.epoch && session.sent.offset === head.offset)) {
      // The group's `prev` may be anything up to the head, so the client has to be there too.
      this.writeTo(session, this.#idFrame(head, session));
      session.sent = head;
    }
    // One that began at the log's beginning and has met nothing of its own so far.
    if (head) session.prev ??= this.link(head);
    this.#options.onJoin?.(session);
    let group = this.#groups.get(session.key);
    if (!group) {
      group = new Group(session, this.#options.nowMs());
      this.#groups.set(session.key, group);
    }
    group.add(session);
    if (session.sink.writableLength > 0) {
      this.#leave(session);
      this.#drain(session);
    } else session.companion?.onHead?.();
  }

  #leave(session: LogSession): void {
    const group = this.#groups.get(session.key) as Group;
    group.remove(session);
    session.position = this.#window.end;
    session.cursor = this.#window.tail;
    if (group.sessions.length === 0) this.#groups.delete(session.key);
  }

  #dismissSlow(group: Group): void {
    if (this.#slow.length === 0) return;
    this.stats.slowWrites += this.#slow.length;
    for (const session of this.#slow) {
      if (session.state !== 'head' || this.#groups.get(session.key) !== group) continue;
      this.#leave(session);
      this.#drain(session);
    }
    this.#slow.length = 0;
  }

  /** An empty write is done when everything before it is: the one signal that does not depend on water marks. */
  #drain(session: LogSession): void {
    session.state = 'draining';
    // Whatever waits by then is a view's frame on the same socket; to wait for it too could be for ever.
    session.onDrained ??= (error) => {
      if (!error && session.state === 'draining') this.#queue(session);
    };
    session.sink.write(EMPTY, session.onDrained);
  }

  #idFrame(cursor: Cursor, of: LogSession | Group): string {
    return idFrame(formatId(cursor, this.#options.ordinalOf(cursor.epoch), of.format.ids));
  }

  #prevOf(encoded: Encoded) {
    return encoded.last && { cursor: encoded.last, ordinal: encoded.lastOrdinal };
  }

  #count(encoded: Encoded, { framing }: Format, sessions: number): void {
    const { stats } = this;
    const frames = encoded.frames * sessions;
    const bytes = (encoded.bytes?.length ?? 0) * sessions;
    stats.framesOut += frames;
    stats.bytesOut += bytes;
    stats.writes += sessions;
    if (framing !== 'packets') return;
    stats.packetsOut += frames;
    stats.packetBytesOut += bytes;
  }
}
