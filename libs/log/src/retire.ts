import { BEGINNING, type Cursor, formatCursor, parseCursor, tryParseCursor } from '@depthcast/protocol';
import type { RedisClient } from './connect.ts';
import type { PartitionKeys } from './keys.ts';
import { runScript } from './script.ts';
import { retire } from './scripts/retire.lua.ts';

/** What a journal that has stored nothing yet calls durable. */

export interface Retired {
  /** Entries that went. */
  readonly trimmed: number;
  /** As it stands now: perhaps further on than what this call said, if another one was faster. */
  readonly watermark: Cursor;
}

/**
 * The journal's side of trimming: everything up to `durable` is stored for good and may go, but for the newest
 * `entriesMin` of the log and what a recovery needs; from now on nobody trims what comes after it. Undefined: nothing
 * is stored yet. Works while Redis is out of memory. To be called again after any doubt: twice is as good as once.
 */
export async function retireLog(
  client: RedisClient,
  keys: PartitionKeys,
  durable: Cursor | undefined,
  entriesMin: number,
): Promise<Retired> {
  const keyList = [keys.log, keys.tip, keys.snapshot, keys.watermark];
  const args = [formatCursor(durable ?? BEGINNING), Math.max(0, Math.floor(entriesMin))];
  const [, trimmed, watermark] = (await runScript(client, retire, keyList, args)) as [string, number, string];
  return { trimmed, watermark: parseCursor(watermark) };
}

/** The journal's last durable cursor, `0-0` before its first; `undefined` where no journal has been in service. */
export async function readWatermark(client: RedisClient, keys: PartitionKeys): Promise<Cursor | undefined> {
  return tryParseCursor((await client.get(keys.watermark)) ?? '');
}
