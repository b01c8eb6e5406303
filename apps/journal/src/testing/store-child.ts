import { DuckDbStore } from '../stores/duckdb/duckdb-store.ts';
import type { EventRow } from '../stores/event-row.ts';
import type { JournalStore } from '../stores/journal-store.ts';
import { PostgresStore } from '../stores/postgres/postgres-store.ts';

/**
 * A process that stores for ever, for tests that kill it: `store-child.ts <file or postgres URL> [hold]`. Each batch
 * that is committed is a line `at <offset>` of stdout, each that failed one `failed <message>`, and is tried again;
 * `read <rows>` says that reading went on. With `hold` it stores once and then only keeps the database open.
 */
const [place = '', mode] = process.argv.slice(2);

export const EPOCH = 1_767_225_600_000;
const BATCH_ROWS = 700;
/** So that retention is under way often, and has something to do. */
export const BBO_KEPT = 5_000;
const RETRY_MS = 20;

export function childRow(offset: number): EventRow {
  const us = EPOCH * 1_000 + offset * 100;
  const type = offset % 2 === 0 ? 'bbo' : 'trade';
  const columns = type === 'bbo' ? { bidPrice: offset, latencyMs: offset % 50 } : { price: offset, tradeId: offset };
  const payload = JSON.stringify({ type, offset, noise: Math.imul(offset, 0x9e3779b1).toString(36).repeat(20) });
  return { epoch: EPOCH, offset, type, symbol: 'BTCUSDT', account: null, tsUs: us, clockUs: us, payload, columns };
}

function say(line: string): void {
  process.stdout.write(`${line}\n`);
}

async function commitNext(store: JournalStore): Promise<number> {
  const position = await store.position(0);
  const first = position ? position.cursor.offset + 1 : 0;
  const rows = Array.from({ length: BATCH_ROWS }, (_, i) => childRow(first + i));
  const { epoch, offset, tsUs, clockUs } = rows.at(-1) as EventRow;
  await store.commit({
    partition: 0,
    after: position?.cursor ?? null,
    rows,
    position: { cursor: { epoch, offset }, tsUs, clockUs },
    epochs: position ? [] : [{ epoch, ordinal: 0, previousTail: null, reason: 'first' }],
    holes: [],
    orphanedAfter: [],
  });
  return offset;
}

async function main(): Promise<void> {
  const store = place.startsWith('postgres:')
    ? new PostgresStore({ url: place })
    : new DuckDbStore({ file: place, checkpointBytes: 1 << 20 });
  await store.open();
  for (let round = 1; ; round++) {
    try {
      say(`at ${await commitNext(store)}`);
      if (round % 8 === 0) await store.retain({ bboItemsMax: BBO_KEPT });
    } catch (error) {
      say(`failed ${(error as Error).message.split('\n')[0]}`);
      const read = await store.page(0, { epoch: EPOCH, offset: 0 }, 1).catch(() => []);
      say(`read ${read.length}`);
      await new Promise((resolve) => setTimeout(resolve, RETRY_MS));
    }
    if (mode === 'hold') return void setInterval(() => {}, 1_000);
  }
}

if (place !== '' && process.argv[1]?.endsWith('store-child.ts')) await main();
