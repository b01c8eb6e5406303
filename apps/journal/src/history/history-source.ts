import { DepthcastError } from '@depthcast/protocol';
import type { JournalStore } from '../stores/journal-store.ts';

/** What the history asks of the database. */
export type HistorySource = Pick<
  JournalStore,
  'description' | 'events' | 'page' | 'cursorAt' | 'latency' | 'symbols' | 'partitions' | 'epochs' | 'holes' | 'bytes'
>;

/** What Nest injects the {@link HistorySource} by. */
export const HISTORY = Symbol('history');

/** The store as its readers see it: a database that does not answer is an answer with a name, `HISTORY_UNAVAILABLE`. */
export function historySource(store: JournalStore): HistorySource {
  return {
    description: store.description,
    events: (query, pageRows) => pages(store, query, pageRows),
    page: (partition, after, countMax) => ask(() => store.page(partition, after, countMax)),
    cursorAt: (partition, tsUs) => ask(() => store.cursorAt(partition, tsUs)),
    latency: (query) => ask(() => store.latency(query)),
    symbols: () => ask(() => store.symbols()),
    partitions: () => ask(() => store.partitions()),
    epochs: (partition) => ask(() => store.epochs(partition)),
    holes: (partition) => ask(() => store.holes(partition)),
    bytes: () => ask(() => store.bytes()),
  };
}

async function ask<T>(question: () => Promise<T>): Promise<T> {
  try {
    return await question();
  } catch (error) {
    throw unavailable(error);
  }
}

async function* pages(store: JournalStore, ...query: Parameters<JournalStore['events']>) {
  const iterator = store.events(...query)[Symbol.asyncIterator]();
  try {
    while (true) {
      const next = await ask(() => iterator.next());
      if (next.done) return;
      yield next.value;
    }
  } finally {
    // Whoever stops half-way stops the database too.
    await iterator.return?.();
  }
}

function unavailable(error: unknown): DepthcastError {
  if (error instanceof DepthcastError) return error;
  return new DepthcastError('HISTORY_UNAVAILABLE', "the journal's database does not answer", { cause: error });
}
