import type { EventRow } from './event-row.ts';
import type { Sql, SqlSession } from './sql.ts';

/** A transaction. */
export interface WriteSession extends SqlSession {
  /** Bulk load into `journal_tables.events`. */
  append(partition: number, rows: readonly EventRow[]): Promise<void>;
}

/**
 * What {@link SqlStore} needs of a database. Both speak the same SQL but for what stands here; migrations, bulk loads
 * and failures are theirs.
 */
export interface SqlDatabase {
  readonly description: { readonly kind: 'duckdb' | 'postgres'; readonly location: string };
  /** Behind a SELECT: locks its rows until the transaction ends. Empty where there is one writer anyway. */
  readonly forUpdate: Sql;
  /** Rows that one step of retention deletes: a fraction of a second of commits' time. */
  readonly dropRowsMax: number;
  /** @throws DepthcastError `JOURNAL_STORE_UNUSABLE`, the database left untouched. */
  open(): Promise<void>;
  close(): Promise<void>;
  /** On a connection of its own, beside all writing. */
  read<T>(work: (session: SqlSession) => Promise<T>): Promise<T>;
  /** In one transaction, which is undone when `work` throws. */
  write<T>(work: (session: WriteSession) => Promise<T>): Promise<T>;
  /** Makes room for rows of these days, before they are written. */
  prepareDays(days: readonly number[]): Promise<void>;
  /** Whether whole days can go at a stroke: with {@link dropDay}. */
  readonly dropsDays: boolean;
  /** In the transaction that has taken the day out of all counts. */
  dropDay(session: WriteSession, dayUs: number): Promise<void>;
  /** Runs `work` unless another process is at it; then gives undefined. */
  alone<T>(work: () => Promise<T>): Promise<T | undefined>;
  /** What the database uses on disk. */
  bytes(): Promise<number>;
  /** The same of what is kept, where what was deleted stays on disk as room for later; `payloadBytes` are kept. */
  keptBytes(bytes: number, payloadBytes: number, events: number): number;
  /** Gives back what is free, so that {@link bytes} tells what is needed. False: not now, somebody is reading. */
  compact(): Promise<boolean>;
}
