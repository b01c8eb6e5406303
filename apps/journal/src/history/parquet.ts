import { createReadStream } from 'node:fs';
import { mkdir, mkdtemp, readdir, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { type DuckDBAppender, DuckDBInstance } from '@duckdb/node-api';
import type { Pages } from './answers.ts';
import type { Column, RowKind } from './row-kinds.ts';

/** What the scratch database may hold in memory; beyond it, its rows are in its file. */
const SCRATCH_MEMORY = '128MB';
const FLUSH_ROWS = 50_000;
const READ_BYTES = 256 * 1024;
const SCRATCH_NAME = 'export-';
/** What is so old was left by a process that was killed. */
const LEFT_MS = 24 * 3_600_000;

/**
 * A Parquet file in pieces. Its rows go through a scratch DuckDB, whichever database they are from, into a file, which
 * is read and then deleted: such a file ends with what is known only after its last row.
 *
 * @param folder where scratch files may be.
 * @param signal stops it between two pages.
 */
export async function* parquetPieces(
  kind: RowKind,
  rows: Pages,
  folder: string,
  signal: AbortSignal,
): AsyncGenerator<Buffer> {
  await mkdir(folder, { recursive: true });
  await clearLeft(folder);
  const scratch = await mkdtemp(join(folder, SCRATCH_NAME));
  try {
    const file = join(scratch, 'rows.parquet');
    await writeParquet(kind, rows, join(scratch, 'rows.duckdb'), file, signal);
    yield* createReadStream(file, { highWaterMark: READ_BYTES });
  } finally {
    await rm(scratch, { recursive: true, force: true });
  }
}

async function writeParquet(kind: RowKind, rows: Pages, database: string, file: string, signal: AbortSignal) {
  const instance = await DuckDBInstance.create(database, { memory_limit: SCRATCH_MEMORY, threads: '1' });
  try {
    const connection = await instance.connect();
    const columns = kind.columns.map(({ name, type }) => `"${name}" ${type}`).join(', ');
    await connection.run(`CREATE TABLE exported (${columns})`);
    const appender = await connection.createAppender('exported');
    let unflushed = 0;
    for await (const page of rows) {
      signal.throwIfAborted();
      for (const row of page) append(appender, kind.columns, kind.values(row));
      unflushed += page.length;
      if (unflushed >= FLUSH_ROWS) {
        appender.flushSync();
        unflushed = 0;
      }
    }
    appender.closeSync();
    signal.throwIfAborted();
    await connection.run(`COPY exported TO '${file.replaceAll("'", "''")}' (FORMAT parquet, COMPRESSION zstd)`);
    connection.closeSync();
  } finally {
    instance.closeSync();
  }
}

async function clearLeft(folder: string): Promise<void> {
  for (const name of await readdir(folder)) {
    if (!name.startsWith(SCRATCH_NAME)) continue;
    const path = join(folder, name);
    const madeMs = (await stat(path).catch(() => undefined))?.mtimeMs ?? Number.POSITIVE_INFINITY;
    if (Date.now() - madeMs > LEFT_MS) await rm(path, { recursive: true, force: true });
  }
}

function append(appender: DuckDBAppender, columns: readonly Column[], values: readonly (string | undefined)[]): void {
  columns.forEach(({ type }, i) => {
    const text = values[i];
    if (text === undefined) appender.appendNull();
    else if (type === 'VARCHAR') appender.appendVarchar(text);
    else if (type === 'BIGINT') appender.appendBigInt(BigInt(text));
    else if (type === 'DOUBLE') appender.appendDouble(Number(text));
    else appender.appendBoolean(text === 'true');
  });
  appender.endRow();
}
