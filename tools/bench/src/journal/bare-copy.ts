import { pipeline } from 'node:stream/promises';
import pg from 'pg';
import { from as copyFrom } from 'pg-copy-streams';
import type { BareRow } from './fill-log.ts';

const COMMIT_ROWS = 20_000;

/** COPY alone: texts that are ready, into a table without a key, a commit each 20,000 rows. Rows/s. */
export async function bareCopy(url: string, rows: readonly BareRow[]): Promise<number> {
  const texts: string[] = [];
  for (let from = 0; from < rows.length; from += COMMIT_ROWS) {
    texts.push(
      rows
        .slice(from, from + COMMIT_ROWS)
        .map(line)
        .join(''),
    );
  }
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    await client.query(
      'CREATE TABLE events (epoch BIGINT, "offset" BIGINT, type TEXT, symbol TEXT, account TEXT, payload TEXT)',
    );
    const startedMs = performance.now();
    for (const text of texts) {
      await pipeline([text], client.query(copyFrom('COPY events FROM STDIN')));
    }
    return rows.length / ((performance.now() - startedMs) / 1_000);
  } finally {
    await client.end();
  }
}

function line({ epoch, offset, type, symbol, account, payload }: BareRow): string {
  const escaped = payload.replaceAll('\\', '\\\\');
  return `${epoch}\t${offset}\t${type}\t${symbol ?? '\\N'}\t${account ?? '\\N'}\t${escaped}\n`;
}
