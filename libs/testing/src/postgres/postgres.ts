import { chmodSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { freePort } from '@depthcast/start';
import pg from 'pg';
import { reaper } from '../reaper.ts';
import { findPostgres } from './find-postgres.ts';
import { runContainer } from './postgres-container.ts';
import { runProcess } from './postgres-process.ts';
import type { PostgresServer, PostgresSpec } from './server.ts';

export interface TestPostgresOptions {
  /** More settings of the server, such as `max_connections=10`; not of one that DEPTHCAST_TEST_POSTGRES names. */
  readonly settings?: readonly string[];
}

type Run = ((spec: PostgresSpec) => Promise<PostgresServer>) & { remove?: () => Promise<void> };

const USER = 'depthcast';
/** So odd that a test can look for it in whatever must not show it. */
const PASSWORD = 'Pa55-of-tests';

/**
 * A real PostgreSQL for a test, on a free port of loopback; it dies with the test process. Which one, {@link
 * findPostgres} says and prints. Undefined when there is none anywhere:
 *
 * ```ts
 * const found = await findPostgres(); // at the top of the spec, which it skips loudly
 * (found ? describe : describe.skip)('…', () => {
 *   let postgres: TestPostgres;
 *   beforeAll(async () => void (postgres = await startPostgres()));
 *   afterAll(() => postgres.stop());
 *   it('…', async () => {
 *     const url = await postgres.createDatabase(); // one a test: an empty database takes 30 ms, a server 2 s
 *   });
 * });
 * ```
 */
export async function startPostgres(options: TestPostgresOptions = {}): Promise<TestPostgres> {
  const source = await findPostgres();
  if (!source) throw new Error('no PostgreSQL: skip this test where findPostgres() gives undefined');
  if (source.kind === 'url') return new TestPostgres(new URL(source.url), undefined, []);
  const run: Run = source.kind === 'docker' ? runContainer(source) : runProcess(source);
  const postgres = new TestPostgres(
    new URL(`postgres://${USER}:${PASSWORD}@127.0.0.1:${await freePort()}/postgres`),
    run,
    options.settings ?? [],
  );
  await postgres.start();
  return postgres;
}

export class TestPostgres {
  readonly #url: URL;
  readonly #run: Run | undefined;
  readonly #settings: readonly string[];
  readonly #dir: string | undefined;
  readonly #databases: string[] = [];
  #server: PostgresServer | undefined;
  #fresh = true;

  constructor(url: URL, run: Run | undefined, settings: readonly string[]) {
    this.#url = url;
    this.#run = run;
    this.#settings = settings;
    if (!run) return;
    this.#dir = mkdtempSync(join(tmpdir(), 'depthcast-postgres-'));
    // The server may have to run as another user than this one.
    chmodSync(this.#dir, 0o755);
    reaper.add('folder', this.#dir);
  }

  /** Of the database `postgres`, user and password in it. */
  get url(): string {
    return this.#url.href;
  }

  get password(): string {
    return decodeURIComponent(this.#url.password);
  }

  get port(): number {
    return Number(this.#url.port || 5_432);
  }

  /** Whether it is the test's own: kill and restart work only then. */
  get controlled(): boolean {
    return this.#run !== undefined;
  }

  /** Undefined while it is not running, with Docker, and of a server that is not ours. */
  get pid(): number | undefined {
    return this.#server?.pid;
  }

  /** A new empty database; gives its URL. It goes away with this server, or with {@link stop}. */
  async createDatabase(): Promise<string> {
    const name = `depthcast_${process.pid}_${Date.now().toString(36)}_${this.#databases.length}`;
    await this.query(`CREATE DATABASE ${name}`);
    this.#databases.push(name);
    const url = new URL(this.#url);
    url.pathname = `/${name}`;
    return url.href;
  }

  /** One statement on a connection of its own, rows as objects. */
  async query(sql: string, url = this.url): Promise<Record<string, unknown>[]> {
    const client = new pg.Client({ connectionString: url });
    client.on('error', () => {});
    await client.connect();
    try {
      return (await client.query<Record<string, unknown>>(sql)).rows;
    } finally {
      await client.end();
    }
  }

  /** On the same port and files as before; does nothing when it runs. */
  async start(): Promise<void> {
    if (this.#server || !this.#run || !this.#dir) return;
    const { username: user } = this.#url;
    const spec = { port: this.port, dir: this.#dir, user, password: this.password, settings: this.#settings };
    this.#server = await this.#run({ ...spec, fresh: this.#fresh });
    this.#fresh = false;
  }

  /** SIGKILL. {@link start} brings it back with everything that was committed. */
  async kill(): Promise<void> {
    await this.#end('SIGKILL');
  }

  /** Clients are cut off, everything is written, then it is started again. */
  async restart(): Promise<void> {
    await this.#end('SIGTERM');
    await this.start();
  }

  /** Ends it for good, with its files; of a server that is not ours, removes what was created there. */
  async stop(): Promise<void> {
    if (!this.#run) {
      for (const name of this.#databases) await this.query(`DROP DATABASE IF EXISTS ${name} WITH (FORCE)`);
      return;
    }
    await this.#end('SIGKILL');
    await this.#run.remove?.();
    if (!this.#dir) return;
    rmSync(this.#dir, { recursive: true, force: true });
    reaper.drop('folder', this.#dir);
  }

  async #end(signal: 'SIGTERM' | 'SIGKILL'): Promise<void> {
    if (!this.#run) throw new Error('the server of DEPTHCAST_TEST_POSTGRES is not ours to end');
    const server = this.#server;
    this.#server = undefined;
    await server?.end(signal);
  }
}
