import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { freePort } from '@depthcast/start';
import type { Children } from '../children.ts';

const POLL_MS = 100;
/** A little of the beginning is the process starting, and compiling itself. */
const WARM_SHARE = 0.1;

export interface RunningJournal {
  readonly pid: number;
  readonly url: string;
  /** Ends it, and deletes its file. */
  end(): Promise<void>;
}

/** The built journal app on a Redis, with a DuckDB file of its own unless `env` says otherwise. */
export async function runJournal(
  children: Children,
  redisUrl: string,
  env: Readonly<Record<string, string>> = {},
): Promise<RunningJournal> {
  const folder = mkdtempSync(join(tmpdir(), 'depthcast-bench-journal-'));
  const remove = () => rmSync(folder, { recursive: true, force: true });
  process.once('exit', remove);
  const addr = `127.0.0.1:${await freePort()}`;
  const url = `http://${addr}`;
  const { pid } = await children.app('journal', {
    args: ['--addr', addr],
    env: { REDIS_URL: redisUrl, JOURNAL_FILE: join(folder, 'journal.duckdb'), ...env },
    readyUrl: `${url}/ready`,
  });
  const end = async () => {
    await endProcess(pid);
    remove();
    process.removeListener('exit', remove);
  };
  return { pid, url, end };
}

/** SIGTERM, and until it is gone. */
export async function endProcess(pid: number): Promise<void> {
  try {
    process.kill(pid, 'SIGTERM');
    for (;;) {
      process.kill(pid, 0);
      await sleep(10);
    }
  } catch {
    // It is no more.
  }
}

/** Events that a journal has stored since it was started. */
export async function storedBy({ url }: RunningJournal): Promise<number> {
  const text = await (await fetch(`${url}/metrics`)).text();
  return Number(/^depthcast_journal_committed_events_total\S* (\d+)/m.exec(text)?.[1] ?? 0);
}

/** Resolves when so many are stored; to the rate after the beginning, events/s. */
export async function drainRate(journal: RunningJournal, events: number): Promise<number> {
  let began: { readonly atMs: number; readonly stored: number } | undefined;
  for (;;) {
    const stored = await storedBy(journal);
    const atMs = performance.now();
    if (!began && stored >= events * WARM_SHARE) began = { atMs, stored };
    if (stored >= events && began) return ((stored - began.stored) / (atMs - began.atMs)) * 1_000;
    await sleep(POLL_MS);
  }
}
