import { mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Redis } from 'ioredis';
import { connectOnce, leave } from './connect-once.ts';
import { StartError } from './errors.ts';

const OWNER_FILE = 'owner.json';
const SHUTDOWN_TIMEOUT_MS = 30_000;
/** How long another start may take to fill the owner file that it has just made. */
const FILL_TIMEOUT_MS = 500;

/** Which `npm start` runs which Redis over a state folder. */
interface Owner {
  readonly pid: number;
  /** When that process began, since pids come again; '' where the system does not tell. */
  readonly began: string;
  /** Its Redis; absent until that has come up. */
  readonly redis?: { readonly port: number; readonly runId: string };
}

/**
 * Makes the state folder this process's, before any Redis runs there: two servers that append to the same files would
 * destroy them. A Redis left by a start that was killed is shut down first.
 *
 * @throws StartError `STATE_IN_USE` when another start runs on it.
 */
export async function claimState(dir: string, fresh: boolean): Promise<void> {
  mkdirSync(dir, { recursive: true });
  while (!tryToOwn(dir)) {
    const { text, owner } = await readOwner(dir);
    if (owner && isAlive(owner)) {
      const file = join(dir, OWNER_FILE);
      throw new StartError(
        'STATE_IN_USE',
        `${dir} is in use by another start (pid ${owner.pid}): stop that one first, or delete ${file} if it is none`,
      );
    }
    if (owner?.redis && (await runIdAt(owner.redis.port)) === owner.redis.runId) await shutDown(owner.redis);
    // Unless another start was quicker, and it is that one's by now.
    if (readText(dir) === text) forgetOwner(dir);
  }
  if (!fresh) return;
  for (const name of readdirSync(dir)) {
    if (name !== OWNER_FILE) rmSync(join(dir, name), { recursive: true, force: true });
  }
}

/** Remembers that the Redis on this port is ours; again after each of its restarts. */
export async function recordOwner(dir: string, port: number): Promise<void> {
  const runId = (await runIdAt(port)) ?? '';
  const temporary = join(dir, `${OWNER_FILE}.${process.pid}`);
  writeFileSync(temporary, JSON.stringify({ ...thisProcess(), redis: { port, runId } }));
  // In one step: nobody may find it half written.
  renameSync(temporary, join(dir, OWNER_FILE));
}

export function forgetOwner(dir: string): void {
  rmSync(join(dir, OWNER_FILE), { force: true });
}

async function runIdAt(port: number): Promise<string | undefined> {
  const redis = connectOnce(`redis://127.0.0.1:${port}`) as Redis;
  redis.on('error', () => {});
  try {
    await redis.connect();
    return /run_id:(\w+)/.exec(await redis.info('server'))?.[1];
  } catch {
    return undefined;
  } finally {
    leave(redis);
  }
}

async function shutDown({ port, runId }: NonNullable<Owner['redis']>): Promise<void> {
  const redis = connectOnce(`redis://127.0.0.1:${port}`) as Redis;
  redis.on('error', () => {});
  await redis.connect();
  // It closes the connection instead of answering.
  await redis.call('SHUTDOWN').catch(() => {});
  leave(redis);
  const deadline = Date.now() + SHUTDOWN_TIMEOUT_MS;
  while ((await runIdAt(port)) === runId) {
    if (Date.now() > deadline) {
      throw new StartError('STATE_IN_USE', `a Redis left by an earlier start on port ${port} does not stop`);
    }
    await sleep(50);
  }
}

/** False when there is an owner file already. */
function tryToOwn(dir: string): boolean {
  try {
    writeFileSync(join(dir, OWNER_FILE), JSON.stringify(thisProcess()), { flag: 'wx' });
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
    return false;
  }
}

/** No owner: there is no file, or one that a crash of the machine has left unreadable. */
async function readOwner(dir: string): Promise<{ text: string | undefined; owner: Owner | undefined }> {
  const deadline = Date.now() + FILL_TIMEOUT_MS;
  for (;;) {
    const text = readText(dir);
    if (text === undefined) return { text, owner: undefined };
    try {
      return { text, owner: JSON.parse(text) as Owner };
    } catch {
      if (Date.now() > deadline) return { text, owner: undefined };
    }
    await sleep(20);
  }
}

function readText(dir: string): string | undefined {
  try {
    return readFileSync(join(dir, OWNER_FILE), 'utf8');
  } catch {
    return undefined;
  }
}

function thisProcess(): Owner {
  return { pid: process.pid, began: beganAt(process.pid) };
}

function isAlive({ pid, began }: Owner): boolean {
  try {
    process.kill(pid, 0);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EPERM') return false;
  }
  const now = beganAt(pid);
  return now === began || now === '' || began === '';
}

/** Linux: the clock ticks since boot at which the process began, field 22 of proc(5)'s stat. */
function beganAt(pid: number): string {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    // The second field is a name in parentheses, with any characters.
    return stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19] ?? '';
  } catch {
    return '';
  }
}
