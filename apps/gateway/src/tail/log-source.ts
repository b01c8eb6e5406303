import {
  type FollowOptions,
  type LogEntry,
  LogReader,
  type PartitionKeys,
  type RedisClient,
  readAccounts,
  readBooks,
  readTip,
  retryReads,
  type StoredAccounts,
  type StoredBook,
  Timeline,
} from '@depthcast/log';
import type { Cursor } from '@depthcast/protocol';

/** Where the log ends. */
export interface LogEnd extends Cursor {
  /** Of the logic that gave its last events, where that is known. */
  readonly version?: string | undefined;
}

/** What the gateway asks of a partition's log. Reads wait out Redis' absence; only a gap is an error. */
export interface LogSource {
  /** `undefined` in an empty log. */
  tip(): Promise<LogEnd | undefined>;
  earliest(): Promise<Cursor | undefined>;
  books(): Promise<StoredBook[]>;
  /** `undefined` before the first snapshot. */
  accounts(): Promise<StoredAccounts | undefined>;
  timeline(): Promise<Timeline>;
  /** @throws LogGapError */
  range(after: Cursor | undefined, countMax: number): Promise<LogEntry[]>;
  /** @throws LogGapError */
  follow(after: Cursor, options: FollowOptions): AsyncIterable<LogEntry[]>;
}

/** The log in Redis. */
export class RedisLogSource implements LogSource {
  readonly #client: RedisClient;
  readonly #keys: PartitionKeys;
  readonly #reader: LogReader;
  readonly #closing = new AbortController();

  constructor(client: RedisClient, keys: PartitionKeys) {
    this.#client = client;
    this.#keys = keys;
    this.#reader = new LogReader(client, keys, this.#closing.signal);
  }

  /** Reads that wait for Redis are rejected from now on. */
  close(): void {
    this.#closing.abort();
  }

  async tip(): Promise<LogEnd | undefined> {
    const tip = await this.#retried(() => readTip(this.#client, this.#keys));
    return tip && { epoch: tip.epoch, offset: tip.offset, version: tip.logicVersion };
  }

  earliest(): Promise<Cursor | undefined> {
    return this.#reader.earliest();
  }

  books(): Promise<StoredBook[]> {
    return this.#retried(() => readBooks(this.#client, this.#keys));
  }

  accounts(): Promise<StoredAccounts | undefined> {
    return this.#retried(() => readAccounts(this.#client, this.#keys));
  }

  timeline(): Promise<Timeline> {
    return Timeline.load(this.#client, this.#keys, this.#closing.signal);
  }

  range(after: Cursor | undefined, countMax: number): Promise<LogEntry[]> {
    return this.#reader.range(after, countMax);
  }

  follow(after: Cursor, options: FollowOptions): AsyncIterable<LogEntry[]> {
    return this.#reader.follow(after, options);
  }

  #retried<T>(read: () => Promise<T>): Promise<T> {
    return retryReads(read, this.#closing.signal);
  }
}
