import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { connectRedis, LogReader, partitionKeys, type RedisClient } from '@depthcast/log';
import { formatCursor } from '@depthcast/protocol';
import {
  type App,
  freePort,
  spawnApp,
  startRedis,
  startRedisPair,
  TcpProxy,
  type TestRedis,
  type TestRedisPair,
} from '@depthcast/testing';

export interface StackOptions {
  readonly gateways?: number;
  readonly appendonly?: boolean;
  /** Puts a proxy between the apps and Redis. */
  readonly proxied?: boolean;
  /** A master with a replica, and one address for both. */
  readonly replicated?: boolean;
  readonly ingest?: Readonly<Record<string, string>>;
  readonly engine?: Readonly<Record<string, string>>;
  readonly gateway?: Readonly<Record<string, string>>;
  /** Runs a journal, with this environment over its own: a DuckDB file, unless JOURNAL_DB_URL says otherwise. */
  readonly journal?: Readonly<Record<string, string>>;
  /** Called when there is a Redis and nothing else yet. */
  readonly beforeApps?: (stack: TestStack) => void;
  /** More options of redis-server. */
  readonly redis?: readonly string[];
}

/** The whole product as processes of its own, over a Redis of its own. */
export class TestStack {
  readonly redis: TestRedis;
  readonly client: RedisClient;
  readonly keys = partitionKeys();
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
  readonly #redisUrl: string;
  readonly #proxy: TcpProxy | undefined;
  readonly #pair: TestRedisPair | undefined;
  readonly #ports: number[] = [];

  static async start(options: StackOptions = {}): Promise<TestStack> {
    const appendonly = options.appendonly ?? false;
    const pair = options.replicated ? await startRedisPair({ appendonly }) : undefined;
    const redis = pair?.master ?? (await startRedis({ appendonly, config: options.redis ?? [] }));
    const proxy = options.proxied ? await TcpProxy.start(redis) : undefined;
    const stack = new TestStack(redis, options, proxy, pair);
    options.beforeApps?.(stack);
    await stack.#up();
    return stack;
  }

  private constructor(
    redis: TestRedis,
    options: StackOptions,
    proxy: TcpProxy | undefined,
    pair: TestRedisPair | undefined,
  ) {
    this.redis = redis;
    this.#proxy = proxy;
    this.#pair = pair;
    this.#redisUrl = proxy?.url ?? pair?.url ?? redis.url;
    // With a pair the test follows the address too: what it reads is what there is after a failover.
    this.client = connectRedis(pair?.url ?? redis.url);
    this.#options = options;
    this.journalFile = join(this.#folder, 'journal.duckdb');
  }

  /** The two servers of a `replicated` stack. */
  get pair(): TestRedisPair {
    if (!this.#pair) throw new Error('this stack is not replicated');
    return this.#pair;
  }

  /** The proxy of a `proxied` stack. */
  get proxy(): TcpProxy {
    if (!this.#proxy) throw new Error('this stack is not proxied');
    return this.#proxy;
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

  /** The whole log as `id` → payload, each with its topic. */
  async log(): Promise<{ id: string; topic: string; payload: string }[]> {
    const reader = new LogReader(this.client, this.keys);
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

  /** The whole log once nothing is added any more: stop the source first. */
  async settledLog(): Promise<{ id: string; topic: string; payload: string }[]> {
    for (let before = await this.log(); ; ) {
      await new Promise((resolve) => setTimeout(resolve, 1_500));
      const now = await this.log();
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
    await this.#proxy?.close();
    await (this.#pair ?? this.redis).stop();
    rmSync(this.#folder, { recursive: true, force: true });
  }

  #env(own: Readonly<Record<string, string>>): Record<string, string> {
    return { REDIS_URL: this.#redisUrl, LOG_LEVEL: 'info', ...own };
  }
}
