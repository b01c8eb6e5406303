import {
  compareInboxIds,
  INBOX_START,
  type InboxEntry,
  InboxReader,
  type LogEntry,
  LogReader,
  type LogWriter,
  type PartitionKeys,
  type RedisClient,
  readSnapshots,
  retryReads,
  type StoredSnapshot,
  type Tip,
} from '@depthcast/log';
import { Market, type MarketOptions } from '@depthcast/market';
import { type Cursor, cursorsEqual, DepthcastError, formatCursor, type LogEvent } from '@depthcast/protocol';

/** State as of an input, ready to go on from the log's tip. */
export interface Recovered {
  readonly market: Market;
  /** The last input that has been applied. */
  readonly inboxId: string;
  /** Why a new epoch was opened; undefined when the old one goes on. */
  readonly newEpoch: string | undefined;
  readonly replayedInputs: number;
  readonly comparedEvents: number;
}

export interface RecoverOptions {
  readonly client: RedisClient;
  readonly keys: PartitionKeys;
  readonly writer: LogWriter;
  readonly market: MarketOptions;
  readonly signal: AbortSignal;
}

const READ_ENTRIES_MAX = 1_000;

/**
 * Takes over the partition and brings the state to exactly where the log ends: the newest readable snapshot, then the
 * inbox up to the tip, every event compared with what the log holds. Where that continuity cannot be proven a new
 * epoch is opened instead, with its reason.
 *
 * @throws DepthcastError `RECOVERY_MISMATCH` when the replay gives other events than the log holds: nothing has been
 *   appended, and nobody should append before a person has looked.
 */
export async function recover(options: RecoverOptions): Promise<Recovered> {
  const { client, keys, writer } = options;
  const fresh = () => new Market(options.market);
  const { tip, broken } = await writer.claim();
  if (!tip) return start(options, fresh());

  const snapshots = await retryReads(() => readSnapshots(client, keys));
  const found = newestReadable(snapshots, tip, options.market);
  if (!found) return openEpoch(writer, fresh(), INBOX_START, 'snapshot_unreadable', 0, 0);

  const replay = new Replay(options, tip, found.snapshot, found.market);
  // A replaced log holds other entries than the tip speaks of: there is nothing to compare with.
  const compare = broken !== 'log_replaced' && sameLogic(found.snapshot, tip, found.market);
  try {
    await replay.run(compare);
  } catch (error) {
    if (!(error instanceof DepthcastError) || error.code !== 'INBOX_TRIMMED') throw error;
    // Inputs are missing. Whatever is still there is applied once more by (src, seq), and venues resync.
    return openEpoch(writer, found.market, INBOX_START, 'inbox_trimmed', replay.inputs, replay.events);
  }
  if (broken) return openEpoch(writer, found.market, tip.inboxId, broken, replay.inputs, replay.events);
  return {
    market: found.market,
    inboxId: replay.inboxId,
    newEpoch: undefined,
    replayedInputs: replay.inputs,
    comparedEvents: replay.events,
  };
}

/**
 * No tip. With no log either, this is the first start, and whatever is in the inbox is new. A log without a tip has
 * been tampered with: which inputs it has seen nobody can say, so none of them is applied again.
 */
async function start({ client, keys, writer }: RecoverOptions, market: Market): Promise<Recovered> {
  const tampered = (await retryReads(() => client.exists(keys.log))) > 0;
  if (!tampered) return openEpoch(writer, market, INBOX_START, 'start', 0, 0);
  const [last] = await retryReads(() => client.xrevrange(keys.inbox, '+', '-', 'COUNT', 1));
  return openEpoch(writer, market, last?.[0] ?? INBOX_START, 'tip_lost', 0, 0);
}

/** Outputs are comparable within one logic version only. */
function sameLogic(snapshot: StoredSnapshot, tip: Tip, { logicVersion }: Market): boolean {
  return snapshot.logicVersion === logicVersion && tip.logicVersion === logicVersion;
}

function newestReadable(
  snapshots: readonly StoredSnapshot[],
  tip: Tip,
  options: MarketOptions,
): { snapshot: StoredSnapshot; market: Market } | undefined {
  for (const snapshot of snapshots) {
    if (snapshot.cursor.epoch !== tip.epoch || snapshot.cursor.offset > tip.offset) continue;
    try {
      return { snapshot, market: Market.restore(snapshot.state, options) };
    } catch {
      // An unreadable one: the older may do.
    }
  }
  return undefined;
}

async function openEpoch(
  writer: LogWriter,
  market: Market,
  inboxId: string,
  reason: string,
  replayedInputs: number,
  comparedEvents: number,
): Promise<Recovered> {
  await writer.openEpoch(reason, inboxId, market.snapshot());
  return { market, inboxId, newEpoch: reason, replayedInputs, comparedEvents };
}

/** Inputs from a snapshot to the tip, and beside them the log's entries from the same point. */
class Replay {
  inboxId: string;
  inputs = 0;
  events = 0;
  readonly #options: RecoverOptions;
  readonly #tip: Tip;
  readonly #market: Market;
  #cursor: Cursor;
  #held: LogEntry[] = [];
  #next = 0;

  constructor(options: RecoverOptions, tip: Tip, snapshot: StoredSnapshot, market: Market) {
    this.#options = options;
    this.#tip = tip;
    this.#market = market;
    this.#cursor = snapshot.cursor;
    this.inboxId = snapshot.inboxId;
  }

  async run(compare: boolean): Promise<void> {
    const { client, keys, signal } = this.#options;
    const reader = new LogReader(client, keys);
    const inbox = new InboxReader(client, keys);
    try {
      if (this.inboxId === INBOX_START && this.#tip.inboxId !== INBOX_START) await inbox.assertWhole(signal);
      while (compareInboxIds(this.inboxId, this.#tip.inboxId) < 0) {
        const entries = await inbox.read(this.inboxId, READ_ENTRIES_MAX, signal, 1);
        const wanted = entries.filter(({ id }) => compareInboxIds(id, this.#tip.inboxId) <= 0);
        if (wanted.length === 0) throw inboxEnds(this.inboxId, this.#tip);
        for (const entry of wanted) {
          const events = this.#market.applyEntry(entry.topic, entry.payload);
          this.inboxId = entry.id;
          this.inputs++;
          if (compare) for (const event of events) this.#compare(await this.#nextHeld(reader), event, entry);
        }
      }
      // The tip may name an input that a failover lost after its events had been appended.
      await inbox.assertHolds(this.inboxId, signal);
      const surplus = compare ? await this.#nextHeld(reader) : undefined;
      if (surplus) throw mismatch(surplus, undefined, this.inboxId);
    } finally {
      inbox.close();
    }
  }

  #compare(held: LogEntry | undefined, event: LogEvent, input: InboxEntry): void {
    this.events++;
    if (held && held.topic === event.topic && held.payload.toString() === event.payload) return;
    throw mismatch(held, event, input.id);
  }

  /** The next entry that an input gave rise to; the engine's own announcements are no input's. */
  async #nextHeld(reader: LogReader): Promise<LogEntry | undefined> {
    for (;;) {
      if (this.#next === this.#held.length) {
        const atTip = cursorsEqual(this.#cursor, { epoch: this.#tip.epoch, offset: this.#tip.offset });
        this.#held = atTip ? [] : await reader.range(this.#cursor, READ_ENTRIES_MAX);
        this.#next = 0;
        if (this.#held.length === 0) return undefined;
      }
      const entry = this.#held[this.#next++] as LogEntry;
      this.#cursor = { epoch: entry.epoch, offset: entry.offset };
      if (entry.topic !== 'engine') return entry;
    }
  }
}

function inboxEnds(at: string, tip: Tip): DepthcastError {
  return new DepthcastError(
    'INBOX_TRIMMED',
    `the inbox has nothing from ${at} to ${tip.inboxId}, which the log's tip names`,
  );
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
