import { partitionKeys, type RedisClient } from '@depthcast/log';
import { Flow, type FlowEntry } from './flow.ts';

const keys = partitionKeys();
const BATCH = 1_000;
const SYMBOL = 'BTCUSD';

/** Fills an inbox with order flow under ids of our own, `1-<n>`: the tip's inbox id then says how far an engine is. */
export class InboxFiller {
  readonly #client: RedisClient;
  readonly #flow: Flow;
  #count = 0;

  /** @param perSecond inputs that are a second of event time. */
  constructor(client: RedisClient, perSecond?: number) {
    this.#client = client;
    this.#flow = new Flow(SYMBOL, perSecond);
  }

  /** Inputs written so far. */
  get count(): number {
    return this.#count;
  }

  /** The last of them is a clock, which shows in the tip once all before it have been applied. */
  async fill(inputs: number): Promise<void> {
    if (this.#count === 0) await this.#write(this.#flow.opening());
    for (let left = inputs; left > 0; left -= BATCH) {
      await this.#write(Array.from({ length: Math.min(BATCH, left) }, () => this.#flow.next()));
    }
    await this.#write([this.#flow.clock()]);
  }

  async #write(entries: readonly FlowEntry[]): Promise<void> {
    const pipeline = this.#client.pipeline();
    for (const [topic, payload] of entries) pipeline.xadd(keys.inbox, `1-${++this.#count}`, topic, payload);
    await pipeline.exec();
  }
}

/** How many inputs an engine has put into the log, and how many events it holds. */
export async function progress(client: RedisClient): Promise<{ inputs: number; events: number }> {
  const [inboxId, offset] = await client.hmget(keys.tip, 'inboxId', 'offset');
  return { inputs: Number(inboxId?.split('-')[1] ?? 0), events: Number(offset ?? 0) };
}
