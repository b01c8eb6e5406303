import { setTimeout as sleep } from 'node:timers/promises';
import type { Cluster, Redis } from 'ioredis';
import { connectOnce, leave } from './connect-once.ts';
import { StartError } from './errors.ts';
import { keysOf } from './partitions.ts';
import { isClusterUrl, maskRedisUrl } from './redis-url.ts';

const ANSWER_TIMEOUT_MS = 2_000;
const RETRY_EVERY_MS = 500;
const COMPLAIN_EVERY_MS = 10_000;
/** Longer than the lease of an engine that was killed lives on. */
const LEASE_OUTLIVED_MS = 2_500;

/**
 * Waits until the Redis of REDIS_URL answers, saying at once and then now and then that it does not. A cluster is
 * taken as it is: one node that is away does not mean that it does not serve.
 *
 * @throws StartError `CONFIG_INVALID` when it answers that it does not know this user or password.
 */
export async function waitForRedis(
  url: string,
  say: (message: string) => void,
  signal: AbortSignal,
  complainEveryMs = COMPLAIN_EVERY_MS,
): Promise<void> {
  if (isClusterUrl(url)) return;
  let complainAtMs = 0;
  while (!signal.aborted) {
    try {
      await ask(url, (client) => client.ping());
      if (complainAtMs > 0) say('Redis answers');
      return;
    } catch (error) {
      const { code, message } = error as NodeJS.ErrnoException;
      if (/^(NOAUTH|WRONGPASS)\b/.test(message)) {
        throw new StartError('CONFIG_INVALID', `REDIS_URL: ${maskRedisUrl(url)} lets nobody in: ${message}`);
      }
      if (signal.aborted) return;
      if (Date.now() >= complainAtMs) {
        say(`Redis at ${maskRedisUrl(url)} does not answer (${code ?? message}): waiting for it`);
        complainAtMs = Date.now() + complainEveryMs;
      }
    }
    await sleep(RETRY_EVERY_MS, undefined, { signal }).catch(() => {});
  }
}

/**
 * Makes sure that no other Depthcast runs there: the engines would take turns, and two ingests would mix their data.
 *
 * @throws StartError `STATE_IN_USE` naming the engine that does.
 */
export async function requireNoEngine(url: string, signal: AbortSignal, partitions = 1): Promise<void> {
  if ((await leaderAt(url, partitions)) === undefined) return;
  await sleep(LEASE_OUTLIVED_MS, undefined, { signal }).catch(() => {});
  if (signal.aborted) return;
  const id = await leaderAt(url, partitions);
  if (id === undefined) return;
  throw new StartError(
    'STATE_IN_USE',
    `another Depthcast runs on this Redis (engine ${id}): stop it, or use another Redis; to add gateways, start them ` +
      'by themselves (README)',
  );
}

/** The id of an engine that appends to one of the partitions: what its lease says (libs/log, keys.ts). */
async function leaderAt(url: string, partitions: number): Promise<string | undefined> {
  const keys = keysOf('leader', partitions);
  try {
    const leaders = await ask(url, (client) => Promise.all(keys.map((key) => client.get(key))));
    return leaders.find((id) => id !== null) ?? undefined;
  } catch (error) {
    // The apps wait for a cluster that does not serve yet.
    if (isClusterUrl(url)) return undefined;
    throw error;
  }
}

/** One question on a connection of its own. Fails with what the connection said, not with ioredis' summary of it. */
async function ask<T>(url: string, question: (client: Redis | Cluster) => Promise<T>): Promise<T> {
  const client = connectOnce(url);
  let reason: Error | undefined;
  client.on('error', (error: Error) => {
    reason ??= error;
  });
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    const error = Object.assign(new Error('no answer'), { code: 'ETIMEDOUT' });
    timer = setTimeout(() => reject(error), ANSWER_TIMEOUT_MS);
  });
  const answer = client.connect().then(() => question(client));
  // When it is late, what becomes of it is of no interest any more.
  answer.catch(() => {});
  try {
    return await Promise.race([answer, late]);
  } catch (error) {
    throw reason ?? error;
  } finally {
    clearTimeout(timer);
    leave(client);
  }
}
