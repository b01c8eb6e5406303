import { EMPTY, type Framing, onWire } from '../fanout/format.ts';
import type { View } from './view.ts';
import { framesSince, stampsOf, type ViewSession } from './view-session.ts';

export interface ViewStats {
  framesOut: number;
  bytesOut: number;
  /** Of these, to clients of Socket.IO. */
  packetsOut: number;
  packetBytesOut: number;
  /** Times a slow session was passed over. */
  skipped: number;
}

/** The sessions that watch the same views at the same interval: one write each, of the same bytes. */
export class ViewGroup {
  readonly intervalMs: number;
  readonly views: readonly View[];
  readonly hasLog: boolean;
  readonly hasHeartbeats: boolean;
  readonly #framing: Framing;
  readonly #stats: ViewStats;
  /** Of several frames in one write. */
  readonly #bytesMax: number;
  readonly #sessions = new Set<ViewSession>();
  /** What the members were last sent. */
  #stamps: number[];

  /** @param bufferBytesMax what of one connection may wait unsent. */
  constructor(first: ViewSession, stats: ViewStats, bufferBytesMax: number) {
    this.intervalMs = first.intervalMs;
    this.views = first.views;
    this.hasLog = first.hasLog;
    this.hasHeartbeats = first.hasHeartbeats;
    this.#framing = first.framing;
    this.#stats = stats;
    // Where there is a log beside them, it is to have room as well.
    this.#bytesMax = first.hasLog ? bufferBytesMax / 2 : bufferBytesMax;
    this.#stamps = stampsOf(first.views);
  }

  get size(): number {
    return this.#sessions.size;
  }

  /** Takes in a session that has just been written the newest frames. */
  add(session: ViewSession): void {
    session.stamps ??= stampsOf(this.views);
    this.#sessions.add(session);
    if (session.state === 'live' && session.sink.writableLength > 0) this.#drain(session);
  }

  /** Gives a session away, to close it or to put it into another group. */
  remove(session: ViewSession): readonly number[] {
    this.#sessions.delete(session);
    return session.stamps ?? this.#stamps;
  }

  /** Rows a side that its views of a symbol show at most; 0 when it has none. */
  rowsOf(symbol: string): number {
    let rows = 0;
    for (const { stream } of this.views) if (stream.symbol === symbol) rows += stream.levels;
    return rows;
  }

  /** Sends what has changed since the last time, if anything has. */
  flush(): void {
    const stamps = stampsOf(this.views);
    if (stamps.every((stamp, i) => stamp === this.#stamps[i])) return;
    const before = this.#stamps;
    const { text, frames } = framesSince(this, before);
    this.#stamps = stamps;
    if (text === '') return;
    const bytes = onWire(text, this.#framing);
    const isWhole = frames === 1 || bytes.length <= this.#bytesMax;
    for (const session of this.#sessions) {
      if (session.state !== 'live') this.#stats.skipped++;
      else if (this.#isBusy(session)) this.#wait(session, before);
      else if (session.stamps || !isWhole) this.#catchUp(session, before);
      else if (session.budget?.take(frames) ?? true) this.#write(session, bytes);
      else this.#hold(session, before);
    }
  }

  /** A control frame to all who can take one now. */
  writeToAll(text: string): void {
    const bytes = onWire(text, this.#framing);
    if (bytes.length === 0) return;
    for (const session of this.#sessions) {
      if (session.state === 'live' && !this.#isBusy(session)) this.#write(session, bytes);
    }
  }

  /** What it has not been shown, as soon as its socket takes it. */
  complete(session: ViewSession): void {
    if (session.state === 'live') this.#drain(session);
  }

  /** Everything once more, as soon as its socket takes it: its client has been told to begin anew. */
  showAgain(session: ViewSession): void {
    session.stamps = [];
    this.complete(session);
  }

  /** Its socket has yet to take what another session of the connection wrote. */
  #isBusy(session: ViewSession): boolean {
    return session.sink.writableLength > 0;
  }

  #wait(session: ViewSession, stamps: number[]): void {
    session.stamps ??= stamps;
    this.#stats.skipped++;
    this.#drain(session);
  }

  #catchUp(session: ViewSession, stamps: number[]): void {
    session.stamps ??= stamps;
    const isAll = this.#deliver(session);
    // In step with the group again when nothing newer than the group's last is missing to it.
    if (isAll && session.state === 'live') session.stamps = undefined;
  }

  /**
   * What it has not been shown, as far as its rate allows and its socket should hold; the rest when they do.
   *
   * @returns whether that was all of it.
   */
  #deliver(session: ViewSession): boolean {
    const framesMax = session.budget?.available ?? Number.POSITIVE_INFINITY;
    const { text, frames, isAll } = session.takeFrames(framesMax, this.#bytesMax);
    session.budget?.spend(frames);
    if (text !== '') this.#write(session, onWire(text, this.#framing));
    if (isAll || session.state !== 'live') return isAll;
    if (session.budget?.available === 0) this.#hold(session, []);
    else this.#drain(session);
    return false;
  }

  #hold(session: ViewSession, stamps: number[]): void {
    session.stamps ??= stamps;
    session.state = 'held';
    session.budget?.hold('view', () => {
      if (session.state === 'held') this.#goOn(session);
    });
  }

  /** Its group may be another one by now: what it watches, and has been shown, is known by the session alone. */
  #goOn(session: ViewSession): void {
    if (this.#isBusy(session)) {
      this.#drain(session);
      return;
    }
    session.state = 'live';
    this.#deliver(session);
  }

  #write(session: ViewSession, bytes: Buffer): void {
    session.sink.write(bytes);
    this.#stats.bytesOut += bytes.length;
    this.#stats.framesOut++;
    if (this.#framing === 'packets') {
      this.#stats.packetsOut++;
      this.#stats.packetBytesOut += bytes.length;
    }
    if (session.sink.writableLength === 0) return;
    session.stamps ??= this.#stamps;
    this.#drain(session);
  }

  #drain(session: ViewSession): void {
    session.state = 'draining';
    session.onDrained ??= (error) => {
      // An error is the end of the socket: to write again would be answered at once, for ever.
      if (!error && session.state === 'draining') this.#goOn(session);
    };
    session.sink.write(EMPTY, session.onDrained);
  }
}
