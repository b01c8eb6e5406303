import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { findRedis, freePort, type RedisSource, redisOfBinary } from '@depthcast/start';
import { Redis, type RedisOptions } from 'ioredis';
import { reaper } from '../reaper.ts';
import { runContainer } from './redis-container.ts';
import { runProcess } from './redis-process.ts';
import type { RunServer, ServerSpec, TestServer } from './server.ts';

export interface TestRedisOptions {
  /** Default: a free one. */
  readonly port?: number;
  /** Whether what it has been told survives kill and restart; default false. */
  readonly appendonly?: boolean;
  /** More options of redis-server, such as `['--maxmemory', '50mb']`. They win over all others. */
  readonly config?: readonly string[];
  /** A node of a Redis Cluster; see startRedisCluster. */
  readonly cluster?: boolean;
  /** One of several servers that must reach each other, as those of a cluster do. */
  readonly hasPeers?: boolean;
  /** What stands in its configuration file; it runs as a Sentinel, which takes nothing of that from its options. */
  readonly sentinel?: string;
}

const SENTINEL_FILE = 'sentinel.conf';

/** Starts are cheap (30 ms), finding is not: once a process. */
let found: Promise<RedisSource> | undefined;

/**
 * A real Redis of the test's own on a free port of loopback, found as `npm start` finds one, but never the user's
 * REDIS_URL: tests kill and empty theirs. `DEPTHCAST_TEST_REDIS=/path/to/server` takes that server instead (another
 * Redis, Valkey). It dies with the test process.
 */
export async function startRedis(options: TestRedisOptions = {}): Promise<TestRedis> {
  found ??= testSource();
  const source = await found;
  const run: RunServer = source.kind === 'docker' ? runContainer(source) : runProcess(source);
  const redis = new TestRedis(run, options);
  await redis.start();
  return redis;
}

function testSource(): Promise<RedisSource> {
  const forced = process.env.DEPTHCAST_TEST_REDIS;
  return forced ? redisOfBinary(forced, process.env) : findRedis({ places: ['path', 'docker', 'apt'] });
}

export class TestRedis {
  readonly dir = mkdtempSync(join(tmpdir(), 'depthcast-redis-'));
  readonly #run: RunServer;
  readonly #options: TestRedisOptions;
  readonly #clients = new Set<Redis>();
  #spec: ServerSpec | undefined;
  #server: TestServer | undefined;

  constructor(run: RunServer, options: TestRedisOptions) {
    this.#run = run;
    this.#options = options;
    reaper.add('folder', this.dir);
  }

  get port(): number {
    if (!this.#spec) throw new Error('this Redis has not been started');
    return this.#spec.port;
  }

  get url(): string {
    return `redis://127.0.0.1:${this.port}`;
  }

  /** Undefined while it is not running, and with Docker. */
  get pid(): number | undefined {
    return this.#server?.pid;
  }

  /** On the same port and folder as before; does nothing when it runs. */
  async start(): Promise<void> {
    if (this.#server) return;
    this.#spec ??= await this.#firstSpec();
    this.#server = await this.#run(this.#spec);
  }

  /** A client of its own that goes away with this Redis. */
  client(options: RedisOptions = {}): Redis {
    const client = new Redis(this.port, '127.0.0.1', options as object);
    // Redis is killed on purpose here; whoever cares listens too.
    client.on('error', () => {});
    this.#clients.add(client);
    client.once('end', () => this.#clients.delete(client));
    return client;
  }

  /** Ends it for good: its clients, process and files. */
  async stop(): Promise<void> {
    for (const client of this.#clients) client.disconnect();
    this.#clients.clear();
    await this.#end('SIGKILL');
    rmSync(this.dir, { recursive: true, force: true });
    reaper.drop('folder', this.dir);
  }

  /** SIGKILL: what it had not written is lost. `restart` brings it back. */
  async kill(): Promise<void> {
    await this.#end('SIGKILL');
  }

  /** SIGTERM, unless it is dead already, then a start on the same port with the same files. */
  async restart(): Promise<void> {
    await this.#end('SIGTERM');
    await this.start();
  }

  /** Connections stay open, nothing is answered: SIGSTOP. */
  async pause(): Promise<void> {
    await this.#server?.pause();
  }

  async resume(): Promise<void> {
    await this.#server?.resume();
  }

  /** What it is told from now on, no replica of it will ever know. They keep what they have. */
  async cutReplicas(): Promise<void> {
    const client = this.client();
    await client.call('ACL', 'SETUSER', 'default', '-psync', '-sync');
    await client.call('CLIENT', 'KILL', 'TYPE', 'replica');
    client.disconnect();
  }

  async #end(signal: 'SIGTERM' | 'SIGKILL'): Promise<void> {
    const server = this.#server;
    this.#server = undefined;
    await server?.end(signal);
  }

  async #firstSpec(): Promise<ServerSpec> {
    const { appendonly = false, config = [], cluster = false, hasPeers = cluster, sentinel } = this.#options;
    const port = this.#options.port ?? (await freePort());
    // The bus port would be port + 10000, which is beyond 65535 for many a free port.
    const clusterArgs = cluster
      ? ['--cluster-enabled', 'yes', '--cluster-node-timeout', '1000', '--cluster-port', String(await freePort())]
      : [];
    const args = ['--save', '', '--appendonly', appendonly ? 'yes' : 'no', ...clusterArgs, ...config];
    if (sentinel === undefined) return { port, dir: this.dir, hasPeers, args };
    // Once: the Sentinel itself writes there what it learns.
    writeFileSync(join(this.dir, SENTINEL_FILE), sentinel);
    return { port, dir: this.dir, hasPeers, args: ['--sentinel'], configFile: SENTINEL_FILE };
  }
}
