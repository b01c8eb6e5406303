import {
  type Claimed,
  INBOX_START,
  LogGapError,
  type LogWriter,
  type PartitionKeys,
  type RedisClient,
  readSnapshots,
  retryReads,
  type StoredSnapshot,
  type Tip,
} from '@depthcast/log';
import { logicVersionOf, Market, type MarketOptions } from '@depthcast/market';
import { DepthcastError } from '@depthcast/protocol';
import { LogTurnError, Replica } from './replica.ts';

/** State as of an input, ready to go on from the log's tip. */
export interface Recovered {
  readonly market: Market;
  /** The last input that has been applied. */
  readonly inboxId: string;
  /** What it was made from: the state that a standby had, a snapshot, the whole inbox, or nothing. */
  readonly from: 'standby' | 'snapshot' | 'inbox' | 'nothing';
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

/** What a replay begins with. */
interface Base {
  readonly from: 'snapshot' | 'inbox';
  readonly at: Pick<StoredSnapshot, 'cursor' | 'inboxId'>;
  readonly market: Market;
  /** Why the epoch cannot go on from what the replay comes to. */
  readonly doubt?: 'snapshot_unreadable';
  /** Whether the log from there on is what this logic gives. */
  readonly isComparable: boolean;
}

/**
 * Brings the state of a claimed partition to exactly where the log ends: the newest readable snapshot, then the inbox
 * up to the tip, every event compared with what the log holds. Where that continuity cannot be proven a new epoch is
 * opened instead, with its reason:
 * - `start`: nothing was there;
 * - `tip_lost`: a log without a tip;
 * - `redis_replaced`: another Redis process, which may have lost what the one before it held;
 * - `log_replaced`, `log_incomplete`: the log does not end at the tip, or has a gap before it;
 * - `inbox_trimmed`: inputs between the snapshot and the tip are gone;
 * - `snapshot_unreadable`: neither snapshot can be read, nor do the inbox and the log go back to the beginning.
 *
 * @throws DepthcastError `RECOVERY_MISMATCH` when the replay gives other events than the log holds: nothing has been
 *   appended, and nobody should append before a person has looked.
 */
export async function recover(options: RecoverOptions, { tip, broken }: Claimed): Promise<Recovered> {
  const { client, keys, signal } = options;
  if (!tip) return start(options);
  const snapshots = await retryReads(() => readSnapshots(client, keys), signal);
  const base = newestReadable(snapshots, tip) ?? (await beginning(options, tip));
  const replica = new Replica({ ...options, ...base, holder: options.writer });
  try {
    // A replaced log holds other entries than the tip speaks of: there is nothing to compare with.
    const unproven = await bring(replica, tip, base.isComparable && broken !== 'log_replaced');
    const reason = broken ?? unproven ?? base.doubt;
    const market = withOptions(replica.market, options.market);
    if (reason !== undefined) return await openEpoch(options, market, tip.inboxId, reason, base.from, replica);
    return recovered(market, replica.inboxId, undefined, base.from, replica);
  } catch (error) {
    if (!(error instanceof DepthcastError) || error.code !== 'INBOX_TRIMMED') throw error;
    // Whatever inputs are still there are applied once more, by (src, seq), and venues resync.
    if (base.from === 'snapshot') {
      const market = withOptions(replica.market, options.market);
      return await openEpoch(options, market, INBOX_START, 'inbox_trimmed', 'snapshot', replica);
    }
    return await openEpoch(options, new Market(options.market), INBOX_START, 'snapshot_unreadable', 'nothing');
  } finally {
    replica.close();
  }
}

/** @returns why continuity is not proven although the state is the tip's. */
async function bring(replica: Replica, tip: Tip, isComparable: boolean): Promise<'log_incomplete' | undefined> {
  try {
    if (isComparable) await replica.compareUpTo(tip);
    else await replica.applyUpTo(tip);
    return undefined;
  } catch (error) {
    const isGap = error instanceof LogGapError;
    if (!isGap && !(error instanceof LogTurnError)) throw error;
    await replica.applyUpTo(tip);
    return isGap ? 'log_incomplete' : undefined;
  }
}

/**
 * No tip. With no log either, this is the first start, and whatever is in the inbox is new. A log without a tip has
 * been tampered with: which inputs it has seen nobody can say, so none of them is applied again.
 */
async function start(options: RecoverOptions): Promise<Recovered> {
  const { client, keys, signal } = options;
  const market = new Market(options.market);
  const tampered = (await retryReads(() => client.exists(keys.log), signal)) > 0;
  if (!tampered) return openEpoch(options, market, INBOX_START, 'start', 'nothing');
  const [last] = await retryReads(() => client.xrevrange(keys.inbox, '+', '-', 'COUNT', 1), signal);
  return openEpoch(options, market, last?.[0] ?? INBOX_START, 'tip_lost', 'nothing');
}

/**
 * The market that goes on under these options. Up to here it went by those that its state was made with, as the log
 * did: with others a replay would give other events than clients have been told.
 */
export function withOptions(market: Market, options: MarketOptions): Market {
  return market.logicVersion === logicVersionOf(options) ? market : Market.restore(market.snapshot(), options);
}

function newestReadable(snapshots: readonly StoredSnapshot[], tip: Tip): Base | undefined {
  for (const at of snapshots) {
    if (at.cursor.epoch !== tip.epoch || at.cursor.offset > tip.offset) continue;
    try {
      const market = Market.restore(at.state);
      // Outputs are comparable within one logic version only.
      const isComparable = at.logicVersion === market.logicVersion && tip.logicVersion === market.logicVersion;
      return { from: 'snapshot', at, market, isComparable };
    } catch {
      // An unreadable one: the older may do.
    }
  }
  return undefined;
}

/**
 * No snapshot: as long as no input has been let go of, the state is what all of them give. The log is what all of them
 * gave if its epoch began with the first one; another began from a state that may have seen more, or less.
 */
async function beginning({ client, keys, signal, market: options }: RecoverOptions, tip: Tip): Promise<Base> {
  const market = new Market(options);
  const id = `${tip.epoch}-0`;
  const [opening] = await retryReads(() => client.xrange(keys.log, id, id), signal);
  const begun = opening?.[1][1]?.includes('"reason":"start"') === true;
  return {
    from: 'inbox',
    at: { cursor: { epoch: tip.epoch, offset: 0 }, inboxId: INBOX_START },
    market,
    isComparable: begun && tip.logicVersion === market.logicVersion,
    ...(begun ? {} : { doubt: 'snapshot_unreadable' }),
  };
}

async function openEpoch(
  { writer }: RecoverOptions,
  market: Market,
  inboxId: string,
  reason: string,
  from: Recovered['from'],
  replica?: Replica,
): Promise<Recovered> {
  await writer.openEpoch(reason, inboxId, market.snapshot());
  return recovered(market, inboxId, reason, from, replica);
}

function recovered(
  market: Market,
  inboxId: string,
  newEpoch: string | undefined,
  from: Recovered['from'],
  replica?: Replica,
): Recovered {
  const { appliedInputs = 0, comparedEvents = 0 } = replica ?? {};
  return { market, inboxId, newEpoch, from, replayedInputs: appliedInputs, comparedEvents };
}
