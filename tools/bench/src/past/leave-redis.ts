import { setTimeout as sleep } from 'node:timers/promises';
import { LogReader, partitionKeys, type RedisClient } from '@depthcast/log';
import { type Cursor, formatCursor } from '@depthcast/protocol';
import type { RunningJournal } from '../journal/run-journal.ts';

/** What stays: nobody who is behind finds anything in it. */
const ENTRIES_KEPT = 2_000;
const POLL_MS = 100;
const WAIT_MS_MAX = 60_000;

/**
 * Waits until the journal has stored all of a log that nobody writes to, and takes it out of Redis but for its end. A
 * journal alone does so as far as an engine's snapshots allow, and these logs have few or none.
 *
 * @throws Error when the journal does not get there within a minute, or Redis keeps the beginning.
 */
export async function leaveRedis(client: RedisClient, journal: RunningJournal, first: Cursor): Promise<void> {
  const keys = partitionKeys();
  const reader = new LogReader(client, keys);
  const tail = await reader.tail();
  if (!tail) throw new Error('the log is empty');
  const deadline = performance.now() + WAIT_MS_MAX;
  while ((await storedTail(journal)) !== formatCursor(tail)) {
    if (performance.now() > deadline) throw new Error(`the journal has not stored ${formatCursor(tail)}`);
    await sleep(POLL_MS);
  }
  await client.xtrim(keys.log, 'MAXLEN', ENTRIES_KEPT);
  const earliest = await reader.earliest();
  if (earliest?.epoch === first.epoch && earliest.offset <= first.offset) throw new Error('Redis has all of it still');
}

async function storedTail({ url }: RunningJournal): Promise<string | null> {
  const response = await fetch(`${url}/internal/timeline?partition=0`);
  return ((await response.json()) as { tail: string | null }).tail;
}

/** How many of a gateway's clients that came with a cursor were served from the journal first. */
export async function resumedFromJournal(gatewayPort: number): Promise<number> {
  const text = await (await fetch(`http://127.0.0.1:${gatewayPort}/metrics`)).text();
  return Number(/^depthcast_gateway_resumes_total\{[^}]*rung="journal"[^}]*\} (\d+)/m.exec(text)?.[1] ?? 0);
}
