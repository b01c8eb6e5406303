import { columnDefinitions } from '../event-table.ts';
import { DAY_US, SCHEMA_NAME, SCHEMA_VERSION, TABLES } from '../schema.ts';
import { raw, type Sql, type SqlSession, sql } from '../sql.ts';

const TYPES = { INTEGER: 'INTEGER', BIGINT: 'BIGINT', DOUBLE: 'DOUBLE PRECISION', BOOLEAN: 'BOOLEAN', VARCHAR: 'TEXT' };

const COLUMNS = columnDefinitions(({ type }) => TYPES[type]);

/** Any number that is the same everywhere: of two journals that start, one makes the tables. */
const MIGRATION_LOCK = 4_201_001;

/**
 * The statements that lead to each version from the one before.
 *
 * The key has the clock in it because a partitioned table's must hold what it is partitioned by. The indexes give a
 * symbol's events of one type, and an account's, in the log's order, so that a page ends the search.
 */
const MIGRATIONS: readonly (readonly Sql[])[] = [
  [
    raw(`CREATE TABLE journal_tables.events (${COLUMNS},
      PRIMARY KEY (partition, epoch, "offset", clock_us)) PARTITION BY RANGE (clock_us)`),
    raw('CREATE INDEX events_of_symbol ON journal_tables.events (symbol, type, epoch, "offset")'),
    raw('CREATE INDEX events_of_account ON journal_tables.events (account, epoch, "offset") WHERE account IS NOT NULL'),
    raw(`CREATE TABLE journal_tables.bars (${COLUMNS})`),
    raw('CREATE INDEX bars_of_symbol ON journal_tables.bars (symbol, "interval", open_ts)'),
    ...TABLES,
  ],
];

/** 0 where there is nothing yet. */
export async function versionOf(session: SqlSession): Promise<number> {
  if (!(await isThere(session, 'schema_version'))) return 0;
  const [row] = await session.query(sql`SELECT version FROM journal_tables.schema_version`);
  return (row?.[0] as number | undefined) ?? 0;
}

/** In one transaction. Does nothing to a database of this version or a later one; gives the version that it found. */
export async function migrate(session: SqlSession): Promise<number> {
  const found = await versionOf(session);
  if (found >= SCHEMA_VERSION) return found;
  await session.query(sql`SELECT pg_advisory_xact_lock(${MIGRATION_LOCK})`);
  const version = await versionOf(session);
  if (version >= SCHEMA_VERSION) return version;
  await session.query(raw('CREATE SCHEMA IF NOT EXISTS journal_tables'));
  await session.query(raw('CREATE TABLE IF NOT EXISTS journal_tables.schema_version (version INTEGER NOT NULL)'));
  for (const statement of MIGRATIONS.slice(version).flat()) await session.query(statement);
  await session.query(raw('DELETE FROM journal_tables.schema_version'));
  await session.query(sql`INSERT INTO journal_tables.schema_version VALUES (${SCHEMA_VERSION})`);
  return version;
}

/** Made beside the big table and then attached, which stops neither readers nor commits of other days. */
export async function createDay(session: SqlSession, dayUs: number): Promise<void> {
  await session.query(sql`SELECT pg_advisory_xact_lock(${MIGRATION_LOCK})`);
  if (await isThere(session, nameOf(dayUs))) return;
  const table = dayTable(dayUs);
  await session.query(sql`CREATE TABLE ${table} (LIKE journal_tables.events INCLUDING DEFAULTS INCLUDING CONSTRAINTS)`);
  await session.query(
    sql`ALTER TABLE journal_tables.events ATTACH PARTITION ${table} FOR VALUES FROM (${dayUs}) TO (${dayUs + DAY_US})`,
  );
}

/** Asked of the table of tables: `to_regclass` remembers what it did not find before it waited for the lock. */
async function isThere(session: SqlSession, name: string): Promise<boolean> {
  const rows = await session.query(
    sql`SELECT 1 FROM pg_tables WHERE schemaname = ${SCHEMA_NAME} AND tablename = ${name}`,
  );
  return rows.length > 0;
}

export function dayTable(dayUs: number): Sql {
  return raw(`${SCHEMA_NAME}.${nameOf(dayUs)}`);
}

/** `events_20260101` */
function nameOf(dayUs: number): string {
  return `events_${new Date(dayUs / 1_000).toISOString().slice(0, 10).replaceAll('-', '')}`;
}
