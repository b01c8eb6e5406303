import type { DuckDBConnection } from '@duckdb/node-api';
import { columnDefinitions } from '../event-table.ts';
import { SCHEMA_VERSION, TABLES } from '../schema.ts';

const COLUMNS = columnDefinitions(({ name, type }) => (name === 'payload' ? `${type} USING COMPRESSION zstd` : type));

/**
 * The statements that lead to each version from the one before.
 *
 * `journal_tables.events` has no key of its own: the cursor in `partitions` keeps its rows unique, and an index would cost more
 * than everything else together. Rows stand in the log's order, so what each row group covers tells what to skip.
 * Payloads are compressed by zstd: half the size and a third of the work of what DuckDB chooses by itself.
 */
const MIGRATIONS: readonly (readonly string[])[] = [
  [
    `CREATE TABLE journal_tables.events (${COLUMNS})`,
    `CREATE TABLE journal_tables.bars (${COLUMNS})`,
    ...TABLES.map((table) => table.text),
  ],
];

/** 0 where there is nothing yet. */
export async function versionOf(connection: DuckDBConnection): Promise<number> {
  const tables = await connection.runAndReadAll(
    `SELECT 1 FROM duckdb_tables() WHERE schema_name = 'journal_tables' AND table_name = 'schema_version'`,
  );
  if (tables.currentRowCount === 0) return 0;
  const versions = await connection.runAndReadAll('SELECT version FROM journal_tables.schema_version');
  return Number(versions.getRows()[0]?.[0] ?? 0);
}

/** All of it or nothing. */
export async function migrate(connection: DuckDBConnection): Promise<void> {
  const version = await versionOf(connection);
  if (version === SCHEMA_VERSION) return;
  await connection.run('BEGIN');
  await connection.run('CREATE SCHEMA IF NOT EXISTS journal_tables');
  await connection.run('CREATE TABLE IF NOT EXISTS journal_tables.schema_version (version INTEGER NOT NULL)');
  for (const statements of MIGRATIONS.slice(version)) {
    for (const statement of statements) await connection.run(statement);
  }
  await connection.run('DELETE FROM journal_tables.schema_version');
  await connection.run(`INSERT INTO journal_tables.schema_version VALUES (${SCHEMA_VERSION})`);
  await connection.run('COMMIT');
}
