import { Cluster, type Redis } from 'ioredis';
import { connectOnce, leave } from './connect-once.ts';
import { StartError } from './errors.ts';
import { keysOf } from './partitions.ts';
import { isClusterUrl } from './redis-url.ts';

const KEYS = 'depthcast:*';
const SCAN_COUNT = 1_000;
/** Says how many partitions there are (libs/log, keys.ts). */
const CLUSTER_KEY = 'depthcast:cluster';

/** Whether a Redis that is the user's own holds anything of ours. */
export async function hasKeys(url: string): Promise<boolean> {
  let found = false;
  await eachKeys(url, async (_, keys) => {
    found ||= keys.length > 0;
    return !found;
  });
  return found;
}

/** Deletes what is ours in a Redis that is the user's own, and nothing else. Resolves to the number of keys. */
export async function deleteKeys(url: string): Promise<number> {
  let deleted = 0;
  await eachKeys(url, async (redis, keys) => {
    // One at a time: on a cluster they belong to different slots.
    for (const key of keys) deleted += await redis.unlink(key);
    return true;
  });
  return deleted;
}

/** What holds the log for a journal: nothing that it has not stored is trimmed. The keys that are there. */
export function watermarks(url: string, partitions: number): Promise<string[]> {
  return withClient(url, async (client) => {
    const keys = keysOf('watermark', partitions);
    const held = await Promise.all(keys.map((key) => client.exists(key)));
    return keys.filter((_, i) => held[i] === 1);
  });
}

/** Lets the engines trim the logs again by themselves. */
export async function releaseLogs(url: string, partitions: number): Promise<void> {
  await withClient(url, (client) => Promise.all(keysOf('watermark', partitions).map((key) => client.del(key))));
}

/**
 * Makes sure that the log was begun with as many partitions: each app would end for itself.
 *
 * @throws StartError `CONFIG_INVALID` naming both counts.
 */
export async function requirePartitions(url: string, partitions: number): Promise<void> {
  const begun = await withClient(url, (client) => client.hget(CLUSTER_KEY, 'partitions')).catch((error) => {
    // The apps wait for a cluster that does not serve yet.
    if (isClusterUrl(url)) return null;
    throw error;
  });
  if (begun === null || begun === String(partitions)) return;
  throw new StartError(
    'CONFIG_INVALID',
    `PARTITIONS: got ${partitions}, but the log that is there was begun with ${begun}: go on with as many, or begin ` +
      'anew with --fresh',
  );
}

/** Pages through our keys on every master for as long as `use` says true. */
function eachKeys(url: string, use: (redis: Redis, keys: string[]) => Promise<boolean>): Promise<void> {
  return withClient(url, async (client) => {
    for (const redis of client instanceof Cluster ? client.nodes('master') : [client]) {
      let cursor = '0';
      do {
        const [next, keys] = await redis.scan(cursor, 'MATCH', KEYS, 'COUNT', SCAN_COUNT);
        if (!(await use(redis, keys))) return;
        cursor = next;
      } while (cursor !== '0');
    }
  });
}

/** @throws StartError `CONFIG_INVALID` when no Redis serves there. */
async function withClient<T>(url: string, use: (client: Redis | Cluster) => Promise<T>): Promise<T> {
  const client = connectOnce(url);
  client.on('error', () => {});
  try {
    await client.connect();
    return await use(client);
  } catch (error) {
    throw new StartError('CONFIG_INVALID', `REDIS_URL: no Redis serves there: ${(error as Error).message}`, {
      cause: error,
    });
  } finally {
    leave(client);
  }
}
