import { INBOX_START, LogWriter } from '@depthcast/log';
import { logicVersionOf, Market, type MarketOptions } from '@depthcast/market';
import type { LogEvent } from '@depthcast/protocol';
import type { TestPartition } from './test-partition.ts';

const LEASE_MS = 60_000;

/** An engine that appends what a test tells it to, under a lease that outlives the test. */
export class ScriptedLeader {
  readonly market: Market;
  readonly writer: LogWriter;
  inboxId = INBOX_START;
  readonly #partition: TestPartition;

  /** @param options of its market; its version, and the state it begins with, are those of the default ones all the same. */
  static async start(partition: TestPartition, options?: Partial<MarketOptions>): Promise<ScriptedLeader> {
    const leader = new ScriptedLeader(partition, options);
    await partition.client.set(partition.keys.leader, 'scripted', 'PX', LEASE_MS);
    await leader.writer.claim();
    await leader.writer.openEpoch('start', INBOX_START, new Market().snapshot());
    return leader;
  }

  private constructor(partition: TestPartition, options?: Partial<MarketOptions>) {
    this.#partition = partition;
    this.market = new Market(options);
    const { client, keys } = partition;
    this.writer = new LogWriter({ client, keys, writer: 'scripted', logicVersion: logicVersionOf() });
  }

  /** Applies the inputs that it has not seen. @returns their events. */
  async apply(): Promise<LogEvent[]> {
    const { client, keys } = this.#partition;
    const inputs = await client.xrange(keys.inbox, `(${this.inboxId}`, '+');
    this.inboxId = inputs.at(-1)?.[0] ?? this.inboxId;
    return inputs.flatMap(([, [topic = '', payload = '']]) => this.market.applyEntry(topic, payload));
  }

  async append(events: readonly LogEvent[]): Promise<void> {
    await this.writer.append(events, this.inboxId);
  }

  async openEpoch(reason: string): Promise<void> {
    await this.writer.openEpoch(reason, this.inboxId, this.market.snapshot());
  }

  async snapshot(): Promise<void> {
    const state = this.market.snapshot();
    await this.writer.storeSnapshot({ inboxId: this.inboxId, state, books: [], accounts: this.market.accountsState() });
  }

  /** Whoever stands by takes over. */
  async leave(): Promise<void> {
    await this.#partition.client.del(this.#partition.keys.leader);
  }
}
