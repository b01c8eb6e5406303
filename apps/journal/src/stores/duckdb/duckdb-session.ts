import type { DuckDBConnection, DuckDBDataChunk } from '@duckdb/node-api';
import type { EventRow } from '../event-row.ts';
import { isClosedBar } from '../event-table.ts';
import { SCHEMA_NAME } from '../schema.ts';
import type { Sql, SqlRow, SqlValue } from '../sql.ts';
import type { WriteSession } from '../sql-database.ts';
import { CHUNK_ROWS, ChunkFiller } from './chunk-filler.ts';
import { readColumn } from './chunk-reader.ts';

/** One connection of DuckDB. */
export class DuckDbSession implements WriteSession {
  readonly daily = false;
  readonly connection: DuckDBConnection;
  readonly #filler = new ChunkFiller();

  constructor(connection: DuckDBConnection) {
    this.connection = connection;
  }

  async query({ text, values }: Sql): Promise<readonly SqlRow[]> {
    const result = await this.connection.run(text, values.length > 0 ? [...values] : undefined);
    const rows: SqlRow[] = [];
    for (let chunk = await result.fetchChunk(); chunk && chunk.rowCount > 0; chunk = await result.fetchChunk()) {
      addRows(rows, chunk);
    }
    return rows;
  }

  async append(partition: number, rows: readonly EventRow[]): Promise<void> {
    if (rows.length === 0) return;
    await this.#appendTo('events', partition, rows);
    const bars = rows.filter(isClosedBar);
    if (bars.length > 0) await this.#appendTo('bars', partition, bars);
  }

  async #appendTo(table: string, partition: number, rows: readonly EventRow[]): Promise<void> {
    const appender = await this.connection.createAppender(table, SCHEMA_NAME);
    try {
      for (let from = 0; from < rows.length; from += CHUNK_ROWS) {
        const count = Math.min(CHUNK_ROWS, rows.length - from);
        appender.appendDataChunk(this.#filler.fill(partition, rows, from, count));
      }
    } finally {
      appender.closeSync();
    }
  }
}

function addRows(rows: SqlRow[], chunk: DuckDBDataChunk): void {
  const base = rows.length;
  for (let i = 0; i < chunk.rowCount; i++) rows.push(new Array<SqlValue>(chunk.columnCount));
  for (let column = 0; column < chunk.columnCount; column++) {
    const values = readColumn(chunk, column);
    for (let i = 0; i < values.length; i++) (rows[base + i] as SqlValue[])[column] = values[i] as SqlValue;
  }
}
