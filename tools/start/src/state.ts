import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Redis } from 'ioredis';
import { connectOnce, leave } from './connect-once.ts';
import { StartError } from './errors.ts';

const OWNER_FILE = 'owner.json';
const SHUTDOWN_TIMEOUT_MS = 30_000;

/** Which `npm start` runs which Redis over a state folder. */
interface Owner {
  readonly pid: number;
  readonly port: number;
  readonly runId: string;
}

/**
 * Makes the state folder this process's: two servers that append to the same files would destroy them. A Redis left
 * by a start that was killed is shut down first.
 *
 * @throws StartError `STATE_IN_USE` when another start runs on it.
 */
export async function claimState(dir: string, fresh: boolean): Promise<void> {
  const owner = readOwner(dir);
  if (owner && (await runIdAt(owner.port)) === owner.runId) {
    if (isAlive(owner.pid)) {
      throw new StartError('STATE_IN_USE', `${dir} is in use by another start (pid ${owner.pid}): stop that one first`);
    }
    await shutDown(owner);
  }
  if (fresh) rmSync(dir, { recursive: true, force: true });
  mkdirSync(dir, { recursive: true });
}

/** Remembers that the Redis on this port is ours; again after each of its restarts. */
export async function recordOwner(dir: string, port: number): Promise<void> {
  const owner: Owner = { pid: process.pid, port, runId: (await runIdAt(port)) ?? '' };
  writeFileSync(join(dir, OWNER_FILE), JSON.stringify(owner));
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

async function shutDown(owner: Owner): Promise<void> {
  const redis = connectOnce(`redis://127.0.0.1:${owner.port}`) as Redis;
  redis.on('error', () => {});
  await redis.connect();
  // It closes the connection instead of answering.
  await redis.call('SHUTDOWN').catch(() => {});
  leave(redis);
  const deadline = Date.now() + SHUTDOWN_TIMEOUT_MS;
  while ((await runIdAt(owner.port)) === owner.runId) {
    if (Date.now() > deadline) {
      throw new StartError('STATE_IN_USE', `a Redis left by an earlier start on port ${owner.port} does not stop`);
    }
    await sleep(50);
  }
}

function readOwner(dir: string): Owner | undefined {
  const file = join(dir, OWNER_FILE);
  if (!existsSync(file)) return undefined;
  try {
    return JSON.parse(readFileSync(file, 'utf8')) as Owner;
  } catch {
    return undefined;
  }
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}
