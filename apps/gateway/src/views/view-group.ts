import { EMPTY, onWire } from '../fanout/format.ts';
import type { View } from './view.ts';
import { framesSince, stampsOf, type ViewSession } from './view-session.ts';

export interface ViewStats {
  framesOut: number;
  bytesOut: number;
  /** Times a slow session was passed over. */
  skipped: number;
}

/** The sessions that watch the same views at the same interval: one write each, of the same bytes. */
export class ViewGroup {
  readonly intervalMs: number;
  readonly views: readonly View[];
  readonly #chunked: boolean;
  readonly #stats: ViewStats;
  readonly #sessions = new Set<ViewSession>();
  /** What the members were last sent. */
  #stamps: number[];

  constructor(first: ViewSession, stats: ViewStats) {
    this.intervalMs = first.intervalMs;
    this.views = first.views;
    this.#chunked = first.chunked;
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

  watches(symbol: string): boolean {
    return this.views.some((view) => view.stream.symbol === symbol);
  }

  /** Sends what has changed since the last time, if anything has. */
  flush(): void {
    const stamps = stampsOf(this.views);
    if (stamps.every((stamp, i) => stamp === this.#stamps[i])) return;
    const text = framesSince(this.views, this.#stamps);
    this.#stamps = stamps;
    if (text === '') return;
    const bytes = onWire(text, this.#chunked);
    for (const session of this.#sessions) {
      if (session.state !== 'live') this.#stats.skipped++;
      else if (session.stamps) this.#catchUp(session);
      else this.#write(session, bytes);
    }
  }

  /** A control frame to all who can take one now. */
  writeToAll(text: string): void {
    const bytes = onWire(text, this.#chunked);
    for (const session of this.#sessions) if (session.state === 'live') this.#write(session, bytes);
  }

  #catchUp(session: ViewSession): void {
    const text = framesSince(this.views, session.stamps);
    // In step with the group again when nothing newer than the group's last is missing to it.
    session.stamps = undefined;
    if (text !== '') this.#write(session, onWire(text, this.#chunked));
  }

  #write(session: ViewSession, bytes: Buffer): void {
    session.sink.write(bytes);
    this.#stats.bytesOut += bytes.length;
    this.#stats.framesOut++;
    if (session.sink.writableLength === 0) return;
    session.stamps ??= this.#stamps;
    this.#drain(session);
  }

  #drain(session: ViewSession): void {
    session.state = 'draining';
    session.onDrained ??= () => {
      if (session.state !== 'draining') return;
      session.state = 'live';
      // Its group may be another one by now: what it watches is known by the session alone.
      const text = framesSince(session.views, session.stamps);
      session.stamps = stampsOf(session.views);
      if (text !== '') this.#write(session, onWire(text, this.#chunked));
    };
    session.sink.write(EMPTY, session.onDrained);
  }
}
