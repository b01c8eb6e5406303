import { SqlStore } from '../sql-store.ts';
import { PostgresDatabase, type PostgresOptions } from './postgres-database.ts';

/** The journal in PostgreSQL 15 or later, events in one table a day of event time. */
export class PostgresStore extends SqlStore {
  constructor(options: PostgresOptions) {
    super(new PostgresDatabase(options));
  }
}
