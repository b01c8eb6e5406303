import { DepthcastError, partitionOf } from '@depthcast/protocol';
import type { JournalStore } from '../stores/journal-store.ts';

/**
 * That what is stored was recorded with as many partitions: with another number, a symbol's history would be looked for
 * where it is not, and logs be taken for the continuation of others.
 *
 * @throws DepthcastError `JOURNAL_STORE_UNUSABLE`
 */
export async function checkSamePartitions(store: JournalStore, partitions: number): Promise<void> {
  const stored = (await store.partitions()).map(({ partition }) => partition);
  const beyond = stored.find((partition) => partition >= partitions);
  if (beyond !== undefined) throw another(store, partitions, `it has partition ${beyond}`);
  if (partitions === 1) return;
  const names = (await store.symbols()).map(({ symbol }) => symbol);
  for (const partition of stored) {
    const foreign = names.filter((name) => partitionOf(name, partitions) !== partition);
    const query = { partition, symbols: foreign, everyAccount: true, limit: 1 } as const;
    for await (const [row] of store.events(query, 1)) {
      throw another(store, partitions, `it has ${row?.symbol} in partition ${partition}`);
    }
  }
}

function another({ description }: JournalStore, partitions: number, what: string): DepthcastError {
  return new DepthcastError(
    'JOURNAL_STORE_UNUSABLE',
    `the database at ${description.location} was recorded with another number of partitions than PARTITIONS=${partitions}: ${what}. Set PARTITIONS to what it was, or name another database`,
  );
}
