import {
  BATCH_ENTRIES_MAX,
  INBOX_START,
  type InboxEntry,
  InboxReader,
  Lease,
  LogWriter,
  type PartitionKeys,
  type RedisClient,
} from '@depthcast/log';
import { logicVersionOf, type Market, type MarketOptions, marketOptions } from '@depthcast/market';
import { type Cursor, formatTsNs, type LogEvent } from '@depthcast/protocol';
import { LogTrimmer } from './log-trimmer.ts';
import { type Recovered, recover } from './recover.ts';

export interface EngineLoopOptions {
  readonly client: RedisClient;
  readonly keys: PartitionKeys;
  /** Unique to this process start. */
  readonly writer: string;
  readonly logBytesMax: number;
  readonly snapshotEveryMs: number;
  /** A snapshot is also due after so many events: the log cannot be trimmed past the older one. */
  readonly snapshotEveryEvents: number;
  /** The market's thresholds; a change of them is a change of its logic. */
  readonly market?: Partial<MarketOptions>;
  readonly observer?: EngineObserver;
}

/** What happens in the loop, for logs and metrics. */
export interface EngineObserver {
  /** Another engine appends; this one waits for its lease to end. */
  standby?(holder: string): void;
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

/**
 * Inbox to log, for ever: read a batch, apply it, append what came out, while the next batch is being read. An append
 * ends on an input's boundary, so the tip always names an input whose events are all there.
 */
export class EngineLoop {
  readonly #options: EngineLoopOptions;
  readonly #writer: LogWriter;
  readonly #trimmer: LogTrimmer;
  /** Ends what retries; aborted with run()'s signal, and whenever run() ends. */
  readonly #ending = new AbortController();
  /** The last two appends, older first. */
  #appending: [Promise<void>, Promise<void>] = [Promise.resolve(), Promise.resolve()];
  #snapshotAt = 0;
  #snapshotCursor = '';
  #eventsSinceSnapshot = 0;
  #inbox: InboxReader | undefined;
  #failure: Error | undefined;

  constructor(options: EngineLoopOptions) {
    this.#options = options;
    const { client, keys, writer, observer } = options;
    this.#writer = new LogWriter({
      client,
      keys,
      writer,
      logicVersion: logicVersionOf(options.market),
      signal: this.#ending.signal,
      onDoubt: (what, error) => {
        if (error.message.startsWith('OOM')) this.#trimmer.onOutOfMemory();
        observer?.doubt?.(what, error);
      },
    });
    this.#trimmer = new LogTrimmer({
      client,
      keys,
      writer: this.#writer,
      logBytesMax: options.logBytesMax,
      ...(observer?.trimmed ? { onTrimmed: (entries) => observer.trimmed?.(entries) } : {}),
    });
  }

  /**
   * Runs until `signal` aborts, then stores a last snapshot.
   *
   * @throws DepthcastError `FENCED`, `RECOVERY_MISMATCH` or `INBOX_TRIMMED`: the process must end.
   */
  async run(signal: AbortSignal): Promise<void> {
    const { client, keys, observer } = this.#options;
    const end = () => this.#ending.abort();
    signal.addEventListener('abort', end, { once: true });
    const trimming = this.#trimmer.run(this.#ending.signal);
    const lease = new Lease({
      client,
      keys,
      id: this.#options.writer,
      ...(observer?.standby ? { onStandby: (holder) => observer.standby?.(holder) } : {}),
    });
    try {
      await lease.acquire(signal);
      const market = marketOptions(this.#options.market);
      const recovered = await recover({ client, keys, writer: this.#writer, market, signal });
      // Stored before anything is appended: from here on every output in the log is this version's own.
      await this.#snapshot(recovered.market, recovered.inboxId);
      await this.#announce(recovered);
      observer?.recovered?.(recovered, this.#writer.cursor);
      await this.#follow(recovered, signal);
    } finally {
      end();
      await lease.release();
      await trimming;
    }
  }

  async #follow({ market, inboxId: start }: Recovered, signal: AbortSignal): Promise<void> {
    const { client, keys } = this.#options;
    const inbox = new InboxReader(client, keys);
    this.#inbox = inbox;
    // Ends the blocked read at once.
    signal.addEventListener('abort', () => inbox.close(), { once: true });
    let inboxId = start;
    try {
      while (!signal.aborted) {
        const entries = await inbox.read(inboxId, READ_INPUTS_MAX, signal).catch((error) => {
          if (signal.aborted) return [];
          throw this.#failure ?? error;
        });
        if (entries.length > 0) inboxId = await this.#applyAll(market, entries, inboxId);
        if (!this.#isSnapshotDue()) continue;
        await this.#appended();
        await this.#snapshot(market, inboxId);
      }
      await this.#appended();
      await this.#snapshot(market, inboxId);
    } finally {
      inbox.close();
      await this.#appended().catch(() => {});
    }
  }

  /** @returns the id of the last input applied. */
  async #applyAll(market: Market, entries: readonly InboxEntry[], before: string): Promise<string> {
    const { observer } = this.#options;
    let inboxId = before;
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
    observer?.applied?.(entries.length, eventCount, market.rejectedInputs);
    return inboxId;
  }

  /** Starts this append once at most one is under way: the next batch is applied meanwhile. */
  async #append(events: readonly LogEvent[], inboxId: string): Promise<void> {
    if (events.length === 0) return;
    const [older, newer] = this.#appending;
    await older;
    const appending = this.#writer.append(events, inboxId).then((cursor) => this.#options.observer?.appended?.(cursor));
    // Whoever is fenced learns it at once, not when the next input comes.
    appending.catch((error: Error) => {
      this.#failure ??= error;
      this.#inbox?.close();
    });
    this.#eventsSinceSnapshot += events.length;
    this.#appending = [newer, appending];
  }

  async #appended(): Promise<void> {
    await Promise.all(this.#appending);
  }

  async #announce({ market, inboxId, newEpoch }: Recovered): Promise<void> {
    const reason = newEpoch ?? 'takeover';
    const payload = `{"type":"engine","ts_ns":${formatTsNs(market.eventTimeUs)},"version":"${market.logicVersion}","reason":"${reason}"}`;
    await this.#writer.append([{ topic: 'engine', payload }], inboxId);
  }

  #isSnapshotDue(): boolean {
    const { snapshotEveryMs, snapshotEveryEvents } = this.#options;
    return Date.now() - this.#snapshotAt >= snapshotEveryMs || this.#eventsSinceSnapshot >= snapshotEveryEvents;
  }

  async #snapshot(market: Market, inboxId: string): Promise<void> {
    // From the inbox' very beginning no recovery can tell whether something was trimmed: leave it soon.
    this.#snapshotAt = inboxId === INBOX_START ? 0 : Date.now();
    this.#eventsSinceSnapshot = 0;
    const { epoch, offset } = this.#writer.cursor;
    const cursor = `${epoch}-${offset}`;
    if (cursor === this.#snapshotCursor) return;
    const began = performance.now();
    const state = market.snapshot();
    const books = market
      .books()
      .map(({ symbol, book }) => ({ symbol, state: JSON.stringify(book), isSynced: book.status !== 'gap' }));
    await this.#writer.storeSnapshot({ inboxId, state, books });
    this.#snapshotCursor = cursor;
    this.#options.observer?.snapshotted?.(this.#writer.cursor, state.length, performance.now() - began);
  }
}
