import { type LogEntry, previousTailOf } from '@depthcast/log';
import type { Cursor } from '@depthcast/protocol';
import type { EventRow } from '../stores/event-row.ts';
import type { EpochRecord, JournalBatch, JournalPosition } from '../stores/journal-store.ts';
import type { Bridge } from './bridge.ts';
import type { RowAdapter } from './row-adapter.ts';

export interface PendingLimits {
  readonly rowsMax: number;
  /** Of topics and payloads. */
  readonly bytesMax: number;
}

type Pending = {
  -readonly [K in keyof Pick<JournalBatch, 'epochs' | 'holes' | 'orphanedAfter'>]: JournalBatch[K][number][];
} & {
  rows: EventRow[];
  bytes: number;
};

const nothing = (): Pending => ({ rows: [], bytes: 0, epochs: [], holes: [], orphanedAfter: [] });

/**
 * What has been read while the batch before is being committed. Full, it makes the reader wait: so memory holds two
 * batches at most, and one reply.
 */
export class PendingRows {
  readonly #adapter: RowAdapter;
  readonly #limits: PendingLimits;
  /** The ordinal of the newest epoch met. */
  #ordinal: number;
  #pending = nothing();
  #closed = false;
  #onChanged: (() => void)[] = [];

  /** @param ordinal of the newest epoch stored; -1 where there is none. */
  constructor(adapter: RowAdapter, limits: PendingLimits, ordinal: number) {
    this.#adapter = adapter;
    this.#limits = limits;
    this.#ordinal = ordinal;
  }

  add(entries: readonly LogEntry[]): void {
    const pending = this.#pending;
    for (const entry of entries) {
      pending.rows.push(this.#adapter.row(entry));
      pending.bytes += entry.topic.length + entry.payload.length;
      if (entry.topic === 'epoch' && entry.offset === 0) pending.epochs.push(this.#opened(entry));
    }
    this.#changed();
  }

  /** What lies before the next entry that is added. */
  bridge({ holes, orphanedAfter }: Bridge): void {
    this.#pending.holes.push(...holes);
    this.#pending.orphanedAfter.push(...orphanedAfter);
  }

  /** An epoch whose opening was gone before it could be stored. */
  joinEpoch(epoch: number, ordinal: number): void {
    this.#ordinal = Math.max(this.#ordinal + 1, ordinal);
    this.#pending.epochs.push({ epoch, ordinal: this.#ordinal, previousTail: null, reason: 'unrecorded' });
  }

  /** The ordinal that Redis gives the epoch which is added next: gaps in what is stored show in it. */
  expectOrdinal(ordinal: number): void {
    this.#ordinal = Math.max(this.#ordinal, ordinal - 1);
  }

  /** Nothing more comes. */
  close(): void {
    this.#closed = true;
    this.#changed();
  }

  /** Resolves when more may be added, or nothing more is wanted. */
  async room(): Promise<void> {
    while (!this.#closed && this.#isFull) await this.#change();
  }

  /** Resolves when nothing more may be added or comes, after `waitMs` at the latest. */
  async filled(waitMs: number): Promise<void> {
    let isOver = false;
    const timer = setTimeout(() => {
      isOver = true;
      this.#changed();
    }, waitMs);
    while (!isOver && !this.#closed && !this.#isFull) await this.#change();
    clearTimeout(timer);
  }

  /** All there is, as one batch; undefined once nothing more comes. */
  async take(partition: number, after: Cursor | null): Promise<JournalBatch | undefined> {
    while (this.#pending.rows.length === 0) {
      if (this.#closed) return undefined;
      await this.#change();
    }
    const { bytes: _, ...records } = this.#pending;
    this.#pending = nothing();
    this.#changed();
    return { partition, after, ...records, position: positionOf(records.rows.at(-1) as EventRow) };
  }

  get #isFull(): boolean {
    return this.#pending.rows.length >= this.#limits.rowsMax || this.#pending.bytes >= this.#limits.bytesMax;
  }

  #opened({ epoch, payload }: LogEntry): EpochRecord {
    const { reason } = JSON.parse(payload.toString()) as { reason: string };
    return { epoch, ordinal: ++this.#ordinal, previousTail: previousTailOf(payload) ?? null, reason };
  }

  #changed(): void {
    for (const wake of this.#onChanged.splice(0)) wake();
  }

  #change(): Promise<void> {
    return new Promise((resolve) => this.#onChanged.push(resolve));
  }
}

function positionOf({ epoch, offset, tsUs, clockUs }: EventRow): JournalPosition {
  return { cursor: { epoch, offset }, tsUs, clockUs };
}
