import { type EventType, eventTopic, partitionOf } from '@depthcast/protocol';
import type { JournalStore } from '../stores/journal-store.ts';
import { fillStore } from './fill-store.ts';
import { MemoryHistory } from './memory-history.ts';
import { type ModelRow, ModelStore } from './model-store.ts';

/** What every partition has of its own: the engine of each says it. */
const OF_EACH = ['epoch', 'clock', 'engine'];

/**
 * One partition's history as several partitions would have it: each symbol's events in its own, in the order they have,
 * seconds and epochs in all of them; what is of no symbol in the first. Ids are then the same in several of them.
 */
export function partitioned({ rows }: MemoryHistory, partitions: number): readonly MemoryHistory[] {
  return Array.from({ length: partitions }, (_, partition) => {
    const history = new MemoryHistory();
    const isIn = ({ symbol, type }: ModelRow) =>
      symbol === null ? partition === 0 || OF_EACH.includes(type) : partitionOf(symbol, partitions) === partition;
    history.add(
      ...rows.filter(isIn).map(({ type, symbol, account, payload }) => ({
        topic: eventTopic(type as EventType, symbol ?? undefined, account ?? undefined),
        payload,
      })),
    );
    return history;
  });
}

/** Each of them into its own partition of a store. */
export async function fillPartitions<T extends JournalStore>(
  store: T,
  histories: readonly MemoryHistory[],
): Promise<T> {
  for (const [partition, history] of histories.entries()) await fillStore(store, history, partition);
  return store;
}

export function modelOf(histories: readonly MemoryHistory[]): Promise<ModelStore> {
  return fillPartitions(new ModelStore(), histories);
}
