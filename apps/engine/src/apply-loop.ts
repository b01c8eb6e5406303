import {
  BATCH_ENTRIES_MAX,
  INBOX_START,
  type InboxEntry,
  type LogWriter,
  type PartitionKeys,
  type RedisClient,
  type Repaired,
} from '@depthcast/log';
import type { Market } from '@depthcast/market';
import { type Cursor, formatCursor, type LogEvent } from '@depthcast/protocol';
import { InboxFeed } from './inbox-feed.ts';

export interface ApplyLoopOptions {
  readonly client: RedisClient;
  readonly keys: PartitionKeys;
  readonly writer: LogWriter;
  /** As of the log's tip. */
  readonly market: Market;
  /** The last input that it has seen. */
  readonly inboxId: string;
  readonly snapshotEveryMs: number;
  readonly snapshotEveryEvents: number;
  /** Ends it. */
  readonly signal: AbortSignal;
  readonly observer?: ApplyObserver | undefined;
}

/** What happens in the loop, for logs and metrics. */
export interface ApplyObserver {
  applied?(inputs: number, events: number, rejectedInputs: number): void;
  /** An `anomaly` event is about to be appended. */
  anomaly?(payload: string): void;
  appended?(cursor: Cursor): void;
  /** The events of one read's inputs are in the log; the newest of these inputs. */
  landed?(input: string): void;
  snapshotted?(cursor: Cursor, bytes: number, ms: number): void;
  /** Redis came back without its end, which it has been given again. */
  repaired?(repaired: Repaired): void;
}

/** Inputs of one read: some 20 ms of work, while Redis looks up the next. */
const READ_INPUTS_MAX = 2_000;
const BLOCK_MS = 1_000;
/** Between two snapshots at least so many times what making the last one took: it stops everything else. */
const SNAPSHOT_REST = 10;

/**
 * Inbox to log, for ever: read, apply, append what came out, while Redis looks up the next read. What is read is
 * applied and handed to the writer in ONE turn, so that between two turns the market stands exactly behind the last
 * append, and a repair may take its state at any of them. An append ends on an input's boundary, so the tip always
 * names an input whose events are all there.
 */
export class ApplyLoop {
  readonly #options: ApplyLoopOptions;
  readonly #market: Market;
  readonly #inbox: InboxFeed;
  #inboxId: string;
  /** The last append that was handed over: they land in order. */
  #appending: Promise<unknown> = Promise.resolve();
  #snapshotAt = Date.now();
  #snapshotTookMs = 0;
  #snapshotCursor = '';
  #eventsSinceSnapshot = 0;

  constructor(options: ApplyLoopOptions) {
    this.#options = options;
    const { client, keys, writer, market, inboxId, signal } = options;
    this.#market = market;
    this.#inboxId = inboxId;
    this.#inbox = new InboxFeed({
      client,
      keys,
      after: inboxId,
      inputsMax: READ_INPUTS_MAX,
      blockMs: BLOCK_MS,
      signal,
      holder: writer,
    });
    // Ends a blocked read at once.
    signal.addEventListener('abort', () => this.#inbox.close(), { once: true });
  }

  /**
   * Until `signal` aborts; then stores a last snapshot.
   *
   * @throws DepthcastError `FENCED` or `INBOX_TRIMMED`.
   */
  async run(): Promise<void> {
    const { writer, signal } = this.#options;
    try {
      while (!signal.aborted) {
        const { repairs } = writer;
        const inputs = await this.#inbox.next().catch((error) => {
          if (signal.aborted) return [];
          throw error;
        });
        // What was read before a repair names inputs that may be no more.
        if (inputs.length > 0 && writer.repairs === repairs) this.#applyAll(inputs);
        await writer.room();
        if (this.#isSnapshotDue()) await this.snapshot();
      }
      await this.#appending;
      await this.snapshot();
    } finally {
      this.#inbox.close();
      await this.#appending.catch(() => {});
    }
  }

  /** The state behind the last append that was handed over. */
  state(): string {
    return this.#market.snapshot();
  }

  /** The inbox is another one too: it is read again from where the repair says. */
  onRepaired(repaired: Repaired): void {
    this.#inboxId = repaired.inboxId;
    this.#inbox.moveTo(repaired.inboxId);
    this.#options.observer?.repaired?.(repaired);
  }

  /** Stores the state, with what gateways load: as of the log's end, once all that was handed over is there. */
  async snapshot(): Promise<void> {
    const { writer, observer } = this.#options;
    await this.#appending;
    // From the inbox' very beginning no recovery can tell whether something was trimmed: leave it soon.
    this.#snapshotAt = this.#inboxId === INBOX_START ? 0 : Date.now();
    this.#eventsSinceSnapshot = 0;
    const cursor = writer.cursor;
    if (formatCursor(cursor) === this.#snapshotCursor) return;
    const began = performance.now();
    const market = this.#market;
    const state = market.snapshot();
    const books = market
      .books()
      .map(({ symbol, book }) => ({ symbol, state: JSON.stringify(book), isSynced: book.status !== 'gap' }));
    const accounts = market.accountsState();
    this.#snapshotTookMs = performance.now() - began;
    await writer.storeSnapshot({ inboxId: this.#inboxId, state, books, accounts });
    this.#snapshotCursor = formatCursor(cursor);
    observer?.snapshotted?.(cursor, state.length, performance.now() - began);
  }

  /** In one turn: nothing may come between an input's effect on the market and its events' way to the writer. */
  #applyAll(inputs: readonly InboxEntry[]): void {
    const { observer } = this.#options;
    const market = this.#market;
    let batch: LogEvent[] = [];
    let eventCount = 0;
    for (const { id, topic, payload } of inputs) {
      const events = market.applyEntry(topic, payload);
      if (batch.length > 0 && batch.length + events.length > BATCH_ENTRIES_MAX) {
        this.#append(batch);
        batch = [];
      }
      for (const event of events) {
        if (event.topic.startsWith('anomaly:')) observer?.anomaly?.(event.payload);
        batch.push(event);
      }
      eventCount += events.length;
      this.#inboxId = id;
    }
    if (batch.length > 0) this.#append(batch);
    const newest = inputs.at(-1);
    if (newest && observer?.landed) this.#appending.then(() => observer.landed?.(newest.payload)).catch(() => {});
    observer?.applied?.(inputs.length, eventCount, market.rejectedInputs);
  }

  /** @param events all of the inputs up to the last one applied. */
  #append(events: readonly LogEvent[]): void {
    const { writer, observer } = this.#options;
    this.#eventsSinceSnapshot += events.length;
    const appending = writer.append(events, this.#inboxId);
    this.#appending = appending;
    // What goes wrong is thrown by room().
    appending.then(
      (cursor) => observer?.appended?.(cursor),
      () => {},
    );
  }

  #isSnapshotDue(): boolean {
    const { snapshotEveryMs, snapshotEveryEvents } = this.#options;
    const sinceMs = Date.now() - this.#snapshotAt;
    if (sinceMs < SNAPSHOT_REST * this.#snapshotTookMs) return false;
    return sinceMs >= snapshotEveryMs || this.#eventsSinceSnapshot >= snapshotEveryEvents;
  }
}
