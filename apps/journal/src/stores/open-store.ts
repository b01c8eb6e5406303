import { basename, join } from 'node:path';
import { DuckDbStore } from './duckdb/duckdb-store.ts';
import type { JournalStore } from './journal-store.ts';
import { PostgresStore } from './postgres/postgres-store.ts';

/** The settings that say which database, by the names that the environment has for them. */
export interface StoreConfig {
  /** `postgres://…`; undefined: DuckDB. */
  readonly JOURNAL_DB_URL?: string | undefined;
  readonly JOURNAL_FILE: string;
  /** The folder of the file, in place of its own. */
  readonly CACHE_DIR?: string | undefined;
  /** False: DuckDB in memory, which is gone with the process. */
  readonly CACHE_PERSIST?: boolean | undefined;
  /** What DuckDB may hold in memory; undefined: its default. */
  readonly JOURNAL_MEMORY_BYTES_MAX?: number | undefined;
}

/** The store of these settings, not yet opened. */
export function createStore(config: StoreConfig): JournalStore {
  if (config.JOURNAL_DB_URL) return new PostgresStore({ url: config.JOURNAL_DB_URL });
  const { JOURNAL_FILE: file, CACHE_DIR: folder, JOURNAL_MEMORY_BYTES_MAX: memoryBytesMax } = config;
  const memory = memoryBytesMax === undefined ? {} : { memoryBytesMax };
  if (config.CACHE_PERSIST === false) return new DuckDbStore({ file: ':memory:', ...memory });
  return new DuckDbStore({ file: folder ? join(folder, basename(file)) : file, ...memory });
}

/**
 * {@link createStore}, opened.
 *
 * @throws DepthcastError `JOURNAL_STORE_UNUSABLE`, the database left untouched.
 * @throws the driver's error when the database does not answer: call again later.
 */
export async function openStore(config: StoreConfig): Promise<JournalStore> {
  const store = createStore(config);
  await store.open();
  return store;
}
