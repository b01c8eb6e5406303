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
  readonly #framing: Framing;
  readonly #stats: ViewStats;
  readonly #sessions = new Set<ViewSession>();
  /** What the members were last sent. */
  #stamps: number[];

  constructor(first: ViewSession, stats: ViewStats) {
    this.intervalMs = first.intervalMs;
    this.views = first.views;
    this.hasLog = first.hasLog;
    this.#framing = first.framing;
    this.#stats = stats;
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
    const text = framesSince(this, before);
    this.#stamps = stamps;
    if (text === '') return;
    const bytes = onWire(text, this.#framing);
    for (const session of this.#sessions) {
      if (session.state !== 'live') this.#stats.skipped++;
      else if (this.#isBusy(session)) this.#wait(session, before);
      else if (session.stamps) this.#catchUp(session);
      else this.#write(session, bytes);
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

  /** Its socket has yet to take what the log session beside it wrote. Views alone cannot be live and busy. */
  #isBusy(session: ViewSession): boolean {
    return this.hasLog && session.sink.writableLength > 0;
  }

  #wait(session: ViewSession, stamps: number[]): void {
    session.stamps ??= stamps;
    this.#stats.skipped++;
    this.#drain(session);
  }

  #catchUp(session: ViewSession): void {
    const text = framesSince(this, session.stamps);
    // In step with the group again when nothing newer than the group's last is missing to it.
    session.stamps = undefined;
    if (text !== '') this.#write(session, onWire(text, this.#framing));
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
      if (error || session.state !== 'draining') return;
      if (this.#isBusy(session)) {
        this.#drain(session);
        return;
      }
      session.state = 'live';
      // Its group may be another one by now: what it watches is known by the session alone.
      const text = framesSince(session, session.stamps);
      session.stamps = stampsOf(session.views);
      if (text !== '') this.#write(session, onWire(text, this.#framing));
    };
    session.sink.write(EMPTY, session.onDrained);
  }
}
