import { raw, type Sql } from './sql.ts';

/** What this program writes. A database of a later version is refused; of an earlier one it is brought up to date. */
export const SCHEMA_VERSION = 1;

/**
 * Every table stands in a schema of its own, so that a database may be shared with others. Not plainly `journal`: to
 * DuckDB the file journal.duckdb is a catalog of that name, and `journal.events` would mean either.
 */
export const SCHEMA_NAME = 'journal_tables';

/** `series` counts by day of event time, so that a day's table can be dropped without counting its rows. */
export const DAY_US = 86_400_000_000;

export function dayOf(clockUs: number): number {
  return clockUs - (clockUs % DAY_US);
}

/**
 * The tables beside `events`, in words that both databases understand.
 *
 * - `partitions`: where each stands. A commit compares and locks its row, so does retention. Everything from `floor` on
 *   is kept without a gap; the row at `floor` itself need not exist.
 * - `series`: what is kept by day, symbol and type, so that no statistics need a scan. No symbol is ''.
 * - `marks`: the log in stretches of some thousand entries with the least and greatest times in each: where an answer
 *   by time begins, without an index over all events.
 */
export const TABLES: readonly Sql[] = [
  raw(`CREATE TABLE journal_tables.partitions (
    partition INTEGER PRIMARY KEY,
    epoch BIGINT NOT NULL, "offset" BIGINT NOT NULL, ts_us BIGINT NOT NULL, clock_us BIGINT NOT NULL,
    floor_epoch BIGINT NOT NULL, floor_offset BIGINT NOT NULL,
    mark_first BIGINT NOT NULL, mark_entries BIGINT NOT NULL,
    by_age BIGINT NOT NULL, by_size BIGINT NOT NULL, by_items BIGINT NOT NULL)`),
  raw(`CREATE TABLE journal_tables.epochs (
    partition INTEGER, epoch BIGINT, ordinal BIGINT NOT NULL,
    previous_epoch BIGINT, previous_offset BIGINT, reason VARCHAR NOT NULL,
    PRIMARY KEY (partition, epoch))`),
  raw(`CREATE TABLE journal_tables.holes (
    partition INTEGER, after_epoch BIGINT, after_offset BIGINT, next_epoch BIGINT, next_offset BIGINT,
    PRIMARY KEY (partition, next_epoch, next_offset))`),
  raw(`CREATE TABLE journal_tables.series (
    partition INTEGER, day_us BIGINT, symbol VARCHAR, type VARCHAR,
    events BIGINT NOT NULL, orphaned BIGINT NOT NULL, first_us BIGINT NOT NULL, last_us BIGINT NOT NULL,
    PRIMARY KEY (partition, day_us, symbol, type))`),
  raw(`CREATE TABLE journal_tables.marks (
    partition INTEGER, epoch BIGINT, first_offset BIGINT, last_offset BIGINT NOT NULL,
    ts_min BIGINT NOT NULL, ts_max BIGINT NOT NULL, clock_min BIGINT NOT NULL, clock_max BIGINT NOT NULL,
    bytes BIGINT NOT NULL,
    PRIMARY KEY (partition, epoch, first_offset))`),
];
