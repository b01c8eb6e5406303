import { Cluster, type Redis } from 'ioredis';
import { connectOnce, leave } from './connect-once.ts';
import { StartError } from './errors.ts';

const KEYS = 'depthcast:*';
const SCAN_COUNT = 1_000;
/** What holds the log for a journal (libs/log, keys.ts). */
const WATERMARK_KEY = 'depthcast:{0}:watermark';

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

/** Whether a journal holds the log: nothing that it has not stored is trimmed. */
export function hasWatermark(url: string): Promise<boolean> {
  return withClient(url, async (client) => (await client.exists(WATERMARK_KEY)) === 1);
}

/** Lets the engine trim the log again by itself. */
export async function releaseLog(url: string): Promise<void> {
  await withClient(url, (client) => client.del(WATERMARK_KEY));
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
