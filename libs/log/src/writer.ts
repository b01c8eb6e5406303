import { type Cursor, DepthcastError, type LogEvent } from '@depthcast/protocol';
import { Appender, fencedBy, type Position } from './appender.ts';
import { isPassing, isReplyError, type RedisClient, retryReads } from './connect.ts';
import type { PartitionKeys } from './keys.ts';
import { runScript, type Script } from './script.ts';
import { adopt } from './scripts/adopt.lua.ts';
import { append } from './scripts/append.lua.ts';
import { claim } from './scripts/claim.lua.ts';
import { openEpoch } from './scripts/epoch.lua.ts';
import { snapshot } from './scripts/snapshot.lua.ts';
import { trim } from './scripts/trim.lua.ts';
import { encodeBook } from './snapshots.ts';
import { pairs, readTip, type Tip, tipOf } from './tip.ts';

const RETRY_MS_MAX = 500;
const NOWHERE: Position = { epoch: 0, term: 0, offset: -1, crc: 0, inboxId: '0-0' };

export interface WriterOptions {
  readonly client: RedisClient;
  readonly keys: PartitionKeys;
  /** Unique to this process start. */
  readonly writer: string;
  readonly logicVersion: string;
  /** Ends the retries: what is under way is then left in doubt. */
  readonly signal?: AbortSignal;
  /** Told when a write's outcome was unknown, and of refusals that pass; for logs and counters. */
  readonly onDoubt?: (what: string, error: Error) => void;
}

export interface SnapshotToStore {
  readonly inboxId: string;
  readonly state: string;
  /** `isSynced`: false when the book has a gap; who feeds it looks at this. */
  readonly books: readonly { symbol: string; state: string; isSynced: boolean }[];
}

/** What a claim found. */
export interface Claimed {
  /** The tip as claimed; `undefined` in an empty Redis. */
  readonly tip: Tip | undefined;
  /** Why this epoch cannot go on: another Redis process, a log that does not end at the tip, nothing there at all. */
  readonly broken: 'start' | 'redis_replaced' | 'log_replaced' | undefined;
}

/**
 * The one writer of a partition's log. Every write is checked by Redis against the tip in the same atomic step; a
 * write whose reply was lost is looked up in the tip, never guessed. Appends may overlap, other calls wait for them.
 *
 * @throws DepthcastError `FENCED` from every method once somebody else has taken over: leave then.
 */
export class LogWriter {
  readonly #options: WriterOptions;
  #appender: Appender;

  constructor(options: WriterOptions) {
    this.#options = options;
    this.#appender = this.#appenderAt(NOWHERE);
  }

  /** The last entry in the log. */
  get cursor(): Cursor {
    const { epoch, offset } = this.#appender.position;
    return { epoch, offset };
  }

  /** The inbox id up to which the log has all events. */
  get inboxId(): string {
    return this.#appender.position.inboxId;
  }

  /** CRC32 chained up to {@link cursor}. */
  get crc(): number {
    return this.#appender.position.crc;
  }

  /** Takes over: from here on whoever wrote before is fenced. */
  async claim(): Promise<Claimed> {
    const { client, keys, writer, signal } = this.#options;
    const reply = (await retryReads(() => runScript(client, claim, [keys.log, keys.tip], [writer]), signal)) as [
      string,
      string,
      string[],
    ];
    const tip = tipOf(pairs(reply[2]));
    if (!tip) return { tip, broken: 'start' };
    this.#appender = this.#appenderAt(tip);
    if (tip.runId !== reply[0]) return { tip, broken: 'redis_replaced' };
    if (reply[1] !== `${tip.epoch}-${tip.offset}`) return { tip, broken: 'log_replaced' };
    return { tip, broken: undefined };
  }

  /**
   * Opens a new epoch with the state that it begins from.
   *
   * @param reason a word or two for the `epoch` event, `[a-z_]+`.
   */
  async openEpoch(reason: string, inboxId: string, state: string): Promise<Cursor> {
    if (!/^[a-z_]{1,64}$/.test(reason)) throw new Error(`epoch reason ${reason}`);
    const { keys, writer, logicVersion } = this.#options;
    await this.#appender.idle();
    const { term, epoch: previousEpoch } = this.#appender.position;
    await this.#write(
      openEpoch,
      [keys.log, keys.tip, keys.snapshot],
      [term === 0 ? '' : term, term === 0 ? '' : previousEpoch, writer, reason, inboxId, logicVersion, state],
      (tip) => tip.writer === writer && tip.epoch > previousEpoch && tip.offset === 0,
    );
    const tip = await this.#tip();
    if (tip.writer !== writer) throw fencedBy(['FENCED', 'writer', writer, tip.writer]);
    this.#appender = this.#appenderAt(tip);
    return this.cursor;
  }

  /**
   * Appends the events of whole inputs, all or none. Two may be under way at once; a third waits.
   *
   * @param events at most {@link APPEND_ENTRIES_MAX}, better a batch of {@link BATCH_ENTRIES_MAX}; none is no call.
   * @param inboxId the input they end on.
   * @returns the cursor of the last one, once it is in the log.
   */
  append(events: readonly LogEvent[], inboxId: string): Promise<Cursor> {
    return this.#appender.append(events, inboxId);
  }

  /**
   * Stores the state as of {@link cursor}, with the books, and lets go of the inbox behind the snapshot before.
   *
   * @throws DepthcastError `SNAPSHOT_REFUSED` when a newer one is stored.
   */
  async storeSnapshot(stored: SnapshotToStore): Promise<void> {
    await this.#appender.idle();
    const { keys, logicVersion } = this.#options;
    const { epoch, term, offset } = this.#appender.position;
    const symbols = stored.books.map((book) => book.symbol);
    const unsynced = stored.books.filter((book) => !book.isSynced).map((book) => book.symbol);
    const books = stored.books.map((book) => encodeBook(`${epoch}-${offset}`, book.state));
    await this.#write(
      snapshot,
      [keys.snapshot, keys.tip, keys.inbox, ...symbols.map((symbol) => keys.book(symbol))],
      [
        epoch,
        term,
        offset,
        stored.inboxId,
        logicVersion,
        stored.state,
        JSON.stringify(symbols),
        JSON.stringify(unsynced),
        ...books,
      ],
      // Storing the same cursor twice is answered OK, so a doubt is settled by sending again.
      () => false,
    );
  }

  /** Keeps at least the newest `lengthMax` entries and all that a recovery may need; drops what is older. */
  async trim(lengthMax: number): Promise<number> {
    const { keys } = this.#options;
    const { term } = this.#appender.position;
    const reply = await this.#write(trim, [keys.log, keys.tip, keys.snapshot], [term, lengthMax], () => false);
    return Number(reply[1]);
  }

  /**
   * Runs a writing script to a certain end: `OK`, or an error. An unknown outcome is looked up in the tip (`landed`
   * says whether it shows this write), and sent again only when the tip is exactly as before it.
   */
  async #write(
    lua: Script,
    keys: readonly string[],
    args: (string | number)[],
    landed: (tip: Tip) => boolean,
  ): Promise<string[]> {
    for (let waitMs = 5; ; waitMs = Math.min(waitMs * 2, RETRY_MS_MAX)) {
      try {
        const reply = (await runScript(this.#options.client, lua, keys, args)) as string[];
        if (reply[0] === 'OK') return reply;
        // The refusal may be of our own write, sent twice below us (a cluster redirection).
        const tip = await this.#tip();
        if (landed(tip)) return ['OK', String(tip.offset)];
        if (reply[0] === 'REFUSED')
          throw new DepthcastError('SNAPSHOT_REFUSED', `snapshot refused, ${reply.slice(1).join(', ')}`);
        if (reply[1] === 'run-id' && (await this.#adopt(this.#appender.position))) continue;
        throw fencedBy(reply);
      } catch (error) {
        if (error instanceof DepthcastError || (isReplyError(error) && !isPassing(error))) throw error;
        if (this.#options.signal?.aborted) throw error;
        this.#options.onDoubt?.(lua.name, error as Error);
      }
      await new Promise((resolve) => setTimeout(resolve, waitMs));
      if (landed(await this.#tip())) return ['OK', ''];
    }
  }

  /** Another Redis process: go on only if it holds exactly what this process holds in memory. */
  async #adopt({ epoch, term, offset, crc, inboxId }: Position): Promise<boolean> {
    const { client, keys, writer, signal } = this.#options;
    const args = [epoch, term, offset, crc, writer, inboxId];
    const run = () => runScript(client, adopt, [keys.log, keys.tip, keys.inbox], args);
    const reply = (await retryReads(run, signal)) as string[];
    return reply[0] === 'OK';
  }

  async #tip(): Promise<Tip> {
    const { client, keys, signal } = this.#options;
    const tip = await retryReads(() => readTip(client, keys), signal);
    if (!tip) throw fencedBy(['FENCED', 'tip', 'a tip', 'none']);
    return tip;
  }

  #appenderAt(position: Position): Appender {
    const { client, keys, onDoubt } = this.#options;
    return new Appender(position, {
      send: (args) => runScript(client, append, [keys.log, keys.tip], args),
      tip: () => this.#tip(),
      adopt: (held) => this.#adopt(held),
      ...(onDoubt ? { onDoubt } : {}),
    });
  }
}
