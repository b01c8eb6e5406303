import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { BIGINT, DuckDBDataChunk, DuckDBInstance, VARCHAR } from '@duckdb/node-api';
import type { BareRow } from './fill-log.ts';

const CHUNK_ROWS = 2_048;
const COMMIT_ROWS = 20_480;
const TYPES = [BIGINT, BIGINT, VARCHAR, VARCHAR, VARCHAR, VARCHAR];

/** DuckDB's appender alone, by the driver's own calls: these rows into a file, commits of some size. Rows/s. */
export async function bareAppend(rows: readonly BareRow[]): Promise<number> {
  const folder = mkdtempSync(join(tmpdir(), 'depthcast-bench-duckdb-'));
  try {
    const instance = await DuckDBInstance.create(join(folder, 'bare.duckdb'));
    const connection = await instance.connect();
    await connection.run(
      'CREATE TABLE events (epoch BIGINT, "offset" BIGINT, type VARCHAR, symbol VARCHAR, account VARCHAR, payload VARCHAR)',
    );
    const startedMs = performance.now();
    for (let first = 0; first < rows.length; first += COMMIT_ROWS) {
      await connection.run('BEGIN');
      const appender = await connection.createAppender('events');
      for (let from = first; from < Math.min(rows.length, first + COMMIT_ROWS); from += CHUNK_ROWS) {
        const some = rows.slice(from, from + CHUNK_ROWS);
        const chunk = DuckDBDataChunk.create(TYPES);
        chunk.setColumns([
          some.map(({ epoch }) => BigInt(epoch)),
          some.map(({ offset }) => BigInt(offset)),
          some.map(({ type }) => type),
          some.map(({ symbol }) => symbol),
          some.map(({ account }) => account),
          some.map(({ payload }) => payload),
        ]);
        appender.appendDataChunk(chunk);
      }
      appender.closeSync();
      await connection.run('COMMIT');
    }
    const seconds = (performance.now() - startedMs) / 1_000;
    connection.closeSync();
    instance.closeSync();
    return rows.length / seconds;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
