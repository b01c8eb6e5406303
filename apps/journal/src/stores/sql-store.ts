import type { Cursor } from '@depthcast/protocol';
import type {
  CommitOutcome,
  EpochRecord,
  EventQuery,
  HoleRecord,
  JournalBatch,
  JournalPosition,
  JournalStore,
  LatencyQuery,
  LatencySummary,
  PartitionSummary,
  ReadRow,
  RetentionPolicy,
  SymbolSummary,
} from './journal-store.ts';
import { firstOf, partitionsFor, type RunRead, walkLog } from './log-walk.ts';
import { raw, sql } from './sql.ts';
import { commitBatch, standingOf } from './sql-commit.ts';
import type { SqlDatabase } from './sql-database.ts';
import { retainWithin } from './sql-retention.ts';
import { latencyOf, partitionsOf, symbolsOf } from './sql-summaries.ts';

const PAGE_ROWS = 1_000;

/** The journal's store in SQL; what is particular to a database stands in its {@link SqlDatabase}. */
export class SqlStore implements JournalStore {
  readonly #database: SqlDatabase;
  readonly #read: RunRead;

  constructor(database: SqlDatabase) {
    this.#database = database;
    this.#read = (work) => database.read(work);
  }

  get description(): JournalStore['description'] {
    return this.#database.description;
  }

  open(): Promise<void> {
    return this.#database.open();
  }

  close(): Promise<void> {
    return this.#database.close();
  }

  async position(partition: number): Promise<JournalPosition | undefined> {
    return this.#read(async (session) => (await standingOf(session, partition, raw('')))?.position);
  }

  commit(batch: JournalBatch): Promise<CommitOutcome> {
    return commitBatch(this.#database, batch);
  }

  async *events(query: EventQuery, pageRows = PAGE_ROWS): AsyncGenerator<readonly ReadRow[]> {
    let left = query.limit ?? Number.POSITIVE_INFINITY;
    for (const partition of await partitionsFor(this.#read, query)) {
      if (left <= 0) return;
      for await (const page of walkLog(this.#read, partition, { ...query, limit: left }, pageRows)) {
        left -= page.length;
        yield page;
      }
    }
  }

  async page(partition: number, after: Cursor, countMax: number): Promise<readonly ReadRow[]> {
    // An offset is never skipped within an epoch: whatever stands beyond the range does not follow.
    const end = { epoch: after.epoch, offset: after.offset + countMax + 1 };
    const query = { everyAccount: true, after, before: end, limit: countMax } as const;
    for await (const rows of walkLog(this.#read, partition, query, countMax)) {
      const gap = rows.findIndex((row, i) => row.offset !== after.offset + 1 + i);
      return gap < 0 ? rows : rows.slice(0, gap);
    }
    return [];
  }

  async cursorAt(partition: number, tsUs: number): Promise<Cursor | undefined> {
    const beyond = await firstOf(this.#read, partition, { everyAccount: true, fromUs: tsUs + 1 });
    if (!beyond) return (await this.position(partition))?.cursor;
    const last = await firstOf(this.#read, partition, { everyAccount: true, before: beyond, newestFirst: true });
    return last && { epoch: last.epoch, offset: last.offset };
  }

  latency(query: LatencyQuery): Promise<LatencySummary> {
    return latencyOf(this.#read, query);
  }

  symbols(): Promise<readonly SymbolSummary[]> {
    return this.#read(symbolsOf);
  }

  partitions(): Promise<readonly PartitionSummary[]> {
    return partitionsOf(this.#read);
  }

  async epochs(partition: number): Promise<readonly EpochRecord[]> {
    const rows = await this.#read((session) =>
      session.query(sql`
        SELECT epoch, ordinal, previous_epoch, previous_offset, reason FROM journal_tables.epochs
        WHERE partition = ${partition} ORDER BY epoch`),
    );
    return rows.map(([epoch, ordinal, previousEpoch, previousOffset, reason]) => ({
      epoch: epoch as number,
      ordinal: ordinal as number,
      previousTail: cursorOf(previousEpoch, previousOffset),
      reason: reason as string,
    }));
  }

  async holes(partition: number): Promise<readonly HoleRecord[]> {
    const rows = await this.#read((session) =>
      session.query(sql`
        SELECT after_epoch, after_offset, next_epoch, next_offset FROM journal_tables.holes
        WHERE partition = ${partition} ORDER BY next_epoch, next_offset`),
    );
    return rows.map(([afterEpoch, afterOffset, epoch, offset]) => ({
      after: cursorOf(afterEpoch, afterOffset),
      next: { epoch: epoch as number, offset: offset as number },
    }));
  }

  bytes(): Promise<number> {
    return this.#database.bytes();
  }

  retain(policy: RetentionPolicy) {
    return retainWithin(this.#database, policy);
  }
}

function cursorOf(epoch: unknown, offset: unknown): Cursor | null {
  return epoch === null ? null : { epoch: epoch as number, offset: offset as number };
}
