import { SqlStore } from '../sql-store.ts';
import { DuckDbDatabase } from './duckdb-database.ts';
import type { DuckDbOptions } from './duckdb-file.ts';

/**
 * The journal in a DuckDB file: embedded, columnar, one process owns it. `:memory:` is gone with the process.
 *
 * What is committed stands in the file's log of changes, synced, and comes into the file at the next checkpoint.
 */
export class DuckDbStore extends SqlStore {
  constructor(options: DuckDbOptions) {
    super(new DuckDbDatabase(options));
  }
}
