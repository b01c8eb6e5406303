import type { Cursor } from '@depthcast/protocol';
import type { RedisClient } from './connect.ts';
import type { PartitionKeys } from './keys.ts';

/** Where a partition's log ends and who may append to it, as of the last append. */
export interface Tip {
  readonly epoch: number;
  /** How many epochs came before this one. */
  readonly ordinal: number;
  readonly offset: number;
  /** The inbox id of the last input whose events are in the log. */
  readonly inboxId: string;
  /** Rises with each takeover; an append of an older term is fenced. */
  readonly term: number;
  /** The process that may append. */
  readonly writer: string;
  /** INFO run_id of the Redis process that holds this timeline. */
  readonly runId: string;
  /** CRC32 chained over topics and payloads since the epoch event. */
  readonly crc: number;
  readonly logicVersion: string;
}

/** `undefined` where nothing has been written yet. */
export async function readTip(client: RedisClient, keys: PartitionKeys): Promise<Tip | undefined> {
  return tipOf(await client.hgetall(keys.tip));
}

export function tipOf(hash: Record<string, string>): Tip | undefined {
  if (hash.epoch === undefined) return undefined;
  return {
    epoch: Number(hash.epoch),
    ordinal: Number(hash.ordinal),
    offset: Number(hash.offset),
    inboxId: hash.inboxId ?? '0-0',
    term: Number(hash.term),
    writer: hash.writer ?? '',
    runId: hash.runId ?? '',
    crc: Number(hash.crc),
    logicVersion: hash.logicVersion ?? '',
  };
}

export function cursorOf(tip: Tip): Cursor {
  return { epoch: tip.epoch, offset: tip.offset };
}

export function pairs(flat: readonly unknown[]): Record<string, string> {
  const hash: Record<string, string> = {};
  for (let i = 0; i + 1 < flat.length; i += 2) hash[String(flat[i])] = String(flat[i + 1]);
  return hash;
}
