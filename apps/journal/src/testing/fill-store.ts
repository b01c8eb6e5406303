import type { JournalStore } from '../stores/journal-store.ts';
import type { MemoryHistory } from './memory-history.ts';

const BATCH_ROWS = 5_000;

/** Stores everything of a history as the recorder would: in batches, each with the epochs that begin in it. */
export async function fillStore(store: JournalStore, history: MemoryHistory, partition = 0): Promise<void> {
  const { rows, epochList, holeList } = history;
  for (let at = 0; at < rows.length; at += BATCH_ROWS) {
    const batch = rows.slice(at, at + BATCH_ROWS);
    const [first, last] = [batch[0], batch.at(-1)];
    const before = rows[at - 1];
    if (!first || !last) return;
    const begins = (cursor: { epoch: number; offset: number }) =>
      batch.some(({ epoch, offset }) => epoch === cursor.epoch && offset === cursor.offset);
    await store.commit({
      partition,
      after: before ? { epoch: before.epoch, offset: before.offset } : null,
      rows: batch,
      position: { cursor: { epoch: last.epoch, offset: last.offset }, tsUs: last.tsUs, clockUs: last.clockUs },
      epochs: epochList.filter(({ epoch }) => begins({ epoch, offset: 0 })),
      holes: holeList.filter(({ next }) => begins(next)),
      orphanedAfter: [],
    });
  }
}
