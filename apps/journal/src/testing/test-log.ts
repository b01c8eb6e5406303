import { connectRedis, LogWriter, type PartitionKeys, partitionKeys, type RedisClient } from '@depthcast/log';
import { formatCursor, type LogEvent } from '@depthcast/protocol';

/** A log that is written by hand, through the one way into it. */
export class TestLog {
  readonly client: RedisClient;
  readonly keys: PartitionKeys;
  writer: LogWriter;
  #inputs = 0;
  #writers = 0;
  #n = 0;

  constructor(url: string, partition = 0) {
    this.client = connectRedis(url);
    this.keys = partitionKeys(partition);
    this.writer = this.#newWriter();
  }

  /** Another writer takes over and begins a new epoch. */
  async open(reason = 'start'): Promise<void> {
    this.writer = this.#newWriter();
    await this.writer.claim();
    await this.writer.openEpoch(reason, `${this.#inputs}-0`, 'state');
  }

  get tail(): string {
    return formatCursor(this.writer.cursor);
  }

  async append(count: number, event: (n: number) => LogEvent = trade): Promise<string> {
    const events = Array.from({ length: count }, () => event(++this.#n));
    for (let i = 0; i < count; i += 500) await this.writer.append(events.slice(i, i + 500), `${++this.#inputs}-0`);
    return this.tail;
  }

  /** Two snapshots at the end, so that they hold no trimming back. */
  async snapshot(): Promise<void> {
    for (let i = 0; i < 2; i++) {
      await this.append(1);
      await this.writer.storeSnapshot({ inboxId: `${this.#inputs}-0`, state: 'state', books: [] });
    }
  }

  /** `<id> <topic> <payload>` of all that Redis holds. */
  async held(): Promise<string[]> {
    const entries = await this.client.xrange(this.keys.log, '-', '+');
    return entries.map(([id, [topic, payload]]) => `${id} ${topic} ${payload}`);
  }

  close(): void {
    this.client.disconnect();
  }

  #newWriter(): LogWriter {
    const writer = `w${++this.#writers}-${Math.random()}`;
    const { client, keys } = this;
    return new LogWriter({ client, keys, writer, logicVersion: '1', state: () => 'state' });
  }
}

export function trade(n: number): LogEvent {
  const tsNs = `${1_700_000_000_000_000 + n}000`;
  const payload = `{"type":"trade","symbol":"BTCUSD","ts_ns":${tsNs},"trade_id":${n},"price":100.5,"qty":1,"side":"BUY"}`;
  return { topic: 'trade:BTCUSD', payload };
}
