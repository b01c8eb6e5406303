import type { LogEntry } from '@depthcast/log';
import type { Topic } from '../fanout/topics.ts';

/**
 * - `ingest_to_socket`: from the ingest's receipt of a message to the write of its event to the sockets; clocks of two
 *   machines are compared where there are two;
 * - `read_to_socket`: of that the part within this process, from the reply of Redis on.
 */
export type Stage = 'ingest_to_socket' | 'read_to_socket';

const SAMPLED_TYPE = 'bbo';
const RECEIVED = '"serverTimestamp":';
/** What is looked at of a batch: its newest entries. */
const SCANNED_ENTRIES_MAX = 32;
/** Between two samples. */
const SAMPLE_EVERY_MS = 10;
const MS_PER_SECOND = 1_000;

/** Measures how late events are when they are written: a sample of a batch now and then, whatever its readers. */
export class DeliveryLatency {
  /** Set by whoever wants to know, in seconds. */
  observers: Readonly<Record<Stage, (seconds: number) => void>> | undefined;
  readonly #nowMs: () => number;
  readonly #clockMs: () => number;
  #sampledMs = Number.NEGATIVE_INFINITY;

  /**
   * @param nowMs since 1970, as the ingest's clock.
   * @param clockMs what `startedMs` is of.
   */
  constructor(nowMs: () => number, clockMs: () => number) {
    this.#nowMs = nowMs;
    this.#clockMs = clockMs;
  }

  /**
   * A batch has been written.
   *
   * @param topics of the entries, at the same places.
   * @param startedMs when Redis had given it.
   */
  written(entries: readonly LogEntry[], topics: readonly Topic[], startedMs: number): void {
    const { observers } = this;
    // In quiet times each event is a batch, and a sample costs as much as the event.
    if (!observers || startedMs - this.#sampledMs < SAMPLE_EVERY_MS) return;
    this.#sampledMs = startedMs;
    observers.read_to_socket((this.#clockMs() - startedMs) / MS_PER_SECOND);
    const oldest = Math.max(0, entries.length - SCANNED_ENTRIES_MAX);
    for (let i = entries.length - 1; i >= oldest; i--) {
      if (topics[i]?.type !== SAMPLED_TYPE) continue;
      const receivedMs = receivedMsOf(entries[i] as LogEntry);
      // Clocks of two machines may differ by more than the way takes.
      if (receivedMs) observers.ingest_to_socket(Math.max(0, this.#nowMs() - receivedMs) / MS_PER_SECOND);
      return;
    }
  }
}

function receivedMsOf({ payload }: LogEntry): number {
  const at = payload.indexOf(RECEIVED);
  return at < 0 ? 0 : Number.parseInt(payload.toString('latin1', at + RECEIVED.length), 10);
}
