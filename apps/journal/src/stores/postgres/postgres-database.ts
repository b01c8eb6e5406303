import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { DepthcastError } from '@depthcast/protocol';
import pg from 'pg';
import { from as copyFrom } from 'pg-copy-streams';
import type { EventRow } from '../event-row.ts';
import { EVENT_COLUMNS, isClosedBar } from '../event-table.ts';
import { SCHEMA_NAME, SCHEMA_VERSION } from '../schema.ts';
import { Slots } from '../slots.ts';
import { exactNumber, raw, type Sql, type SqlRow, type SqlSession, sql } from '../sql.ts';
import type { SqlDatabase, WriteSession } from '../sql-database.ts';
import { copyText } from './copy-text.ts';
import { createDay, dayTable, migrate } from './migrations.ts';

export interface PostgresOptions {
  /** `postgres://user:password@host:port/database`, with what libpq takes behind `?`. */
  readonly url: string;
  /** How long a statement may take before it, and its connection, are given up. Default 60 s. */
  readonly statementMsMax?: number;
  /** How long connecting may take. Default 5 s. */
  readonly connectMsMax?: number;
}

const READERS = 4;
const WRITERS = 4;
const WAITING_MAX = 1_000;
/** Of a journal that hangs while it holds a cursor's row, so that another one can go on. */
const IDLE_IN_TRANSACTION_MS_MAX = 30_000;
const LOCK_MS_MAX = 10_000;
const RETENTION_LOCK = 4_201_002;
/** Of one row beside its payload: its head, columns and entries in two indexes. Measured on 10 million rows. */
const ROW_BYTES = 260;
const INT8 = 20;

/** What PostgreSQL says when asking again will not help. */
const REFUSALS: Readonly<Record<string, string>> = {
  '28000': 'it refuses this user',
  '28P01': 'it refuses this user or password',
  '3D000': 'there is no database of this name',
  '42501': 'this user may not do what is needed',
};

const COLUMNS = EVENT_COLUMNS.map(({ name }) => `"${name}"`).join(', ');

/** A PostgreSQL server: one pool of connections, some of which write. */
export class PostgresDatabase implements SqlDatabase {
  readonly description;
  readonly forUpdate = raw('FOR UPDATE');
  readonly dropRowsMax = 16_384;
  readonly dropsDays = true;
  readonly #options: PostgresOptions;
  readonly #readers = slots(READERS);
  readonly #writers = slots(WRITERS);
  /** Tables that are there; one that another journal drops meanwhile is found out by the insert that fails. */
  readonly #days = new Set<number>();
  #pool: pg.Pool | undefined;

  constructor(options: PostgresOptions) {
    this.#options = options;
    this.description = { kind: 'postgres', location: locationOf(options.url) } as const;
  }

  async open(): Promise<void> {
    this.#pool ??= this.#connectPool();
    try {
      const version = await this.write((session) => migrate(session));
      if (version <= SCHEMA_VERSION) return;
      throw this.#unusable(
        `it was written by a later Depthcast (tables of version ${version}, this one knows ${SCHEMA_VERSION})`,
      );
    } catch (error) {
      const reason = REFUSALS[(error as { code?: string }).code ?? ''];
      throw reason ? this.#unusable(`${reason}: ${(error as Error).message}`) : error;
    }
  }

  async close(): Promise<void> {
    const pool = this.#pool;
    this.#pool = undefined;
    await pool?.end();
  }

  read<T>(work: (session: SqlSession) => Promise<T>): Promise<T> {
    return this.#readers.use(() => this.#with((client) => work(new PostgresSession(client))));
  }

  write<T>(work: (session: WriteSession) => Promise<T>): Promise<T> {
    return this.#writers.use(() =>
      this.#with(async (client) => {
        await client.query('BEGIN');
        try {
          const result = await work(new PostgresSession(client));
          await client.query('COMMIT');
          return result;
        } catch (error) {
          // "no partition of relation found for row"
          if ((error as { code?: string }).code === '23514') this.#days.clear();
          await client.query('ROLLBACK');
          throw error;
        }
      }),
    );
  }

  async prepareDays(days: readonly number[]): Promise<void> {
    for (const day of days) {
      if (this.#days.has(day)) continue;
      await this.write((session) => createDay(session, day));
      this.#days.add(day);
    }
  }

  async dropDay(session: WriteSession, dayUs: number): Promise<void> {
    this.#days.delete(dayUs);
    await session.query(sql`DROP TABLE IF EXISTS ${dayTable(dayUs)}`);
  }

  /** The lock is of the connection: it ends with this process, however that ends. */
  alone<T>(work: () => Promise<T>): Promise<T | undefined> {
    return this.#with(async (client) => {
      const session = new PostgresSession(client);
      const [row] = await session.query(sql`SELECT pg_try_advisory_lock(${RETENTION_LOCK})`);
      if (!row?.[0]) return undefined;
      try {
        return await work();
      } finally {
        await session.query(sql`SELECT pg_advisory_unlock(${RETENTION_LOCK})`);
      }
    });
  }

  bytes(): Promise<number> {
    return this.read(async (session) => {
      const [row] = await session.query(sql`
        SELECT CAST(coalesce(sum(pg_total_relation_size(c.oid)), 0) AS BIGINT)
        FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE n.nspname = 'journal_tables' AND c.relkind = 'r'`);
      return row?.[0] as number;
    });
  }

  /** Deleted rows leave room in their table that is used again; only a dropped table makes the database smaller. */
  keptBytes(bytes: number, payloadBytes: number, events: number): number {
    return Math.min(bytes, payloadBytes + events * ROW_BYTES);
  }

  /** It does so by itself. */
  async compact(): Promise<boolean> {
    return true;
  }

  /** A connection on which anything has failed at all is not used again: its state is unknown. */
  async #with<T>(work: (client: pg.PoolClient) => Promise<T>): Promise<T> {
    if (!this.#pool) throw new Error(`the database at ${this.description.location} is not open`);
    const client = await this.#pool.connect();
    // One that breaks while nothing is asked of it says so here; the next statement fails by itself.
    const ignore = () => {};
    client.on('error', ignore);
    let failure: Error | undefined;
    try {
      return await work(client);
    } catch (error) {
      failure = error as Error;
      throw error;
    } finally {
      client.removeListener('error', ignore);
      client.release(failure);
    }
  }

  #connectPool(): pg.Pool {
    const { url, statementMsMax = 60_000, connectMsMax = 5_000 } = this.#options;
    // Parsed here first: the driver's own complaint holds the text, and the password in it.
    if (!URL.canParse(url)) throw this.#unusable('JOURNAL_DB_URL is not a postgres:// URL that can be read');
    const pool = new pg.Pool({
      connectionString: url,
      // One more for the lock of retention.
      max: READERS + WRITERS + 1,
      connectionTimeoutMillis: connectMsMax,
      statement_timeout: statementMsMax,
      // The server's own limit comes first; this one is for a server that does not answer at all.
      query_timeout: statementMsMax + 5_000,
      lock_timeout: LOCK_MS_MAX,
      idle_in_transaction_session_timeout: IDLE_IN_TRANSACTION_MS_MAX,
      keepAlive: true,
      application_name: 'depthcast-journal',
    });
    // A connection that breaks while nobody uses it is replaced by the next one.
    pool.on('error', () => {});
    return pool;
  }

  #unusable(reason: string): DepthcastError {
    return new DepthcastError('JOURNAL_STORE_UNUSABLE', `PostgreSQL at ${this.description.location}: ${reason}`);
  }
}

class PostgresSession implements WriteSession {
  readonly daily = true;
  readonly #client: pg.PoolClient;

  constructor(client: pg.PoolClient) {
    this.#client = client;
  }

  async query({ text, values }: Sql): Promise<readonly SqlRow[]> {
    const result = await this.#client.query({ text, values: [...values], rowMode: 'array', types: { getTypeParser } });
    return result.rows as SqlRow[];
  }

  async append(partition: number, rows: readonly EventRow[]): Promise<void> {
    if (rows.length === 0) return;
    await this.#copyTo('events', partition, rows);
    const bars = rows.filter(isClosedBar);
    if (bars.length > 0) await this.#copyTo('bars', partition, bars);
  }

  async #copyTo(table: string, partition: number, rows: readonly EventRow[]): Promise<void> {
    const copy = this.#client.query(copyFrom(`COPY ${SCHEMA_NAME}.${table} (${COLUMNS}) FROM STDIN`));
    await pipeline(Readable.from(copyText(partition, rows)), copy);
  }
}

/** 64-bit integers as exact numbers; the driver's own way for all else. */
const getTypeParser = ((oid: number, format?: 'text') =>
  oid === INT8 ? exactNumber : pg.types.getTypeParser(oid, format)) as typeof pg.types.getTypeParser;

function slots(count: number): Slots<number> {
  return new Slots(
    Array.from({ length: count }, (_, i) => i),
    WAITING_MAX,
  );
}

/** Without user and password, whatever the text is. */
function locationOf(url: string): string {
  if (!URL.canParse(url)) return 'an unreadable address';
  const { hostname, port, pathname } = new URL(url);
  return `${hostname}:${port || '5432'}${pathname}`;
}
