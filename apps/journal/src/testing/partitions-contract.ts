import { expect } from '@jest/globals';
import type { JournalStore } from '../stores/journal-store.ts';
import { all, batch, CLOCK_US, EPOCH, row } from './contract-rows.ts';

/** Two partitions with the same ids, of which the second goes through everything. */
export async function keepsPartitionsApart(store: JournalStore): Promise<void> {
  const rows = (symbol: string, count = 10) =>
    Array.from({ length: count }, (_, i) => row(i, { symbol, type: 'bbo', columns: { latencyMs: 1 } }));
  const epochs = [{ epoch: EPOCH, ordinal: 0, previousTail: null, reason: 'first' }];
  for (const [partition, symbol] of ['BTCUSDT', 'ETHUSDT'].entries()) {
    expect(await store.commit({ ...batch(rows(symbol)), partition, epochs })).toBe('committed');
  }
  const told = async (partition: number) => ({
    position: await store.position(partition),
    epochs: await store.epochs(partition),
    holes: await store.holes(partition),
    summary: (await store.partitions())[partition],
    rows: await all(store, { partition, everyAccount: true }),
    page: await store.page(partition, { epoch: EPOCH, offset: 3 }, 100),
    at: await store.cursorAt(partition, CLOCK_US + 7),
  });
  const before = await told(0);
  // It loses what follows its fifth event, then some of the next epoch, and then has more updates than are kept.
  const tail = { epoch: EPOCH, offset: 4 };
  const next = { epoch: EPOCH + 1, offset: 0 };
  const at = { epoch: EPOCH, offset: 9 };
  const opened = { ...batch([row(0, { ...next, symbol: 'ETHUSDT', type: 'bbo' })], at), partition: 1 };
  const opens = { epochs: [{ epoch: next.epoch, ordinal: 1, previousTail: tail, reason: 'test' }] };
  expect(await store.commit({ ...opened, ...opens, orphanedAfter: [tail] })).toBe('committed');
  const behind = { ...next, offset: 5 };
  const holed = { ...batch([row(5, { ...behind, symbol: 'ETHUSDT', type: 'bbo' })], next), partition: 1 };
  expect(await store.commit({ ...holed, holes: [{ after: next, next: behind }] })).toBe('committed');
  expect(await store.commit({ ...holed, partition: 0 })).toBe('overtaken');
  expect(await told(0)).toEqual(before);
  const after = await told(1);
  expect(after).toMatchObject({
    epochs: [{}, {}],
    holes: [{}],
    summary: { orphaned: 5, events: 7, earliest: behind },
  });
  expect(after.page.map(({ offset }) => offset)).toEqual([4]);

  expect(await store.commit({ ...batch([row(10, { type: 'clock', symbol: null })], at), partition: 0 })).toBe(
    'committed',
  );
  const clocked = await told(0);
  expect(await told(1)).toEqual(after);
  while ((await store.retain({ bboItemsMax: 10 })).events > 0);
  expect(await told(0)).toEqual(clocked);
  while ((await store.retain({ bboItemsMax: 8 })).events > 0);
  expect((await told(0)).summary).toMatchObject({
    events: 9,
    dropped: { byItems: 2 },
    earliest: { epoch: EPOCH, offset: 2 },
  });
  expect(await told(1)).toEqual(after);
}
