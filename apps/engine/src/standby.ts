import { setTimeout as sleep } from 'node:timers/promises';
import {
  type Claimed,
  duplicateClient,
  LogReader,
  type PartitionKeys,
  type RedisClient,
  readSnapshots,
  readTip,
  retryReads,
} from '@depthcast/log';
import { Market, type MarketOptions } from '@depthcast/market';
import { DepthcastError } from '@depthcast/protocol';
import { type Recovered, withOptions } from './recover.ts';
import { LogTurnError, Replica } from './replica.ts';

export interface StandbyOptions {
  readonly client: RedisClient;
  readonly keys: PartitionKeys;
  readonly market: MarketOptions;
  /** Ends everything. */
  readonly signal: AbortSignal;
  readonly observer?: StandbyObserver | undefined;
}

/** What happens to a standby, for logs and metrics. */
export interface StandbyObserver {
  /**
   * It is about where the log is, so that a takeover takes no time. `compares` false: another version writes the log,
   * and a takeover will begin with its snapshot.
   */
  standbyFollows?(compares: boolean): void;
  /** Twice a second: how far it is behind the log, and the events compared since the last time. */
  standbyLags?(entries: number, comparedEvents: number): void;
  /** It cannot go on from where it is: it begins again from the newest snapshot. */
  standbyBeginsAgain?(why: string): void;
}

/** Nothing to follow yet, or nothing to compare with: looked at again so often. */
const IDLE_MS = 250;
/** Between two beginnings, each of which loads a whole state. */
const AGAIN_MS = 250;
const WATCH_MS = 500;
const REPLACED = 'Redis is another process than the one that held this log and inbox';
/** As near as this is as good as there: some 50 ms of work. */
const FOLLOWS_ENTRIES_MAX = 10_000;

/**
 * An engine that waits for the lease, with everything done that can be done before: its own market is where the log
 * is, and every event of the one that appends has been compared with it. So it takes over without loading anything;
 * and a leader whose outputs are not what the inputs give is found out within moments.
 */
export class Standby {
  readonly #options: StandbyOptions;
  #replica: Replica | undefined;
  /** The Redis process that holds the log and the inbox which the replica was begun with. */
  #runId = '';
  #told: boolean | undefined;

  constructor(options: StandbyOptions) {
    this.#options = options;
  }

  /**
   * Follows until `signal` aborts. Outages are waited out.
   *
   * @throws DepthcastError `RECOVERY_MISMATCH` when the log holds what the inputs do not give.
   */
  async follow(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      try {
        if (await this.#begin()) await this.#compare(this.#replica as Replica, signal);
        else await pause(IDLE_MS, signal);
      } catch (error) {
        this.#drop();
        if (signal.aborted) return;
        this.#options.observer?.standbyBeginsAgain?.(await this.#why(error));
        await pause(AGAIN_MS, signal);
      }
    }
  }

  /**
   * The state at the tip that has just been claimed, when it is proven to be: every entry since a snapshot compared,
   * in one life of Redis. Else nothing, and {@link recover} has to do it.
   */
  async takeOver({ tip, broken }: Claimed): Promise<Recovered | undefined> {
    const replica = this.#replica;
    try {
      const isSameRedis = !broken && tip?.runId === this.#runId;
      if (!replica || !isSameRedis || tip.epoch !== replica.cursor.epoch) return undefined;
      if (tip.logicVersion !== replica.market.logicVersion) return undefined;
      await replica.compareUpTo(tip);
      const { inboxId, appliedInputs, comparedEvents } = replica;
      const market = withOptions(replica.market, this.#options.market);
      return { market, inboxId, from: 'standby', newEpoch: undefined, replayedInputs: appliedInputs, comparedEvents };
    } catch (error) {
      if (this.#options.signal.aborted) throw error;
      // Whether this is the log's fault or ours, a replay from the snapshot says.
      this.#options.observer?.standbyBeginsAgain?.((error as Error).message);
      return undefined;
    } finally {
      this.#drop();
    }
  }

  /** Lets go of what it has: nobody will take over from it. Safe to call again. */
  close(): void {
    this.#drop();
  }

  /** @returns false while there is nothing to follow. */
  async #begin(): Promise<boolean> {
    const { client, keys, signal } = this.#options;
    // The tip first: should a repair come between, its run id is the one that is found out to be over.
    const tip = await retryReads(() => readTip(client, keys), signal);
    const [newest] = await retryReads(() => readSnapshots(client, keys), signal);
    if (!tip || newest?.cursor.epoch !== tip.epoch) return false;
    // By the options that its writer has, whatever ours are; another version's log cannot be compared.
    const market = restored(newest.state);
    const version = market?.logicVersion;
    if (!market || tip.logicVersion !== version || newest.logicVersion !== version) {
      this.#tell(false);
      return false;
    }
    const { runId } = tip;
    const verify = () => Promise.reject(new DepthcastError('INBOX_TRIMMED', REPLACED));
    this.#runId = runId;
    this.#replica = new Replica({ client, keys, at: newest, market, signal, holder: { runId, repairs: 0, verify } });
    return true;
  }

  async #compare(replica: Replica, signal: AbortSignal): Promise<void> {
    const { client, keys } = this.#options;
    const ending = new AbortController();
    const watching = this.#watch(replica, ending);
    try {
      const either = AbortSignal.any([signal, ending.signal]);
      const batches = new LogReader(client, keys).follow(replica.cursor, { signal: either });
      for await (const entries of batches) await replica.compare(entries);
      if (!signal.aborted) throw new DepthcastError('INBOX_TRIMMED', REPLACED);
    } finally {
      ending.abort();
      await watching;
    }
  }

  /** Says how far behind the replica is, and ends its following once Redis is another process. */
  async #watch(replica: Replica, ending: AbortController): Promise<void> {
    const { client, keys, observer } = this.#options;
    for (let compared = 0; !ending.signal.aborted; await pause(WATCH_MS, ending.signal)) {
      const tip = await readTip(client, keys).catch(() => undefined);
      if (!tip || ending.signal.aborted) continue;
      if (tip.runId !== this.#runId) ending.abort();
      const { epoch, offset } = replica.cursor;
      const lag = tip.offset - (tip.epoch === epoch ? offset : -1);
      observer?.standbyLags?.(Math.max(lag, 0), replica.comparedEvents - compared);
      compared = replica.comparedEvents;
      if (lag <= FOLLOWS_ENTRIES_MAX) this.#tell(true);
    }
  }

  /** Why it must begin again. @throws what it must not live on with. */
  async #why(error: unknown): Promise<string> {
    if (error instanceof LogTurnError) return error.message;
    if (!(error instanceof DepthcastError)) throw error;
    if (error.code === 'INBOX_TRIMMED' || error.code === 'LOG_GAP') return error.message;
    // Behind a repair inputs may come in another order, so that a difference proves nothing. Asked over a connection
    // of its own: ours may still lead to the Redis that was.
    const { client, keys, signal } = this.#options;
    const fresh = duplicateClient(client);
    try {
      const tip = await retryReads(() => readTip(fresh, keys), signal);
      if (tip?.runId !== this.#runId) return REPLACED;
    } finally {
      fresh.disconnect();
    }
    throw error;
  }

  #tell(compares: boolean): void {
    if (this.#told !== compares) this.#options.observer?.standbyFollows?.(compares);
    this.#told = compares;
  }

  #drop(): void {
    this.#replica?.close();
    this.#replica = undefined;
  }
}

function restored(state: string): Market | undefined {
  try {
    return Market.restore(state);
  } catch {
    return undefined;
  }
}

async function pause(ms: number, signal: AbortSignal): Promise<void> {
  await sleep(ms, undefined, { signal }).catch(() => {});
}
