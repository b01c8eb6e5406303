import { type Cursor, compareCursors, formatCursor, tryParseCursor } from '@depthcast/protocol';
import { duplicateClient, isReplyError, type RedisClient, retryReads, unlessClosed } from './connect.ts';
import { EntryDecoder, type LogEntry, LogGapError, type RawEntry } from './entries.ts';
import type { PartitionKeys } from './keys.ts';
import { readTip } from './tip.ts';

export type FollowState = 'connected' | 'disconnected' | 'silent';

export interface FollowOptions {
  readonly signal: AbortSignal;
  /** The most entries of one batch. */
  readonly countMax?: number;
  /** `silent`: the tip moves but nothing arrives; a new connection is being tried. */
  readonly onState?: (state: FollowState) => void;
}

/** Larger replies are not faster, and pin more memory. */
const COUNT_MAX = 2_000;
const BLOCK_MS = 1_000;
const SILENT_MS = 3_000;

/** Reads a partition's log: ranges, its ends, and the live tail. Every entry is checked to follow the one before. */
export class LogReader {
  readonly #client: RedisClient;
  readonly #keys: PartitionKeys;
  readonly #signal: AbortSignal | undefined;
  readonly #decoder = new EntryDecoder();

  /** @param signal ends the waiting for a Redis that is away; what is being read then rejects. */
  constructor(client: RedisClient, keys: PartitionKeys, signal?: AbortSignal) {
    this.#client = client;
    this.#keys = keys;
    this.#signal = signal;
  }

  /**
   * The entries after a cursor, at most `countMax`; from the earliest held when there is no cursor.
   *
   * @throws LogGapError when what follows is no longer held, or is of another timeline.
   */
  async range(after: Cursor | undefined, countMax: number): Promise<LogEntry[]> {
    const start = after ? `(${formatCursor(after)}` : '-';
    return this.#decoder.decode(await this.#read(start, countMax), after);
  }

  /** The first entry held after a cursor, whether it follows or not; `undefined` when there is none. */
  async first(after: Cursor | undefined): Promise<LogEntry | undefined> {
    const start = after ? `(${formatCursor(after)}` : '-';
    return this.#decoder.decode(await this.#read(start, 1), undefined)[0];
  }

  /** The newest entries held up to and with a cursor, at most `countMax`, in the log's order. */
  async upTo(cursor: Cursor, countMax: number): Promise<LogEntry[]> {
    const { log } = this.#keys;
    const end = formatCursor(cursor);
    const read = () => this.#client.xrevrangeBuffer(log, end, '-', 'COUNT', countMax);
    const raw = (await retryReads(read, this.#signal)) as RawEntry[];
    // One by one: they are what is held, whether or not each follows the one before.
    return raw.reverse().map((entry) => this.#decoder.decode([entry], undefined)[0] as LogEntry);
  }

  /** The earliest entry still held. */
  async earliest(): Promise<Cursor | undefined> {
    const read = () => this.#client.xrange(this.#keys.log, '-', '+', 'COUNT', 1);
    const [first] = await retryReads(read, this.#signal);
    return first && tryParseCursor(first[0]);
  }

  /** The last entry: resolve it once and follow from there; polling `$` would skip what comes between two polls. */
  async tail(): Promise<Cursor | undefined> {
    const read = () => this.#client.xrevrange(this.#keys.log, '+', '-', 'COUNT', 1);
    const [last] = await retryReads(read, this.#signal);
    return last && tryParseCursor(last[0]);
  }

  /**
   * Batches of entries after a cursor, for ever, over a connection of its own. The next read is sent when the
   * consumer asks for the next batch, so a batch is whatever arrived meanwhile. Outages are waited out.
   *
   * @throws LogGapError when an entry does not follow, or the log was replaced by one that ends before `after`.
   */
  async *follow(after: Cursor, options: FollowOptions): AsyncGenerator<LogEntry[], void> {
    const { signal, onState, countMax = COUNT_MAX } = options;
    const connection = new TailConnection(this.#client);
    const stop = () => connection.close();
    signal.addEventListener('abort', stop, { once: true });
    let cursor = after;
    let quietSince: number | undefined;
    let state: FollowState | undefined;
    const enter = (next: FollowState) => {
      if (next !== state) onState?.(next);
      state = next;
    };
    try {
      while (!signal.aborted) {
        let reply: RawEntry[] | undefined;
        try {
          reply = await connection.read(this.#keys.log, formatCursor(cursor), countMax);
        } catch (error) {
          if (signal.aborted) return;
          if (isReplyError(error) && /^(WRONGTYPE|ERR|NOPERM)/.test(error.message)) throw error;
          enter('disconnected');
          await new Promise((resolve) => setTimeout(resolve, 50));
          continue;
        }
        if (reply) {
          const entries = this.#decoder.decode(reply, cursor);
          const last = entries[entries.length - 1] as LogEntry;
          cursor = { epoch: last.epoch, offset: last.offset };
          quietSince = undefined;
          enter('connected');
          yield entries;
          continue;
        }
        if (!(await this.#isBehind(cursor, signal))) {
          quietSince = undefined;
          enter('connected');
        } else if (quietSince === undefined) quietSince = Date.now();
        else if (Date.now() - quietSince >= SILENT_MS) {
          enter('silent');
          connection.renew();
          quietSince = Date.now();
        }
      }
    } finally {
      signal.removeEventListener('abort', stop);
      connection.close();
    }
  }

  async #read(start: string, countMax: number): Promise<RawEntry[]> {
    const read = () => this.#client.xrangeBuffer(this.#keys.log, start, '+', 'COUNT', countMax);
    return (await retryReads(read, this.#signal)) as RawEntry[];
  }

  /** After a quiet second: does the tip say that there is more? @throws LogGapError when the log is another one. */
  async #isBehind(cursor: Cursor, signal: AbortSignal): Promise<boolean> {
    const tip = await retryReads(() => readTip(this.#client, this.#keys), signal);
    if (!tip) return false;
    if (tip.epoch < cursor.epoch) throw new LogGapError(cursor, { epoch: tip.epoch, offset: tip.offset });
    // Behind us in our own epoch: Redis lost its end. Its writer either restores the very same entries, which we
    // have, or opens a new epoch, which then shows the fork.
    return compareCursors({ epoch: tip.epoch, offset: tip.offset }, cursor) > 0;
  }
}

/** The blocked connection of one follower. */
class TailConnection {
  readonly #source: RedisClient;
  #client: RedisClient;
  readonly #closing = new AbortController();

  constructor(source: RedisClient) {
    this.#source = source;
    this.#client = this.#open();
  }

  /** `undefined` after a second without entries. */
  async read(key: string, after: string, countMax: number): Promise<RawEntry[] | undefined> {
    const asked = this.#client.xreadBuffer('COUNT', countMax, 'BLOCK', BLOCK_MS, 'STREAMS', key, after);
    const reply = await unlessClosed(asked, this.#closing.signal);
    return reply?.[0]?.[1] as unknown as RawEntry[] | undefined;
  }

  renew(): void {
    this.#client.disconnect();
    this.#client = this.#open();
  }

  close(): void {
    if (this.#closing.signal.aborted) return;
    this.#closing.abort();
    this.#client.disconnect();
  }

  #open(): RedisClient {
    return duplicateClient(this.#source);
  }
}
