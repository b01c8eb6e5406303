import { type Cursor, compareCursors, cursorsEqual } from '@depthcast/protocol';
import type { EventRow } from '../stores/event-row.ts';
import type {
  CommitOutcome,
  DroppedSummary,
  EpochRecord,
  EventQuery,
  HoleRecord,
  JournalBatch,
  JournalPosition,
  JournalStore,
  LatencySummary,
  PartitionSummary,
  ReadRow,
  RetentionPolicy,
  SymbolSummary,
} from '../stores/journal-store.ts';

const NOTHING_DROPPED: DroppedSummary = { events: 0, byAge: 0, bySize: 0, byItems: 0 };

/**
 * One partition's rows in memory: what the recorder asks of a store, with a place to break each commit. What only the
 * history asks is not here.
 */
export class MemoryStore implements JournalStore {
  readonly description = { kind: 'duckdb', location: 'memory' } as const;
  readonly rows: EventRow[] = [];
  readonly orphaned = new Set<EventRow>();
  readonly epochRecords: EpochRecord[] = [];
  readonly holeRecords: HoleRecord[] = [];
  commits = 0;
  /** Around each commit: either may wait or throw. */
  beforeCommit: (batch: JournalBatch) => Promise<void> = async () => {};
  afterCommit: (batch: JournalBatch) => Promise<void> = async () => {};
  beforeRead: () => Promise<void> = async () => {};
  /** What each call of retain() drops, one after the other; then nothing. */
  readonly toDrop: DroppedSummary[] = [];
  readonly policies: RetentionPolicy[] = [];
  bytesHeld = 0;
  #position: JournalPosition | undefined;

  /** As `<epoch>-<offset>`, without what is orphaned. */
  get ids(): string[] {
    return this.rows.filter((row) => !this.orphaned.has(row)).map(({ epoch, offset }) => `${epoch}-${offset}`);
  }

  async open(): Promise<void> {}
  async close(): Promise<void> {}

  async position(): Promise<JournalPosition | undefined> {
    await this.beforeRead();
    return this.#position;
  }

  async commit(batch: JournalBatch): Promise<CommitOutcome> {
    await this.beforeCommit(batch);
    const at = this.#position?.cursor;
    if (batch.after === null ? at !== undefined : !at || !cursorsEqual(at, batch.after)) return 'overtaken';
    for (const tail of batch.orphanedAfter) this.#orphan(tail);
    this.rows.push(...batch.rows);
    this.epochRecords.push(...batch.epochs);
    this.holeRecords.push(...batch.holes);
    this.#position = batch.position;
    this.commits++;
    await this.afterCommit(batch);
    return 'committed';
  }

  async page(): Promise<readonly ReadRow[]> {
    throw new Error('of no use to the recorder');
  }

  async epochs(): Promise<readonly EpochRecord[]> {
    await this.beforeRead();
    return this.epochRecords;
  }

  async holes(): Promise<readonly HoleRecord[]> {
    return this.holeRecords;
  }

  async partitions(): Promise<readonly PartitionSummary[]> {
    const position = this.#position;
    if (!position) return [];
    const orphaned = this.orphaned.size;
    return [{ partition: 0, position, earliest: null, events: this.rows.length, orphaned, dropped: NOTHING_DROPPED }];
  }

  async bytes(): Promise<number> {
    return this.bytesHeld;
  }

  async retain(policy: RetentionPolicy): Promise<DroppedSummary> {
    await this.beforeRead();
    this.policies.push(policy);
    return this.toDrop.shift() ?? NOTHING_DROPPED;
  }

  /** By place alone. */
  async *events({ after, before }: EventQuery): AsyncIterable<readonly ReadRow[]> {
    await this.beforeRead();
    yield this.rows.filter(
      (row) =>
        !this.orphaned.has(row) &&
        (!after || compareCursors(row, after) > 0) &&
        (!before || compareCursors(row, before) < 0),
    );
  }

  async cursorAt(): Promise<Cursor | undefined> {
    throw new Error('of no use to the recorder');
  }

  async latency(): Promise<LatencySummary> {
    throw new Error('of no use to the recorder');
  }

  async symbols(): Promise<readonly SymbolSummary[]> {
    throw new Error('of no use to the recorder');
  }

  #orphan(tail: Cursor): void {
    for (const row of this.rows) {
      if (row.epoch === tail.epoch && compareCursors(row, tail) > 0) this.orphaned.add(row);
    }
  }
}
