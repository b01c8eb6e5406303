import { setTimeout as sleep } from 'node:timers/promises';
import { connectRedis, InboxProducer, partitionKeys, type RedisClient, readTip, type Tip } from '@depthcast/log';
import { Market, type MarketOptions } from '@depthcast/market';
import { inputTopic, type UnstampedInput } from '@depthcast/protocol';
import { TestEngine, type TestEngineOptions } from './test-engine.ts';

const CAUGHT_UP_MS_MAX = 15_000;

export interface Entry {
  readonly id: string;
  readonly topic: string;
  readonly payload: string;
}

/** One partition of a test's Redis: a producer, engines in this process, and what must come of both. */
export class TestPartition {
  readonly keys = partitionKeys();
  readonly client: RedisClient;
  /** Everything produced, since the inbox is trimmed behind snapshots. */
  readonly sent: { readonly topic: string; readonly payload: string }[] = [];
  readonly #url: string;
  readonly #producer: InboxProducer;
  readonly #engines: TestEngine[] = [];

  /** Empties that Redis. */
  static async open(url: string): Promise<TestPartition> {
    const partition = new TestPartition(url);
    await partition.client.flushall();
    return partition;
  }

  private constructor(url: string) {
    this.#url = url;
    this.client = connectRedis(url);
    this.#producer = new InboxProducer({ client: this.client, keys: this.keys });
  }

  async close(): Promise<void> {
    await Promise.all(this.#engines.map((engine) => engine.stop()));
    await this.#producer.close();
    this.client.disconnect();
  }

  /** Stands by while another one appends. */
  engine(options: TestEngineOptions = {}): TestEngine {
    const engine = new TestEngine(this.#url, this.keys, options);
    this.#engines.push(engine);
    return engine;
  }

  /** One that appends. */
  async leader(options: TestEngineOptions = {}): Promise<TestEngine> {
    const engine = this.engine({ ...options, atOnce: true });
    await engine.ready();
    return engine;
  }

  /** One that follows, and compares unless its options are other ones. */
  async standby(options: TestEngineOptions = {}): Promise<TestEngine> {
    const engine = this.engine(options);
    await eventually(() => engine.compares !== undefined, 'a standby that follows');
    return engine;
  }

  /** Resolves when Redis has it all. */
  async produce(inputs: Iterable<UnstampedInput>): Promise<void> {
    for (const input of inputs) {
      this.#producer.push(input);
      const topic = inputTopic(input as { type: string; symbol?: string });
      const payload = JSON.stringify({ src: this.#producer.src, seq: this.sent.length + 1, ...input });
      this.sent.push({ topic, payload });
    }
    await this.#producer.flush();
  }

  async entries(key: string): Promise<Entry[]> {
    const entries = await this.client.xrange(key, '-', '+');
    return entries.map(([id, [topic = '', payload = '']]) => ({ id, topic, payload }));
  }

  log(): Promise<Entry[]> {
    return this.entries(this.keys.log);
  }

  /** The log without what engines say of themselves. */
  async events(): Promise<{ topic: string; payload: string }[]> {
    return (await this.log())
      .filter(({ topic }) => topic !== 'engine' && topic !== 'epoch')
      .map(({ topic, payload }) => ({ topic, payload }));
  }

  async tip(): Promise<Tip> {
    const tip = await readTip(this.client, this.keys);
    if (!tip) throw new Error('no tip');
    return tip;
  }

  /** What one Market makes of all that was produced, without any engine. */
  expected(options?: Partial<MarketOptions>): { topic: string; payload: string }[] {
    const market = new Market(options);
    return this.sent.flatMap(({ topic, payload }) => market.applyEntry(topic, payload));
  }

  /** The log once it has what was produced; it may still hold something else. */
  async caughtUp(options?: Partial<MarketOptions>): Promise<{ topic: string; payload: string }[]> {
    const wanted = this.expected(options).length;
    await eventually(async () => (await this.events()).length >= wanted, `${wanted} events`);
    return this.events();
  }

  /** Where the log's offsets begin and end, and how many there are: without a hole these agree. */
  async offsets(): Promise<{ first: number; last: number; count: number }> {
    const offsets = (await this.log()).map(({ id }) => Number(id.split('-')[1]));
    return { first: offsets[0] as number, last: offsets.at(-1) as number, count: offsets.length };
  }
}

/** Polls until `fn` gives true. @throws Error after 15 s, naming `what`. */
export async function eventually(fn: () => boolean | Promise<boolean>, what: string): Promise<void> {
  const deadline = Date.now() + CAUGHT_UP_MS_MAX;
  while (!(await fn())) {
    if (Date.now() > deadline) throw new Error(`${what}: not within ${CAUGHT_UP_MS_MAX} ms`);
    await sleep(10);
  }
}
