import { connectRedis, LogReader, partitionKeys, type RedisClient } from '@depthcast/log';
import { formatCursor } from '@depthcast/protocol';
import { type App, freePort, spawnApp, startRedis, TcpProxy, type TestRedis } from '@depthcast/testing';

export interface StackOptions {
  readonly gateways?: number;
  readonly appendonly?: boolean;
  /** Puts a proxy between the apps and Redis. */
  readonly proxied?: boolean;
  readonly ingest?: Readonly<Record<string, string>>;
  readonly engine?: Readonly<Record<string, string>>;
  readonly gateway?: Readonly<Record<string, string>>;
}

/** The whole product as processes of its own, over a Redis of its own. */
export class TestStack {
  readonly redis: TestRedis;
  readonly client: RedisClient;
  readonly keys = partitionKeys();
  readonly gateways: App[] = [];
  engine!: App;
  ingest!: App;
  readonly #options: StackOptions;
  readonly #redisUrl: string;
  readonly #proxy: TcpProxy | undefined;
  readonly #ports: number[] = [];

  static async start(options: StackOptions = {}): Promise<TestStack> {
    const redis = await startRedis({ appendonly: options.appendonly ?? false });
    const stack = new TestStack(redis, options, options.proxied ? await TcpProxy.start(redis) : undefined);
    await stack.#up();
    return stack;
  }

  private constructor(redis: TestRedis, options: StackOptions, proxy: TcpProxy | undefined) {
    this.redis = redis;
    this.#proxy = proxy;
    this.client = connectRedis(redis.url);
    this.#options = options;
    this.#redisUrl = proxy?.url ?? redis.url;
  }

  /** The proxy of a `proxied` stack. */
  get proxy(): TcpProxy {
    if (!this.#proxy) throw new Error('this stack is not proxied');
    return this.#proxy;
  }

  async #up(): Promise<void> {
    this.startEngine();
    this.startIngest();
    for (let k = 0; k < (this.#options.gateways ?? 1); k++) {
      this.#ports.push(await freePort());
      this.startGateway(k);
    }
    await Promise.all([this.engine, this.ingest, ...this.gateways].map((app) => app.ready()));
  }

  startEngine(): App {
    this.engine = spawnApp('engine', { env: this.#env({ OPS_ADDR: '127.0.0.1:0', ...this.#options.engine }) });
    return this.engine;
  }

  startIngest(): App {
    this.ingest = spawnApp('ingest', { env: this.#env({ OPS_ADDR: '127.0.0.1:0', ...this.#options.ingest }) });
    return this.ingest;
  }

  startGateway(k: number): App {
    const gateway = spawnApp('gateway', {
      env: this.#env({ ...this.#options.gateway }),
      args: ['--addr', `127.0.0.1:${this.#ports[k]}`],
    });
    this.gateways[k] = gateway;
    return gateway;
  }

  url(k: number, path: string): string {
    return `http://127.0.0.1:${this.#ports[k]}${path}`;
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

  async stop(): Promise<void> {
    await Promise.all([this.ingest, this.engine, ...this.gateways].map((app) => app?.stop()));
    this.client.disconnect();
    await this.#proxy?.close();
    await this.redis.stop();
  }

  #env(own: Readonly<Record<string, string>>): Record<string, string> {
    return { REDIS_URL: this.#redisUrl, LOG_LEVEL: 'info', ...own };
  }
}
