import { rmSync } from 'node:fs';
import { join } from 'node:path';
import type { Env } from './commands.ts';
import { StartError } from './errors.ts';
import { isSentinelUrl } from './redis-url.ts';

const FILE = 'journal.duckdb';

/**
 * Whether this start runs a journal: not with CACHE_ENABLED=false, and not beside one of the user's own.
 *
 * @throws StartError `CONFIG_INVALID` for a CACHE_ENABLED that is neither true nor false.
 */
export function runsJournal({ CACHE_ENABLED: enabled, JOURNAL_HTTP_URL: theirs }: Env): boolean {
  const text = enabled?.trim().toLowerCase() || 'true';
  if (['false', '0'].includes(text)) return false;
  if (!['true', '1'].includes(text)) {
    throw new StartError('CONFIG_INVALID', `CACHE_ENABLED: got ${JSON.stringify(enabled)}, takes true or false`);
  }
  return !theirs;
}

/**
 * Where the history of the log in a Redis of the user's own is kept: one folder for each Redis, since what one log
 * holds is never the beginning of another; and a recording's is never that of live data.
 */
export function folderForTheirs(root: string, redisUrl: string, replay: boolean): string {
  // URLs of several hosts URL refuses: the first is name enough, with that of the sentinels' master.
  const [address = '', query] = redisUrl
    .replace(/^[a-z+]*:\/\//i, '')
    .replace(/^.*@/, '')
    .replace(/,[^/?]*/, '')
    .split('?');
  const db = isSentinelUrl(redisUrl) ? (new URLSearchParams(query).get('db') ?? '0') : '0';
  const name = `${address.replace(/\/$/, '')}${db === '0' ? '' : `/${db}`}`.replaceAll(/[^\w.-]/g, '_');
  return join(root, '.depthcast', 'journal', replay ? `${name}-replay` : name);
}

/** Deletes the file that a journal keeps in this folder. */
export function deleteFile(folder: string): void {
  for (const name of [FILE, `${FILE}.wal`]) rmSync(join(folder, name), { force: true });
}

/** What the journal is told of where to store; what the user says of it comes first. */
export function journalEnv(folder: string, env: Env): Record<string, string> {
  return env.JOURNAL_DB_URL || env.JOURNAL_FILE ? {} : { JOURNAL_FILE: join(folder, FILE) };
}
