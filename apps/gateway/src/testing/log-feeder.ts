import {
  checkRedis,
  connectRedis,
  LogWriter,
  type PartitionKeys,
  partitionKeys,
  type RedisClient,
} from '@depthcast/log';
import { type Cursor, formatCursor } from '@depthcast/protocol';

const TS_US = 1_704_067_200_000_000;

/** Writes a log as an engine does, event by event, for tests of what reads it. */
export class LogFeeder {
  static readonly #open = new Set<LogFeeder>();
  readonly client: RedisClient;
  readonly #writer: LogWriter;
  #inputs = 0;
  #tsUs = TS_US;

  readonly keys: PartitionKeys;

  private constructor(client: RedisClient, partition: number) {
    this.client = client;
    this.keys = partitionKeys(partition);
    LogFeeder.#open.add(this);
    this.#writer = new LogWriter({
      client,
      keys: this.keys,
      writer: `test-${process.pid}`,
      logicVersion: 'test',
    });
  }

  /** Takes the log over and opens an epoch if there is none that can go on. */
  static async open(url: string, partition = 0, partitions = 1): Promise<LogFeeder> {
    const client = connectRedis(url);
    await checkRedis(client, { partitions });
    const feeder = new LogFeeder(client, partition);
    const { broken } = await feeder.#writer.claim();
    if (broken) await feeder.openEpoch();
    return feeder;
  }

  get cursor(): Cursor {
    return this.#writer.cursor;
  }

  get id(): string {
    return formatCursor(this.#writer.cursor);
  }

  /** Venue time of the next event, µs. */
  get tsUs(): number {
    return this.#tsUs;
  }

  async openEpoch(reason = 'start'): Promise<Cursor> {
    return this.#writer.openEpoch(reason, '0-0', '{}');
  }

  /** `{ts}` in a payload becomes the event's time in ns. Returns the id of the last one. */
  async append(...events: readonly (readonly [topic: string, payload: string])[]): Promise<string> {
    const stamped = events.map(([topic, payload]) => {
      this.#tsUs += 250_000;
      return { topic, payload: payload.replace('{ts}', `${this.#tsUs}000`) };
    });
    for (let i = 0; i < stamped.length; i += 1_000) {
      await this.#writer.append(stamped.slice(i, i + 1_000), `1-${++this.#inputs}`);
    }
    return this.id;
  }

  async market(symbol: string, price: number): Promise<string> {
    return this.append([`market:${symbol}`, `{"type":"market","symbol":"${symbol}","ts_ns":{ts},"price":${price}}`]);
  }

  async clock(second = 1): Promise<string> {
    return this.append(['clock', `{"type":"clock","ts_ns":{ts},"second":${second}}`]);
  }

  /** A symbol with a whole book of a few levels. */
  async book(symbol: string, bids: [string, string][], asks: [string, string][], last = 1): Promise<string> {
    const levels = `"first":${last},"last":${last},"bids":${JSON.stringify(bids)},"asks":${JSON.stringify(asks)}`;
    return this.append(
      [
        `book_change:${symbol}`,
        `{"type":"book_change","symbol":"${symbol}","ts_ns":{ts},"is_snapshot":true,${levels}}`,
      ],
      [`book_status:${symbol}`, `{"type":"book_status","symbol":"${symbol}","ts_ns":{ts},"status":"synced"}`],
    );
  }

  async change(symbol: string, bids: [string, string][], asks: [string, string][], last = 2): Promise<string> {
    const levels = `"first":${last},"last":${last},"bids":${JSON.stringify(bids)},"asks":${JSON.stringify(asks)}`;
    const payload = `{"type":"book_change","symbol":"${symbol}","ts_ns":{ts},"is_snapshot":false,${levels}}`;
    return this.append([`book_change:${symbol}`, payload]);
  }

  /** A symbol that takes orders, with a book of one level a side. */
  async tradable(symbol: string): Promise<string> {
    const trading =
      '{"base_asset":"BTC","quote_asset":"USD","lot":"0.001","min_qty":"0.01","max_qty":"100","min_notional":"5"}';
    return this.append(
      [
        `symbol:${symbol}`,
        `{"type":"symbol","symbol":"${symbol}","ts_ns":{ts},"venue":"test","book":"levels","tick":"0.01","step":"0.001","trading":${trading}}`,
      ],
      [
        `book_change:${symbol}`,
        `{"type":"book_change","symbol":"${symbol}","ts_ns":{ts},"is_snapshot":true,"first":1,"last":1,"bids":[["99.00","1.000"]],"asks":[["101.00","1.000"]]}`,
      ],
      [`book_status:${symbol}`, `{"type":"book_status","symbol":"${symbol}","ts_ns":{ts},"status":"synced"}`],
    );
  }

  /** What has been put into the inbox. */
  async inbox(): Promise<Record<string, unknown>[]> {
    const entries = await this.client.xrange(this.keys.inbox, '-', '+');
    return entries.map(([, [, payload]]) => JSON.parse(payload as string) as Record<string, unknown>);
  }

  async storeBooks(books: { symbol: string; state: object }[], accounts?: string): Promise<void> {
    await this.#writer.storeSnapshot({
      inboxId: `1-${this.#inputs}`,
      state: '{}',
      ...(accounts === undefined ? {} : { accounts }),
      books: books.map(({ symbol, state }) => ({ symbol, state: JSON.stringify(state), isSynced: true })),
    });
  }

  /** Keeps the newest `count` entries and no snapshot that would hold more. */
  async trimTo(count: number): Promise<void> {
    await this.client.xtrim(this.keys.log, 'MAXLEN', count);
  }

  close(): void {
    if (LogFeeder.#open.delete(this)) this.client.disconnect();
  }

  /** For afterAll: a test that failed half way must not keep the process alive. */
  static closeAll(): void {
    for (const feeder of LogFeeder.#open) feeder.close();
  }
}
