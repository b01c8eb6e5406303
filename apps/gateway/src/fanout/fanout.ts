import type { Cursor } from '@depthcast/protocol';
import { CatchUp } from './catch-up.ts';
import { type ChainLink, type Encoded, Encoder } from './encoder.ts';
import { FanoutStats } from './fanout-stats.ts';
import type { Filter } from './filter.ts';
import { formatId, idFrame, onWire } from './format.ts';
import { frameKey, Group } from './group.ts';
import { type LogSession, NOWHERE } from './session.ts';
import type { Window } from './window.ts';

export interface FanoutOptions {
  readonly window: Window;
  /** A session's next entry is not in the window: somebody has to find it, then call {@link Fanout.proceed}. */
  readonly onOutside: (session: LogSession) => void;
  readonly onAdd?: () => void;
  /** A session comes to the head: a last chance to write to it alone. */
  readonly onJoin?: (session: LogSession) => void;
  /** @throws Error when the epoch is not on this timeline. */
  readonly ordinalOf: (epoch: number) => number;
  readonly nowMs: () => number;
  readonly encodedCacheBytesMax?: number;
  /** What of one connection may wait unsent; a single frame, or a snapshot, that is more goes alone. */
  readonly sessionBufferBytesMax?: number | undefined;
}

export const SESSION_BUFFER_BYTES_MAX = 1 << 20;
const KEEP_ALIVE = ': keep-alive\n\n';

/**
 * The log to any number of sessions. At the head, a batch is encoded once a group and written once a session; groups
 * that differ in their accounts alone share what has nothing private of them. A session whose socket does not take it
 * leaves its group, waits for the socket alone, catches up from the window a segment at a time, and comes back.
 */
export class Fanout {
  readonly stats = new FanoutStats();
  readonly #options: FanoutOptions;
  readonly #window: Window;
  readonly #bufferBytesMax: number;
  readonly #encoder = new Encoder();
  readonly #catchUp: CatchUp;
  readonly #groups = new Map<string, Group>();
  readonly #sessions = new Set<LogSession>();
  /** Scratch of publish(): sessions that did not take their write. */
  readonly #slow: LogSession[] = [];

  constructor(options: FanoutOptions) {
    this.#options = options;
    this.#window = options.window;
    this.#bufferBytesMax = options.sessionBufferBytesMax ?? SESSION_BUFFER_BYTES_MAX;
    this.#catchUp = new CatchUp({
      window: options.window,
      encoder: this.#encoder,
      send: (session, encoded) => this.#send(session, encoded),
      onHead: (session) => this.#join(session),
      onOutside: options.onOutside,
      cacheBytesMax: options.encodedCacheBytesMax,
      bufferBytesMax: this.#bufferBytesMax,
    });
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
    this.#options.onAdd?.();
  }

  /** From the newest entry on. The client learns its place at once, so that it can come back before its first event. */
  startAtHead(session: LogSession): void {
    session.position = this.#window.end;
    session.cursor = this.#window.tail;
    if (session.cursor) {
      session.prev = this.link(session.cursor);
      // Before its turn comes a batch may, whose first frame has this place for its `prev`.
      this.writeId(session);
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
        encoded = this.#encoder.encode(window, from, to, group);
        encodings.set(key, encoded);
      }
      if (!encoded.bytes) continue;
      if (group.watched > 0) this.#excuse(group, encoded, from);
      this.stats.count(encoded, group.format, group.sessions.length);
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

  /** Where it stands. */
  writeId(session: LogSession): void {
    if (session.cursor) this.writeTo(session, this.#idFrame(session.cursor, session));
  }

  /** The session goes on from its `position`; {@link NOWHERE} asks `onOutside` for it. */
  proceed(session: LogSession): void {
    this.#catchUp.proceed(session);
  }

  /**
   * Writes a part of a window, most often another one (a page out of Redis or the journal), to a session; its position
   * is the caller's business. Less than all of it where the connection's buffer or its rate has no room for more.
   *
   * @returns the bytes written.
   */
  sendPage(session: LogSession, page: Window, from: number, to: number): number {
    const end = this.#catchUp.partFor(session, page, from, to);
    if (end === from) return 0;
    const encoded = this.#catchUp.encode(session, page, from, end);
    this.#send(session, encoded);
    session.cursor = page.cursorAt(end - 1);
    return encoded.bytes?.length ?? 0;
  }

  /** The same for who is played a page that nobody else wants, and has no rate: all of it. */
  sendAlone(session: LogSession, page: Window, from: number, to: number): number {
    const { format, sink } = session;
    // Most of what is sent so is taken at once, and there may be a lot of it: buffers of its own would be garbage.
    const isLent = format.framing !== 'packets' && !sink.keepsBytes;
    const encoded = this.#encoder.encode(page, from, to, session, isLent);
    this.#send(session, encoded);
    if (isLent && sink.writableLength > 0) this.#encoder.forget();
    session.cursor = page.cursorAt(to - 1);
    return encoded.bytes?.length ?? 0;
  }

  /** Its connection shares its frames with others from now on: to the group of those who do. At the head alone. */
  regroup(session: LogSession): void {
    this.#leave(session);
    this.#catchUpWithId(session);
    this.#enter(session);
  }

  /** Its connection does so no longer: it comes back to the head by itself. */
  withdraw(session: LogSession): void {
    if (session.state !== 'head') return;
    this.#leave(session);
    this.#catchUp.drain(session);
  }

  /** Another filter, which takes nothing that the one before did not: from where the session stands on. */
  narrow(session: LogSession, filter: Filter): void {
    const isHead = session.state === 'head';
    if (isHead) this.#depart(session);
    session.filter = filter;
    if (isHead) this.proceed(session);
  }

  /**
   * Another filter for a session at the head, which takes more: `added` of the entries from `position` on first, so that
   * a snapshot of them may have been written that is a little older than the head.
   */
  widen(session: LogSession, filter: Filter, added: Filter, position: number): void {
    const { tail, end } = this.#window;
    this.#depart(session);
    const missed = this.#encoder.encode(this.#window, position, end, {
      filter: added,
      format: session.format,
      stamp: session.stamp,
    });
    if (missed.bytes && tail) {
      this.stats.count(missed, session.format, 1);
      session.budget?.spend(missed.frames);
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
    this.#catchUp.clear();
    const homeless = [...this.#sessions].filter((session) => session.state !== 'waiting');
    for (const session of homeless) {
      const wasHead = session.state === 'head';
      if (wasHead) this.#depart(session);
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
    this.#catchUp.stop();
  }

  #send(session: LogSession, encoded: Encoded): void {
    if (!encoded.bytes) return;
    this.stats.count(encoded, session.format, 1);
    session.budget?.spend(encoded.frames);
    session.sink.write(encoded.bytes);
    session.prev = this.#prevOf(encoded);
    session.noteSent(encoded.last);
    // Events of before may have said otherwise since.
    if (session.toldStale) session.toldStale = undefined;
    session.lastWriteMs = this.#options.nowMs();
  }

  #join(session: LogSession): void {
    this.#catchUpWithId(session);
    const head = session.cursor;
    // One that began at the log's beginning and has met nothing of its own so far.
    if (head) session.prev ??= this.link(head);
    this.#options.onJoin?.(session);
    this.#enter(session);
    if (session.sink.writableLength > 0) {
      this.#leave(session);
      this.#catchUp.drain(session);
      return;
    }
    session.companion?.onHead?.();
    session.ensemble?.onHead(session);
  }

  /** The group's `prev` may be anything up to the head, so the client has to be there too. */
  #catchUpWithId(session: LogSession): void {
    const head = this.#window.tail;
    session.cursor = head;
    if (!head || (session.sent?.epoch === head.epoch && session.sent.offset === head.offset)) return;
    this.writeId(session);
    session.sent = head;
  }

  #enter(session: LogSession): void {
    let group = this.#groups.get(session.key);
    if (!group) {
      group = new Group(session, this.#options.nowMs());
      this.#groups.set(group.key, group);
    }
    group.add(session);
  }

  /** Leaves the head by itself, and the others of its connection with it. */
  #depart(session: LogSession): void {
    this.#leave(session);
    session.state = 'behind';
    session.ensemble?.onLeft(session);
  }

  #leave(session: LogSession, position = this.#window.end): void {
    const group = session.group as Group;
    group.remove(session);
    session.position = position;
    session.cursor = this.#window.cursorBefore(position);
    if (group.sessions.length === 0) this.#groups.delete(group.key);
  }

  /** Whose socket has no room for what comes, or whose rate does not allow it, leaves before it. */
  #excuse(group: Group, { bytes, frames }: Encoded, from: number): void {
    const { length } = bytes as Buffer;
    const { sessions } = group;
    // Backwards: whoever is moved into a place has been looked at.
    for (let i = sessions.length - 1; i >= 0; i--) {
      const session = sessions[i] as LogSession;
      const waiting = session.sink.writableLength;
      const isCrowded = waiting + length > this.#bufferBytesMax && (waiting > 0 || frames > 1);
      if (!isCrowded && (session.budget?.take(frames) ?? true)) continue;
      this.#leave(session, from);
      if (isCrowded) this.#catchUp.drain(session);
      else this.#catchUp.hold(session);
      session.ensemble?.onLeft(session);
    }
  }

  #dismissSlow(group: Group): void {
    if (this.#slow.length === 0) return;
    this.stats.slowWrites += this.#slow.length;
    for (const session of this.#slow) {
      if (session.group !== group) continue;
      this.#leave(session);
      this.#catchUp.drain(session);
      session.ensemble?.onLeft(session);
    }
    this.#slow.length = 0;
  }

  #idFrame(cursor: Cursor, of: LogSession | Group): string {
    return idFrame(formatId(cursor, this.#options.ordinalOf(cursor.epoch), of.format.ids, of.stamp));
  }

  #prevOf(encoded: Encoded) {
    return encoded.last && { cursor: encoded.last, ordinal: encoded.lastOrdinal };
  }
}
