import { LogReader, partitionKeys, type RedisClient } from '@depthcast/log';
import type { Children } from '../children.ts';
import { InboxFiller, progress } from '../engine/inbox.ts';
import { runEngine, untilInputs } from '../engine/run-engine.ts';
import { endProcess } from './run-journal.ts';

const CHUNK_INPUTS = 100_000;
const PAGE = 5_000;
const keys = partitionKeys();
/** The log is not to be trimmed before it is stored. */
export const UNTRIMMED = { LOG_BYTES_MAX: '68719476736' };

/** An engine's events of order flow, in a log that is whole from its first entry on. Resolves to their number. */
export async function fillLog(
  children: Children,
  client: RedisClient,
  redisUrl: string,
  inputs: number,
): Promise<number> {
  const { pid } = await runEngine(children, redisUrl, UNTRIMMED);
  const filler = new InboxFiller(client);
  while (filler.count < inputs) await filler.fill(CHUNK_INPUTS);
  await untilInputs(client, filler.count);
  await endProcess(pid);
  const { events } = await progress(client);
  return events + 1;
}

/** One entry as a row of a table, as its reference writes it. */
export interface BareRow {
  readonly epoch: number;
  readonly offset: number;
  readonly type: string;
  readonly symbol: string | null;
  readonly account: string | null;
  readonly payload: string;
}

/** The first `count` entries of the log. */
export async function bareRows(client: RedisClient, count: number): Promise<BareRow[]> {
  const reader = new LogReader(client, keys);
  const rows: BareRow[] = [];
  let after: { epoch: number; offset: number } | undefined;
  while (rows.length < count) {
    const entries = await reader.range(after, PAGE);
    if (entries.length === 0) break;
    for (const { epoch, offset, topic, payload } of entries) {
      const [type = '', symbol = null, account = null] = topic.split(':');
      rows.push({ epoch, offset, type, symbol, account, payload: payload.toString() });
      after = { epoch, offset };
    }
  }
  return rows.slice(0, count);
}
