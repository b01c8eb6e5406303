import { setTimeout as sleep } from 'node:timers/promises';
import type { Cursor } from '@depthcast/protocol';
import type { Window } from '../fanout/window.ts';
import type { Gateway } from '../gateway.ts';
import type { HistoryPart } from '../resume/page.ts';
import { Patience } from '../resume/patience.ts';
import { EventTimes } from './event-times.ts';
import { forEntries } from './past-market.ts';
import { ReplayClock } from './replay-clock.ts';

export interface ReplayLoopOptions {
  readonly gateway: Pick<Gateway, 'window' | 'past' | 'topics'>;
  /** The last event that is not played. */
  readonly after: Cursor;
  /** Event time at which it begins, µs; `undefined`: the first event's. */
  readonly startUs: number | undefined;
  readonly speed: number;
  readonly signal: AbortSignal;
  readonly nowMs: () => number;
  /** The entries at the positions `from` to `to - 1` of a page are due: synchronous. Returns the bytes written. */
  readonly play: (page: Window, from: number, to: number) => number;
  /** Resolves when more may be played. */
  readonly drained: () => Promise<void>;
  /** About once a second. */
  readonly onProgress: (at: ReplayPosition) => void;
}

/** How far a replay is. */
export interface ReplayPosition {
  readonly cursor: Cursor;
  /** Event time, µs; 0 before the first event. */
  readonly eventUs: number;
}

const BEHIND_MS = 50;
const PROGRESS_MS = 1_000;
const JOURNAL_WAIT_MS = 15_000;

/**
 * Plays the log from a cursor on, from wherever it is kept, each event when it is due. Pages are held while they are
 * played and the next is asked for meanwhile; what is played is a slice of a page at a time, so that all else goes on.
 */
export class ReplayLoop {
  readonly #options: ReplayLoopOptions;
  readonly #times = new EventTimes();
  readonly #clock: ReplayClock;
  #cursor: Cursor;
  #progressMs: number;

  constructor(options: ReplayLoopOptions) {
    this.#options = options;
    this.#cursor = options.after;
    const nowMs = options.nowMs();
    this.#progressMs = nowMs;
    this.#clock = new ReplayClock(options.speed, nowMs, options.startUs);
  }

  get position(): ReplayPosition {
    return { cursor: this.#cursor, eventUs: this.#times.lastUs };
  }

  /**
   * Resolves when all there is has been played, in the same turn: from then on what comes is live; or when it has been
   * aborted.
   *
   * @throws LogGapError, DepthcastError `HISTORY_MISSING`, `HISTORY_UNAVAILABLE` when what follows cannot be had.
   */
  async run(): Promise<void> {
    const { signal, gateway, drained, nowMs } = this.#options;
    let part: HistoryPart | undefined;
    while (!signal.aborted) {
      // The window may have let go of it meanwhile, a page has not.
      if (!part || part.page === gateway.window || part.from === part.to) part = await this.#next();
      if (!part || signal.aborted) return;
      const { to, waitMs } = this.#due(part);
      if (to > part.from) {
        await this.#play(part, to);
        part = { ...part, from: to };
        await drained();
      } else
        await sleep(Math.min(waitMs, this.#progressMs + PROGRESS_MS - nowMs()), undefined, { signal }).catch(() => {});
      if (nowMs() - this.#progressMs >= PROGRESS_MS) this.#tell();
    }
  }

  /** What follows; `undefined`: nothing does. */
  async #next(): Promise<HistoryPart | undefined> {
    const { gateway, signal } = this.#options;
    const { window, past } = gateway;
    const patience = new Patience(JOURNAL_WAIT_MS);
    while (!signal.aborted) {
      const from = window.positionAfter(this.#cursor);
      if (from === window.end) return undefined;
      if (from !== undefined) return { page: window, from, to: window.segmentAt(from).endPosition };
      try {
        const part = await past.after(this.#cursor);
        if (part.from < part.to) return part;
        // Redis has lost its end, or our tail is behind it.
        await sleep(BEHIND_MS);
      } catch (error) {
        await patience.wait(error);
      }
    }
    return undefined;
  }

  /** The end of what is due of a part, or how long it takes until something is. */
  #due({ page, from, to }: HistoryPart): { to: number; waitMs: number } {
    const { speed, nowMs, gateway } = this.#options;
    if (speed === Number.POSITIVE_INFINITY) return { to, waitMs: 0 };
    const now = nowMs();
    let end = from;
    let waitMs = 0;
    forEntries(page, from, to, gateway.topics, (segment, index, topic) => {
      waitMs = this.#clock.dueMs(this.#times.of(topic.type, segment.payloadAt(index, topic))) - now;
      if (waitMs > 0) return false;
      end++;
      return true;
    });
    return { to: end, waitMs };
  }

  async #play({ page, from, to: partEnd }: HistoryPart, to: number): Promise<void> {
    const { gateway, play, speed, signal } = this.#options;
    await gateway.past.inTurn(() => {
      // In the window, what is to be played may have gone while it waited for its turn.
      if (signal.aborted || (page === gateway.window && from < page.first)) return 0;
      if (speed === Number.POSITIVE_INFINITY) this.#times.of('', lastPayload(page, partEnd, gateway));
      const bytes = play(page, from, to);
      this.#cursor = page.cursorAt(to - 1);
      return bytes;
    });
  }

  #tell(): void {
    this.#progressMs = this.#options.nowMs();
    this.#options.onProgress(this.position);
  }
}

function lastPayload(page: Window, end: number, { topics }: Pick<Gateway, 'topics'>): Buffer {
  let payload: Buffer = Buffer.alloc(0);
  forEntries(page, end - 1, end, topics, (segment, index, topic) => {
    payload = segment.payloadAt(index, topic);
    return true;
  });
  return payload;
}
