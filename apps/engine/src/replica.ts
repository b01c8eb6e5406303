import {
  compareInboxIds,
  INBOX_START,
  type InboxEntry,
  type LogEntry,
  LogGapError,
  type LogHolder,
  LogReader,
  type PartitionKeys,
  type RedisClient,
  type StoredSnapshot,
  type Tip,
} from '@depthcast/log';
import type { Market } from '@depthcast/market';
import { type Cursor, cursorsEqual, DepthcastError, formatCursor, type LogEvent } from '@depthcast/protocol';
import { InboxFeed } from './inbox-feed.ts';

export interface ReplicaOptions {
  readonly client: RedisClient;
  readonly keys: PartitionKeys;
  /** Where it begins. */
  readonly at: Pick<StoredSnapshot, 'cursor' | 'inboxId'>;
  /** Restored from there. */
  readonly market: Market;
  /** Ends its reads. */
  readonly signal: AbortSignal;
  /** In which Redis process the log is that it follows: the inputs must be that one's. */
  readonly holder: LogHolder;
}

const READ_INPUTS_MAX = 1_000;
const READ_ENTRIES_MAX = 2_000;
/** Whoever wrote the log has read its inputs: they need not be waited for. */
const BLOCK_MS = 1;

/** From here on the log is of another epoch, or another version's work: the same inputs need not give it. */
export class LogTurnError extends Error {
  readonly turn: 'epoch' | 'engine';

  constructor(turn: 'epoch' | 'engine', message: string) {
    super(message);
    this.name = 'LogTurnError';
    this.turn = turn;
  }
}

/**
 * A second market, brought along a log by the same inputs. The log leads: an input is applied when the next entry
 * needs it, and every event must be that entry, byte for byte. So it is never ahead of the log, and where the log
 * ends on an input's boundary it can go on as its writer.
 */
export class Replica {
  readonly market: Market;
  /** The last input that has been applied. */
  inboxId: string;
  appliedInputs = 0;
  comparedEvents = 0;
  readonly #inbox: InboxFeed;
  readonly #log: LogReader;
  #at: Cursor;
  /** Read, and applied up to `#nextInput`. */
  #inputs: readonly InboxEntry[] = [];
  #nextInput = 0;
  /** Of the input applied last, and compared up to `#nextEvent`. */
  #events: readonly LogEvent[] = [];
  #nextEvent = 0;

  constructor({ client, keys, at, market, signal, holder }: ReplicaOptions) {
    this.market = market;
    this.inboxId = at.inboxId;
    this.#at = at.cursor;
    this.#log = new LogReader(client, keys);
    const after = at.inboxId;
    const inputsMax = READ_INPUTS_MAX;
    this.#inbox = new InboxFeed({ client, keys, after, inputsMax, blockMs: BLOCK_MS, signal, holder });
  }

  /** The last entry of the log that has been compared. */
  get cursor(): Cursor {
    return { epoch: this.#at.epoch, offset: this.#at.offset };
  }

  /**
   * Compares the entries that follow {@link cursor}.
   *
   * @param upTo the last input that can have given rise to them, where it is known.
   * @throws DepthcastError `RECOVERY_MISMATCH` at the first that the inputs do not give, `INBOX_TRIMMED` when inputs
   *   are no longer there; LogTurnError where the log need not be what they give.
   */
  async compare(entries: readonly LogEntry[], upTo?: string): Promise<void> {
    for (const entry of entries) {
      if (entry.topic === 'engine' || entry.topic === 'epoch') this.#checkTurn(entry, entry.topic);
      else {
        while (this.#nextEvent === this.#events.length) {
          if (this.inboxId === upTo) throw mismatch(entry, undefined, this.inboxId);
          if (this.#nextInput === this.#inputs.length) await this.#read(upTo);
          this.#applyNext();
        }
        const event = this.#events[this.#nextEvent++] as LogEvent;
        if (entry.topic !== event.topic || entry.payload.toString() !== event.payload) {
          throw mismatch(entry, event, this.inboxId);
        }
        this.comparedEvents++;
      }
      this.#at = entry;
    }
  }

  /**
   * Goes to the tip, behind which nobody appends any more: to its cursor entry by entry, then to its input.
   *
   * @throws as {@link compare}, and LogGapError when the log's entries are not all there.
   */
  async compareUpTo(tip: Tip): Promise<void> {
    let page = this.#page(this.#at);
    while (!cursorsEqual(this.#at, tip)) {
      const entries = await page;
      const last = entries.at(-1);
      if (last === undefined) throw new LogGapError(this.cursor, undefined);
      if (!cursorsEqual(last, tip)) {
        // Redis looks it up while these are compared.
        page = this.#page(last);
      }
      await this.compare(entries, tip.inboxId);
    }
    const left = this.#events[this.#nextEvent];
    if (left) throw mismatch(undefined, left, this.inboxId);
    await this.applyUpTo(tip, (event) => {
      throw mismatch(undefined, event, this.inboxId);
    });
  }

  /**
   * Applies what is left of the inputs up to the tip's, comparing nothing.
   *
   * @throws DepthcastError `INBOX_TRIMMED`.
   */
  async applyUpTo(tip: Tip, onEvent?: (event: LogEvent) => void): Promise<void> {
    while (compareInboxIds(this.inboxId, tip.inboxId) < 0) {
      if (this.#nextInput === this.#inputs.length) await this.#read(tip.inboxId);
      this.#applyNext();
      if (onEvent) for (const event of this.#events) onEvent(event);
    }
    // The tip may name an input that a failover lost after its events had been appended.
    await this.#inbox.assertHolds(this.inboxId);
  }

  close(): void {
    this.#inbox.close();
  }

  #page(after: Cursor): Promise<LogEntry[]> {
    const page = this.#log.range(after, READ_ENTRIES_MAX);
    // Whoever awaits it hears of what goes wrong; and one that is at the tip already awaits none.
    page.catch(() => {});
    return page;
  }

  #checkTurn({ payload }: LogEntry, topic: 'engine' | 'epoch'): void {
    const text = payload.toString();
    if (topic === 'engine' && text.includes(`"version":"${this.market.logicVersion}"`)) return;
    throw new LogTurnError(topic, `the log goes on with ${text}`);
  }

  #applyNext(): void {
    const input = this.#inputs[this.#nextInput++] as InboxEntry;
    this.#events = this.market.applyEntry(input.topic, input.payload);
    this.#nextEvent = 0;
    this.inboxId = input.id;
    this.appliedInputs++;
  }

  async #read(upTo: string | undefined): Promise<void> {
    const isFirst = this.inboxId === INBOX_START;
    // A read that was asked for ahead may have been too early for what is there now.
    let inputs = await this.#inbox.next();
    if (inputs.length === 0) inputs = await this.#inbox.next();
    const last = inputs.at(-1);
    if (last && upTo !== undefined && compareInboxIds(last.id, upTo) > 0) {
      inputs = inputs.filter(({ id }) => compareInboxIds(id, upTo) <= 0);
    }
    this.#inputs = inputs;
    this.#nextInput = 0;
    // No entry marks the very beginning, so that no read can tell; asked after it, lest it be trimmed in between.
    if (isFirst) await this.#inbox.assertWhole();
    if (inputs.length > 0) return;
    const wanted = upTo === undefined ? 'but the log goes on' : `but the log's tip names ${upTo}`;
    throw new DepthcastError('INBOX_TRIMMED', `the inbox has nothing after ${this.inboxId}, ${wanted}`);
  }
}

function mismatch(held: LogEntry | undefined, event: LogEvent | undefined, inboxId: string): DepthcastError {
  const at = held ? formatCursor(held) : 'the tip';
  const logged = held ? `${held.topic} ${held.payload.toString().slice(0, 200)}` : 'nothing';
  const replayed = event ? `${event.topic} ${event.payload.slice(0, 200)}` : 'nothing';
  return new DepthcastError(
    'RECOVERY_MISMATCH',
    `input ${inboxId}: at ${at} the log holds ${logged}, the replay gives ${replayed}`,
  );
}
