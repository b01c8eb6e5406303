import type { TestPostgres } from '@depthcast/testing';
import { DuckDBInstance } from '@duckdb/node-api';
import type { LoggedEvent } from './log-checks.ts';

export interface StoredRow extends LoggedEvent {
  readonly orphaned: boolean;
}

const ROWS = `SELECT epoch || '-' || "offset" AS id,
  type || CASE WHEN symbol IS NULL THEN '' ELSE ':' || symbol END || CASE WHEN account IS NULL THEN '' ELSE ':' || account END
    AS topic, payload, orphaned
  FROM journal_tables.events ORDER BY epoch, "offset"`;
const HOLES = 'SELECT count(*) AS holes FROM journal_tables.holes';

/** What stands in a database, read past the journal. */
export interface Stored {
  readonly rows: readonly StoredRow[];
  readonly holes: number;
}

/** Stop the journal first: one process owns a file. */
export async function storedInFile(file: string): Promise<Stored> {
  const instance = await DuckDBInstance.create(file, { access_mode: 'READ_ONLY' });
  const connection = await instance.connect();
  try {
    const rows = await connection.runAndReadAll(ROWS);
    const holes = await connection.runAndReadAll(HOLES);
    return {
      rows: rows.getRowObjects() as unknown as StoredRow[],
      holes: Number(holes.getRowObjects()[0]?.holes),
    };
  } finally {
    connection.closeSync();
    instance.closeSync();
  }
}

export async function storedInPostgres(postgres: TestPostgres, url: string): Promise<Stored> {
  const rows = await postgres.query(ROWS, url);
  const [count] = await postgres.query(HOLES, url);
  return { rows: rows as unknown as StoredRow[], holes: Number(count?.holes) };
}

/** The first difference from the log, in words; undefined when every event is stored once, and nothing else. */
export function differenceFrom(log: readonly LoggedEvent[], { rows }: Stored): string | undefined {
  for (let i = 0; i < Math.max(log.length, rows.length); i++) {
    const [want, got] = [log[i], rows[i]];
    if (want?.id === got?.id && want?.topic === got?.topic && want?.payload === got?.payload && !got?.orphaned)
      continue;
    const shown = (event: LoggedEvent | undefined) => (event ? `${event.topic} ${event.id}` : 'nothing');
    return `at ${i} of ${log.length}: stored is ${shown(got)}${got?.orphaned ? ' (orphaned)' : ''}, the log had ${shown(want)}`;
  }
  return undefined;
}
