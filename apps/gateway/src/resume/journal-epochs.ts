import { Timeline } from '@depthcast/log';
import type { Cursor } from '@depthcast/protocol';
import type { JournalEpoch, JournalSource } from './journal-source.ts';

export interface JournalEpochsOptions {
  readonly source: Pick<JournalSource, 'timeline'>;
  /** What Redis knows: which of the journal's epochs lead up to the log that is followed, and how they are counted. */
  readonly timeline: () => Timeline;
  readonly nowMs: () => number;
}

/** What the journal keeps of the log that is followed here. */
export interface Kept {
  readonly timeline: Timeline;
  readonly earliest: Cursor | undefined;
  readonly tail: Cursor | undefined;
}

/** A client's made-up cursor must not be a request each time. */
const FRESH_MS = 1_000;

/** The epochs that Redis no longer knows, out of the journal, counted as Redis counts them. */
export class JournalEpochs {
  readonly #options: JournalEpochsOptions;
  #kept: Kept | undefined;
  #keptMs = 0;
  #loading: Promise<Kept> | undefined;

  constructor(options: JournalEpochsOptions) {
    this.#options = options;
  }

  /** As it was when it was last read, if it has been. Epochs that have ended do not change. */
  get known(): Kept | undefined {
    return this.#kept;
  }

  /**
   * As it is now, or was within the last second.
   *
   * @throws DepthcastError `HISTORY_UNAVAILABLE`
   */
  load(): Promise<Kept> {
    if (this.#kept && this.#options.nowMs() - this.#keptMs < FRESH_MS) return Promise.resolve(this.#kept);
    this.#loading ??= this.#load().finally(() => {
      this.#loading = undefined;
    });
    return this.#loading;
  }

  /** The log may be another one now. */
  clear(): void {
    this.#kept = undefined;
    this.#loading = undefined;
  }

  async #load(): Promise<Kept> {
    const { epochs, earliest, tail } = await this.#options.source.timeline();
    const kept = { timeline: new Timeline(linked(epochs, this.#options.timeline())), earliest, tail };
    this.#kept = kept;
    this.#keptMs = this.#options.nowMs();
    return kept;
  }
}

/**
 * The epochs that lead up to one of the timeline's, with its ordinals. Others are of another log, or were lost with a
 * failover: those that the journal had met by then stand among them, and nothing follows from them.
 */
export function linked(epochs: readonly JournalEpoch[], timeline: Timeline): JournalEpoch[] {
  const newest = epochs.findLastIndex(({ epoch }) => timeline.ordinalOf(epoch) !== undefined);
  const spans: JournalEpoch[] = [];
  for (let i = newest; i >= 0; i--) {
    const { epoch, previousTail } = epochs[i] as JournalEpoch;
    const next = spans[0];
    if (next && next.previousTail?.epoch !== epoch) continue;
    const ordinal = next ? next.ordinal - 1 : (timeline.ordinalOf(epoch) as number);
    spans.unshift({ epoch, ordinal, previousTail });
  }
  return spans;
}
