import { BATCH_ENTRIES_MAX, InboxReader, LogWriter, type PartitionKeys, type RedisClient } from '@depthcast/log';
import { logicVersionOf, type Market, type MarketOptions, marketOptions } from '@depthcast/market';
import type { Cursor, LogEvent } from '@depthcast/protocol';
import { type Recovered, recover } from './recover.ts';

export interface EngineLoopOptions {
  readonly client: RedisClient;
  readonly keys: PartitionKeys;
  /** Unique to this process start. */
  readonly writer: string;
  readonly logBytesMax: number;
  readonly snapshotEveryMs: number;
  /** The market's thresholds; a change of them is a change of its logic. */
  readonly market?: Partial<MarketOptions>;
  readonly observer?: EngineObserver;
}

/** What happens in the loop, for logs and metrics. */
export interface EngineObserver {
  recovered?(recovered: Recovered, cursor: Cursor): void;
  applied?(inputs: number, events: number, rejectedInputs: number): void;
  /** An `anomaly` event is about to be appended. */
  anomaly?(payload: string): void;
  appended?(cursor: Cursor): void;
  snapshotted?(cursor: Cursor, bytes: number, ms: number): void;
  trimmed?(entries: number): void;
  doubt?(what: string, error: Error): void;
}

/** Inputs of one read: about 1,500 events, so one or two appends. */
const READ_INPUTS_MAX = 500;
const TRIM_CHECK_MS = 2_000;
/** Trims to this part of the bound, so that not every check trims. */
const TRIM_TO = 0.9;

/**
 * Inbox to log, for ever: read a batch, apply it, append what came out, while the next batch is being read. An append
 * ends on an input's boundary, so the tip always names an input whose events are all there.
 */
export class EngineLoop {
  readonly #options: EngineLoopOptions;
  readonly #writer: LogWriter;
  /** The last two appends, older first. */
  #appending: [Promise<void>, Promise<void>] = [Promise.resolve(), Promise.resolve()];
  #snapshotAt = 0;
  #snapshotCursor = '';
  #trimAt = 0;

  constructor(options: EngineLoopOptions) {
    this.#options = options;
    const { client, keys, writer, observer } = options;
    this.#writer = new LogWriter({
      client,
      keys,
      writer,
      logicVersion: logicVersionOf(options.market),
      onDoubt: (what, error) => observer?.doubt?.(what, error),
    });
  }

  /**
   * Runs until `signal` aborts, then stores a last snapshot.
   *
   * @throws DepthcastError `FENCED`, `RECOVERY_MISMATCH` or `INBOX_TRIMMED`: the process must end.
   */
  async run(signal: AbortSignal): Promise<void> {
    const { client, keys, observer } = this.#options;
    const recovered = await recover({
      client,
      keys,
      writer: this.#writer,
      market: marketOptions(this.#options.market),
      signal,
    });
    const { market } = recovered;
    // Stored before anything is appended: from here on every output in the log is this version's own.
    await this.#snapshot(market, recovered.inboxId);
    await this.#announce(market, recovered);
    observer?.recovered?.(recovered, this.#writer.cursor);

    const inbox = new InboxReader(client, keys);
    // Ends the blocked read at once.
    signal.addEventListener('abort', () => inbox.close(), { once: true });
    let inboxId = recovered.inboxId;
    try {
      while (!signal.aborted) {
        const entries = await inbox.read(inboxId, READ_INPUTS_MAX, signal).catch((error) => {
          if (signal.aborted) return [];
          throw error;
        });
        let events: LogEvent[] = [];
        let eventCount = 0;
        for (const entry of entries) {
          const made = market.applyEntry(entry.topic, entry.payload);
          if (events.length + made.length > BATCH_ENTRIES_MAX) {
            await this.#append(events, inboxId);
            events = [];
          }
          for (const event of made) {
            if (event.topic.startsWith('anomaly:')) observer?.anomaly?.(event.payload);
            events.push(event);
          }
          eventCount += made.length;
          inboxId = entry.id;
        }
        await this.#append(events, inboxId);
        if (entries.length > 0) observer?.applied?.(entries.length, eventCount, market.rejectedInputs);
        await this.#housekeep(market, inboxId);
      }
      await this.#appended();
      await this.#snapshot(market, inboxId);
    } finally {
      inbox.close();
      await this.#appended().catch(() => {});
    }
  }

  /** Starts this append once at most one is under way: the next batch is applied meanwhile. */
  async #append(events: readonly LogEvent[], inboxId: string): Promise<void> {
    if (events.length === 0) return;
    const [older, newer] = this.#appending;
    await older;
    const appending = this.#writer.append(events, inboxId).then((cursor) => this.#options.observer?.appended?.(cursor));
    // Awaited by an append to come; until then a refusal must not count as unhandled.
    appending.catch(() => {});
    this.#appending = [newer, appending];
  }

  async #appended(): Promise<void> {
    await Promise.all(this.#appending);
  }

  async #announce(market: Market, recovered: Recovered): Promise<void> {
    const reason = recovered.newEpoch ?? 'takeover';
    const payload = `{"type":"engine","ts_ns":${market.eventTimeUs}000,"version":"${market.logicVersion}","reason":"${reason}"}`;
    await this.#writer.append([{ topic: 'engine', payload }], recovered.inboxId);
  }

  async #housekeep(market: Market, inboxId: string): Promise<void> {
    const now = Date.now();
    if (now - this.#snapshotAt >= this.#options.snapshotEveryMs) {
      await this.#appended();
      await this.#snapshot(market, inboxId);
    }
    if (now - this.#trimAt >= TRIM_CHECK_MS) {
      this.#trimAt = now;
      await this.#appended();
      await this.#trim();
    }
  }

  async #snapshot(market: Market, inboxId: string): Promise<void> {
    this.#snapshotAt = Date.now();
    const { epoch, offset } = this.#writer.cursor;
    const cursor = `${epoch}-${offset}`;
    if (cursor === this.#snapshotCursor) return;
    const state = market.snapshot();
    const books = market.books().map(({ symbol, book }) => ({ symbol, state: JSON.stringify(book) }));
    await this.#writer.storeSnapshot({ inboxId, state, books });
    this.#snapshotCursor = cursor;
    this.#options.observer?.snapshotted?.(this.#writer.cursor, state.length, Date.now() - this.#snapshotAt);
  }

  async #trim(): Promise<void> {
    const { client, keys, logBytesMax, observer } = this.#options;
    let length: number;
    let bytes: number | null;
    try {
      [length, bytes] = await Promise.all([client.xlen(keys.log), client.memory('USAGE', keys.log, 'SAMPLES', 5)]);
    } catch {
      return; // Redis is away: the next round asks again.
    }
    if (!bytes || bytes <= logBytesMax) return;
    const trimmed = await this.#writer.trim(Math.floor((length * TRIM_TO * logBytesMax) / bytes));
    observer?.trimmed?.(trimmed);
  }
}
