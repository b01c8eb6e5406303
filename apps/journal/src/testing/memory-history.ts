import { type Cursor, type LogEvent, tryParseCursor } from '@depthcast/protocol';
import { RowAdapter } from '../recorder/row-adapter.ts';
import type { EpochRecord, HoleRecord } from '../stores/journal-store.ts';
import { type ModelRow, ModelStore } from './model-store.ts';

/** A store of one partition's history that is made event by event, and damaged: what tests compare answers with. */
export class MemoryHistory extends ModelStore {
  protected override pageRowsMax = 100;
  readonly #adapter = new RowAdapter();

  get rows(): ModelRow[] {
    return this.partition().rows;
  }

  get epochList(): EpochRecord[] {
    return this.partition().epochs;
  }

  get holeList(): HoleRecord[] {
    return this.partition().holes;
  }

  get tail(): Cursor | undefined {
    return this.partition().position?.cursor;
  }

  /** Appends behind the last row. An `epoch` event begins its epoch. */
  add(...events: readonly LogEvent[]): void {
    const known = this.partition();
    for (const { topic, payload } of events) {
      const cursor = this.#place(topic, payload);
      const row = this.#adapter.row({ ...cursor, topic, payload: Buffer.from(payload) });
      known.rows.push({ ...row, partition: 0, orphaned: false });
      known.position = { cursor, tsUs: row.tsUs, clockUs: row.clockUs };
    }
  }

  /** Takes rows out, as when they were gone from the log before they could be stored; says so unless told not to. */
  lose(from: number, count: number, isRecorded = true): void {
    const [before, next] = [this.rows[from - 1], this.rows[from + count]];
    this.rows.splice(from, count);
    if (next && isRecorded)
      this.holeList.push({ after: before ?? null, next: { epoch: next.epoch, offset: next.offset } });
  }

  /** What it has been told: of a damage nobody knows. */
  protected override earliest(): Cursor | null {
    const first = this.holeList.at(-1)?.next ?? this.rows[0];
    return first ? { epoch: first.epoch, offset: first.offset } : null;
  }

  #place(topic: string, payload: string): Cursor {
    const { tail } = this;
    if (topic !== 'epoch') return { epoch: tail?.epoch ?? 1, offset: (tail?.offset ?? -1) + 1 };
    const { epoch, previous_tail: text, reason } = JSON.parse(payload);
    const previousTail = text === null ? null : (tryParseCursor(text) ?? null);
    this.epochList.push({ epoch, ordinal: this.epochList.length, previousTail, reason });
    return { epoch, offset: 0 };
  }
}
