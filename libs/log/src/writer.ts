import { type Cursor, DepthcastError, type LogEvent } from '@depthcast/protocol';
import { Appender, fencedBy } from './appender.ts';
import { isPassing, isReplyError, type RedisClient, retryReads } from './connect.ts';
import type { PartitionKeys } from './keys.ts';
import type { Position } from './position.ts';
import { readProcessId } from './process-id.ts';
import type { Repair, Repaired } from './repair.ts';
import { runScript, runText, type Script } from './script.ts';
import { append } from './scripts/append.lua.ts';
import { claim } from './scripts/claim.lua.ts';
import { openEpoch } from './scripts/epoch.lua.ts';
import { repair } from './scripts/repair.lua.ts';
import { snapshot } from './scripts/snapshot.lua.ts';
import { trim } from './scripts/trim.lua.ts';
import { encodeAtCursor } from './snapshots.ts';
import { pairs, readTip, type Tip, tipOf } from './tip.ts';

const RETRY_MS_MAX = 500;
/** Where the clocks are behind, two openings of which one was lost take the same epoch once in so many times. */
const EPOCH_STEP_MAX = 100_000;
const NOWHERE: Position = { epoch: 0, term: 0, offset: -1, crc: 0, inboxId: '0-0' };

export interface WriterOptions {
  readonly client: RedisClient;
  readonly keys: PartitionKeys;
  /** Unique to this process start. */
  readonly writer: string;
  readonly logicVersion: string;
  /**
   * The engine's state after the last batch handed to {@link LogWriter.append}, asked in the turn in which a repair
   * gathers what it appends again. Without it, or where it gives undefined, nothing is repaired: another Redis process
   * fences.
   */
  readonly state?: () => string | undefined;
  /** Redis was another process, or had lost its last seconds, and holds again all that was handed over. */
  readonly onRepaired?: (repaired: Repaired) => void;
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
  /** JSON of the market's accounts, for readers that join late; without it what is stored stays. */
  readonly accounts?: string;
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
  #runId = '';
  #repairs = 0;

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

  /** The Redis process that holds this log, as far as known here: what another one says is not to be mixed with it. */
  get runId(): string {
    return this.#runId;
  }

  /** Repairs so far. What was read of the inbox before the last one, or asked of it, counts no more. */
  get repairs(): number {
    return this.#repairs;
  }

  /** A moment of `performance.now()` at which nobody had taken over: an append that was sent then has landed. */
  get heldMs(): number {
    return this.#appender.heldMs;
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
    this.#runId = reply[0];
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
    const step = 1 + Math.floor(Math.random() * EPOCH_STEP_MAX);
    const held = term === 0 ? ['', ''] : [term, previousEpoch];
    await this.#write(
      openEpoch,
      [keys.log, keys.tip, keys.snapshot],
      [...held, writer, reason, inboxId, logicVersion, state, step, Date.now()],
      (tip) => tip.writer === writer && tip.epoch > previousEpoch && tip.offset === 0,
    );
    const tip = await this.#tip();
    if (tip.writer !== writer) throw fencedBy(['FENCED', 'writer', writer, tip.writer]);
    // A failover has lost the opening again: what readers saw of the epoch before is as unknown as it was.
    if (tip.epoch <= previousEpoch) throw fencedBy(['FENCED', 'epoch', `above ${previousEpoch}`, `${tip.epoch}`]);
    this.#runId = tip.runId;
    this.#appender = this.#appenderAt(tip);
    return this.cursor;
  }

  /**
   * Appends the events of whole inputs, all or none. They take their place in the log at once; two appends are under
   * way at a time and the rest waits, so ask for {@link room} before the next inputs are applied. All the appends of
   * one read of the inbox must be made in one turn: between turns `state` is asked for.
   *
   * @param events at most {@link APPEND_ENTRIES_MAX}, better a batch of {@link BATCH_ENTRIES_MAX}; none is no call.
   * @param inboxId the input they end on.
   * @returns the cursor of the last one, once it is in the log.
   */
  append(events: readonly LogEvent[], inboxId: string): Promise<Cursor> {
    return this.#appender.append(events, inboxId);
  }

  /** Resolves once no append waits for its turn. @throws DepthcastError `FENCED`. */
  room(): Promise<void> {
    return this.#appender.room();
  }

  /**
   * Makes sure that the Redis that answers now holds all that was appended, and repairs one that does not. For whoever
   * meets another process elsewhere; every append finds it by itself.
   *
   * @throws DepthcastError `FENCED`.
   */
  verify(): Promise<void> {
    return this.#appender.verify();
  }

  /**
   * Stores the state as of {@link cursor}, with the books, and lets go of the inbox behind the snapshot before. Where
   * a repair comes between, nothing of it is stored: the repair has stored the state itself, and `inboxId` may name an
   * input that is no more.
   *
   * @throws DepthcastError `SNAPSHOT_REFUSED` when a newer one is stored.
   */
  async storeSnapshot(stored: SnapshotToStore): Promise<void> {
    const repairs = this.#repairs;
    await this.#appender.idle();
    if (this.#repairs !== repairs) return;
    try {
      // Storing the same cursor twice is answered OK, so a doubt is settled by sending again.
      await this.#write(snapshot, ...this.#snapshotCall(stored), () => false);
    } catch (error) {
      if (!(error instanceof DepthcastError)) throw error;
      // Perhaps it was another Redis process, or one without its last seconds, that refused.
      await this.#appender.verify();
      if (this.#repairs === repairs) throw error;
    }
  }

  /** Keeps at least the newest `lengthMax` entries, all that a recovery may need and all beyond the watermark. */
  async trim(lengthMax: number): Promise<number> {
    const { keys } = this.#options;
    const { term } = this.#appender.position;
    const trimKeys = [keys.log, keys.tip, keys.snapshot, keys.watermark];
    const reply = await this.#write(trim, trimKeys, [term, lengthMax], () => false);
    return Number(reply[1]);
  }

  #snapshotCall({ inboxId, state, books, accounts }: SnapshotToStore): [keys: string[], args: (string | number)[]] {
    const { keys, logicVersion } = this.#options;
    const { epoch, term, offset } = this.#appender.position;
    const symbols = books.map((book) => book.symbol);
    const unsynced = books.filter((book) => !book.isSynced).map((book) => book.symbol);
    const texts = books.map((book) => book.state);
    if (accounts !== undefined) texts.push(accounts);
    return [
      [
        keys.snapshot,
        keys.tip,
        keys.inbox,
        ...symbols.map((symbol) => keys.book(symbol)),
        ...(accounts === undefined ? [] : [keys.accounts]),
      ],
      [
        epoch,
        term,
        offset,
        inboxId,
        logicVersion,
        state,
        JSON.stringify(symbols),
        JSON.stringify(unsynced),
        ...texts.map((text) => encodeAtCursor(`${epoch}-${offset}`, text)),
      ],
    ];
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

  async #tip(): Promise<Tip> {
    const { client, keys, signal } = this.#options;
    const tip = await retryReads(() => readTip(client, keys), signal);
    if (!tip) throw fencedBy(['FENCED', 'tip', 'a tip', 'none']);
    return tip;
  }

  #repair({ from, to, entries, state }: Repair): Promise<unknown> {
    const { client, keys, writer, logicVersion } = this.#options;
    const position = [from.epoch, from.term, from.offset, from.crc];
    // By text: a new process does not know it, and to learn that once the arguments are megabytes is dear.
    return runText(
      client,
      repair,
      [keys.log, keys.tip, keys.snapshot],
      [...position, writer, to.crc, logicVersion, state, ...entries],
    );
  }

  #appenderAt(position: Position): Appender {
    const { client, keys, signal, onDoubt } = this.#options;
    return new Appender(position, {
      send: (args) => runScript(client, append, [keys.log, keys.tip], args),
      tip: () => this.#tip(),
      runId: () => retryReads(() => readProcessId(client, keys), signal),
      state: () => this.#options.state?.(),
      repair: (missing) => this.#repair(missing),
      onRepaired: (repaired, runId) => {
        this.#runId = runId;
        this.#repairs++;
        this.#options.onRepaired?.(repaired);
      },
      ...(onDoubt ? { onDoubt } : {}),
    });
  }
}
