import type { EventRow } from '../stores/event-row.ts';
import type { EventQuery, JournalBatch, JournalStore, ReadRow } from '../stores/journal-store.ts';

export const EPOCH = 1_767_225_600_000;
export const CLOCK_US = EPOCH * 1_000;

/** Every row of an answer, in pages that are never empty. */
export async function all(store: JournalStore, query: EventQuery, pageRows?: number): Promise<ReadRow[]> {
  const rows: ReadRow[] = [];
  for await (const page of store.events(query, pageRows)) {
    if (page.length === 0 || page.length > (pageRows ?? 1_000)) throw new Error(`a page of ${page.length} rows`);
    rows.push(...page);
  }
  return rows;
}

/** A trade, with what is to be otherwise. */
export function row(offset: number, changes: Partial<EventRow> = {}): EventRow {
  const tsUs = CLOCK_US + offset;
  const place = { epoch: EPOCH, offset, symbol: 'BTCUSDT', account: null, tsUs, clockUs: CLOCK_US };
  return {
    ...place,
    type: 'trade',
    payload: `{"n":${offset}}`,
    columns: { price: offset / 4, tradeId: offset },
    ...changes,
  };
}

/** Of the first partition; `after` as the store should have it. */
export function batch(rows: readonly EventRow[], after: JournalBatch['after'] = null): JournalBatch {
  const { epoch, offset, tsUs, clockUs } = rows.at(-1) as EventRow;
  const position = { cursor: { epoch, offset }, tsUs, clockUs };
  return { partition: 0, after, rows, position, epochs: [], holes: [], orphanedAfter: [] };
}

/** What no database makes smaller. */
export function noise(seed: number): string {
  let state = seed + 1;
  const word = () => {
    state = Math.imul(state ^ (state >>> 15), 0x2c1b3c6d) + 0x6d2b79f5;
    return (state >>> 0).toString(36);
  };
  return `{"noise":"${Array.from({ length: 60 }, word).join('')}"}`;
}
