import { LogReader, type PartitionKeys, partitionKeys, type RedisClient } from '@depthcast/log';
import { type Cursor, formatCursor } from '@depthcast/protocol';
import { until } from '@depthcast/testing';
import type { LoggedEvent } from './log-checks.ts';

/** Keeps a log from its first entry on while Redis lets go of it: what all others are compared with. */
export class WholeLog {
  readonly events: LoggedEvent[] = [];
  readonly #client: RedisClient;
  readonly #keys: PartitionKeys;
  readonly #end = new AbortController();
  readonly #running: Promise<void>;

  /** Begins before the log does: `beforeApps` of a stack's options. */
  constructor(client: RedisClient, keys: PartitionKeys = partitionKeys()) {
    this.#client = client;
    this.#keys = keys;
    this.#running = this.#run();
    this.#running.catch(() => {});
  }

  get last(): string | undefined {
    return this.events.at(-1)?.id;
  }

  /** Resolves when nothing has been added for a while: stop the source first. @throws LogGapError when it was too slow. */
  async settled(): Promise<void> {
    for (let before = -1; before !== this.events.length; ) {
      before = this.events.length;
      await new Promise((resolve) => setTimeout(resolve, 1_500));
    }
    await this.stop();
  }

  async stop(): Promise<void> {
    this.#end.abort();
    await this.#running;
  }

  async #run(): Promise<void> {
    const { signal } = this.#end;
    const reader = new LogReader(this.#client, this.#keys, signal);
    const first = await until(() => reader.first(undefined), 60_000, 'the log beginning');
    this.#keep(first);
    for await (const entries of reader.follow(first, { signal })) for (const entry of entries) this.#keep(entry);
  }

  #keep({ epoch, offset, topic, payload }: Cursor & { topic: string; payload: Buffer }): void {
    this.events.push({ id: formatCursor({ epoch, offset }), topic, payload: payload.toString() });
  }
}
