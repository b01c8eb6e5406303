import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { connectRedis, LogReader, partitionKeys, type RedisClient } from '@depthcast/log';
import { formatCursor } from '@depthcast/protocol';
import {
  type App,
  freePort,
  spawnApp,
  type TcpProxy,
  type TestRedis,
  type TestRedisCluster,
  type TestRedisPair,
  type TestRedisSentinel,
} from '@depthcast/testing';
import { type RedisOptions, type RedisSetup, startRedisSetup } from './redis-setup.ts';

export interface StackOptions extends RedisOptions {
  /** How many of them; 1 where it is not said. */
  readonly gateways?: number;
  /** How many of them; 1 where it is not said. One engine runs them all. */
  readonly partitions?: number;
  readonly ingest?: Readonly<Record<string, string>>;
  readonly engine?: Readonly<Record<string, string>>;
  readonly gateway?: Readonly<Record<string, string>>;
  /** Runs a journal, with this environment over its own: a DuckDB file, unless JOURNAL_DB_URL says otherwise. */
  readonly journal?: Readonly<Record<string, string>>;
  /** Called when there is a Redis and nothing else yet. */
  readonly beforeApps?: (stack: TestStack) => void;
}

/** The whole product as processes of its own, over a Redis of its own. */
export class TestStack {
  readonly redis: TestRedis;
  readonly client: RedisClient;
  /** Of the first partition. */
  readonly keys = partitionKeys();
  readonly partitions: number;
  readonly gateways: App[] = [];
  /** Every engine that was started. */
  readonly engines: App[] = [];
  /** The one started last. */
  engine!: App;
  ingest!: App;
  /** The one started last, of a stack with a `journal`. */
  journal!: App;
  readonly #journals: App[] = [];
  /** Where its DuckDB file is. */
  readonly journalFile: string;
  readonly #folder = mkdtempSync(join(tmpdir(), 'depthcast-e2e-'));
  #journalPort: number | undefined;
  readonly #options: StackOptions;
  readonly #setup: RedisSetup;
  readonly #ports: number[] = [];

  static async start(options: StackOptions = {}): Promise<TestStack> {
    const stack = new TestStack(await startRedisSetup(options), options);
    options.beforeApps?.(stack);
    await stack.#up();
    return stack;
  }

  private constructor(setup: RedisSetup, options: StackOptions) {
    this.redis = setup.redis;
    this.#setup = setup;
    this.client = connectRedis(setup.ownUrl);
    this.partitions = options.partitions ?? 1;
    this.#options = options;
    this.journalFile = join(this.#folder, 'journal.duckdb');
  }

  /** The two servers of a `replicated` stack. */
  get pair(): TestRedisPair {
    return there(this.#setup.pair, 'replicated');
  }

  /** The proxy of a `proxied` stack. */
  get proxy(): TcpProxy {
    return there(this.#setup.proxy, 'proxied');
  }

  /** Servers and sentinels of a stack with `sentinel`. */
  get sentinel(): TestRedisSentinel {
    return there(this.#setup.sentinel, 'behind sentinels');
  }

  get isCluster(): boolean {
    return this.#setup.cluster !== undefined;
  }

  /** The nodes of a stack with `cluster`. */
  get cluster(): TestRedisCluster {
    return there(this.#setup.cluster, 'on a cluster');
  }

  async #up(): Promise<void> {
    if (this.#options.journal) {
      this.#journalPort = await freePort();
      // First: what the engine appends before that may be trimmed.
      await this.startJournal().ready();
    }
    this.startEngine();
    this.startIngest();
    for (let k = 0; k < (this.#options.gateways ?? 1); k++) {
      this.#ports.push(await freePort());
      this.startGateway(k);
    }
    await Promise.all([this.engine, this.ingest, ...this.gateways].map((app) => app.ready()));
  }

  /**
   * Another one stands by while one appends.
   *
   * @param env over that of the stack's options.
   * @param root of another build.
   */
  startEngine(env: Readonly<Record<string, string>> = {}, root?: string): App {
    this.engine = spawnApp('engine', {
      env: this.#env({ OPS_ADDR: '127.0.0.1:0', ...this.#options.engine, ...env }),
      ...(root === undefined ? {} : { root }),
    });
    this.engines.push(this.engine);
    return this.engine;
  }

  startIngest(): App {
    this.ingest = spawnApp('ingest', { env: this.#env({ OPS_ADDR: '127.0.0.1:0', ...this.#options.ingest }) });
    return this.ingest;
  }

  /**
   * @param env over that of the stack's options.
   * @param port of another one beside the first, which gateways ask.
   */
  startJournal(env: Readonly<Record<string, string>> = {}, port = this.#journalPort): App {
    this.journal = spawnApp('journal', {
      env: this.#env({ JOURNAL_FILE: this.journalFile, ...this.#options.journal, ...env }),
      args: ['--addr', `127.0.0.1:${port}`],
    });
    this.#journals.push(this.journal);
    return this.journal;
  }

  startGateway(k: number): App {
    const journal = this.#journalPort && { JOURNAL_HTTP_URL: `http://127.0.0.1:${this.#journalPort}` };
    const gateway = spawnApp('gateway', {
      env: this.#env({ ...journal, ...this.#options.gateway }),
      args: ['--addr', `127.0.0.1:${this.#ports[k]}`],
    });
    this.gateways[k] = gateway;
    return gateway;
  }

  url(k: number, path: string): string {
    return `http://127.0.0.1:${this.#ports[k]}${path}`;
  }

  /** At the journal itself. */
  journalUrl(path: string): string {
    return `http://127.0.0.1:${this.#journalPort}${path}`;
  }

  /** A partition's whole log as `id` → payload, each with its topic. */
  async log(partition = 0): Promise<{ id: string; topic: string; payload: string }[]> {
    const reader = new LogReader(this.client, partitionKeys(partition));
    const entries: { id: string; topic: string; payload: string }[] = [];
    let after: { epoch: number; offset: number } | undefined;
    for (;;) {
      const page = await reader.range(after, 5_000);
      if (page.length === 0) return entries;
      for (const entry of page) {
        entries.push({ id: formatCursor(entry), topic: entry.topic, payload: entry.payload.toString() });
        after = { epoch: entry.epoch, offset: entry.offset };
      }
    }
  }

  /** A partition's whole log once nothing is added any more: stop the source first. */
  async settledLog(partition = 0): Promise<{ id: string; topic: string; payload: string }[]> {
    for (let before = await this.log(partition); ; ) {
      await new Promise((resolve) => setTimeout(resolve, 1_500));
      const now = await this.log(partition);
      if (now.length === before.length) return now;
      before = now;
    }
  }

  /** What every app has said last, for whoever must find out why a test failed. */
  tails(count = 60): string {
    return [...this.engines, this.ingest, ...this.#journals, ...this.gateways]
      .map((app) => `${app.name}, ${app.running ? 'running' : 'ended'}:\n${app.tail(count)}`)
      .join('\n');
  }

  async stop(): Promise<void> {
    await Promise.all([this.ingest, ...this.engines, ...this.gateways, ...this.#journals].map((app) => app?.stop()));
    this.client.disconnect();
    await this.#setup.stop();
    rmSync(this.#folder, { recursive: true, force: true });
  }

  #env(own: Readonly<Record<string, string>>): Record<string, string> {
    const all = { REDIS_URL: this.#setup.url, PARTITIONS: String(this.partitions), LOG_LEVEL: 'info' };
    return { ...all, ...own };
  }
}

function there<T>(part: T | undefined, what: string): T {
  if (part === undefined) throw new Error(`this stack is not ${what}`);
  return part;
}
