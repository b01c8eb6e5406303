import { type Cursor, compareCursors } from '@depthcast/protocol';

/** One look at Redis. */
export interface LogSample {
  readonly tip: Cursor;
  /** An entry's share of the log's memory. */
  readonly bytesPerEntry: number;
  readonly usedBytes: number;
  /** 0: no bound. */
  readonly maxBytes: number;
}

/** How far what is stored is behind the log. */
export interface Lag {
  /** At least so many: of an epoch before the tip's nobody knows here how long it became. */
  readonly events: number;
  /** For how long the oldest of them has been in the log, as far as this process has seen; 0: none is. */
  readonly seconds: number;
  /**
   * How long Redis' memory lasts up to where producers hold back, at the log's present rate and if nothing is trimmed.
   * Infinite without a bound, or while nothing comes.
   */
  readonly memorySecondsLeft: number;
}

/** Where producers hold back: see `produce.lua`. */
const PRODUCERS_HOLD_AT = 0.8;
/** The rate is that of the last seconds: each sample weighs so much, for its share of this time. */
const RATE_OVER_MS = 5_000;
const MARKS_MAX = 1_000;

/** Watches the log run ahead of what is stored. */
export class LagWatch {
  /** Tips, and when they were seen; those that are stored by now are dropped. */
  #marks: { readonly tip: Cursor; readonly atMs: number }[] = [];
  #markEveryMs = 0;
  #last: { readonly tip: Cursor; readonly atMs: number } | undefined;
  #eventsPerSecond = 0;

  sample({ tip, bytesPerEntry, usedBytes, maxBytes }: LogSample, stored: Cursor | undefined, nowMs: number): Lag {
    this.#measure(tip, nowMs);
    this.#mark(tip, stored, nowMs);
    const [oldest] = this.#marks;
    const bytesLeft = maxBytes * PRODUCERS_HOLD_AT - usedBytes;
    return {
      events: eventsBetween(stored, tip),
      seconds: oldest ? (nowMs - oldest.atMs) / 1_000 : 0,
      memorySecondsLeft: maxBytes === 0 ? Number.POSITIVE_INFINITY : this.#secondsOf(bytesLeft, bytesPerEntry),
    };
  }

  #measure(tip: Cursor, nowMs: number): void {
    const last = this.#last;
    this.#last = { tip, atMs: nowMs };
    if (!last || last.tip.epoch !== tip.epoch || nowMs <= last.atMs) return;
    const passedMs = nowMs - last.atMs;
    const rate = Math.max(0, tip.offset - last.tip.offset) / (passedMs / 1_000);
    this.#eventsPerSecond += (rate - this.#eventsPerSecond) * Math.min(1, passedMs / RATE_OVER_MS);
  }

  #mark(tip: Cursor, stored: Cursor | undefined, nowMs: number): void {
    const marks = this.#marks;
    const newest = marks.at(-1);
    const isDue = !newest || nowMs - newest.atMs >= this.#markEveryMs;
    if (isDue && (!newest || compareCursors(tip, newest.tip) > 0)) marks.push({ tip, atMs: nowMs });
    const firstAhead = stored ? marks.findIndex((mark) => compareCursors(mark.tip, stored) > 0) : 0;
    marks.splice(0, firstAhead < 0 ? marks.length : firstAhead);
    if (marks.length === 0) this.#markEveryMs = 0;
    if (marks.length <= MARKS_MAX) return;
    // Coarser, the longer it lasts.
    this.#marks = marks.filter((_, i) => i % 2 === 0);
    this.#markEveryMs = (2 * (nowMs - (marks[0]?.atMs ?? nowMs))) / MARKS_MAX;
  }

  #secondsOf(bytes: number, bytesPerEntry: number): number {
    if (bytes <= 0) return 0;
    const bytesPerSecond = this.#eventsPerSecond * bytesPerEntry;
    return bytesPerSecond < 1 ? Number.POSITIVE_INFINITY : bytes / bytesPerSecond;
  }
}

function eventsBetween(stored: Cursor | undefined, tip: Cursor): number {
  if (stored?.epoch !== tip.epoch) return stored && stored.epoch > tip.epoch ? 0 : tip.offset + 1;
  return Math.max(0, tip.offset - stored.offset);
}
