import { DepthcastError } from '@depthcast/protocol';
import { Cluster } from 'ioredis';
import { type RedisClient, retryReads } from './connect.ts';
import { CLUSTER_KEY } from './keys.ts';

/** Version of the keys' layout and of the entries' form. */
export const FORMAT_VERSION = 1;

export interface CheckOptions {
  readonly partitions?: number;
  /** Ends the wait. */
  readonly signal?: AbortSignal;
}

/**
 * Waits for Redis, then checks that it will not evict our keys and that it was set up for the same partition count
 * and format as this app. The first start writes them.
 *
 * @throws DepthcastError `REDIS_UNSAFE` or `CLUSTER_MISMATCH`, naming both sides.
 */
export async function checkRedis(client: RedisClient, options: CheckOptions = {}): Promise<void> {
  const { partitions = 1, signal } = options;
  const nodes = client instanceof Cluster ? await masters(client, signal) : [client];
  for (const node of nodes) {
    const policy = /maxmemory_policy:(\S+)/.exec(await retryReads(() => node.info('memory'), signal))?.[1];
    if (policy !== undefined && policy !== 'noeviction') {
      throw new DepthcastError(
        'REDIS_UNSAFE',
        `Redis has maxmemory-policy ${policy}; it must be noeviction, or entries vanish`,
      );
    }
  }
  const ours = { partitions: String(partitions), format: String(FORMAT_VERSION) };
  for (const [field, value] of Object.entries(ours)) {
    await retryReads(() => client.hsetnx(CLUSTER_KEY, field, value), signal);
    const theirs = await retryReads(() => client.hget(CLUSTER_KEY, field), signal);
    if (theirs !== value) {
      throw new DepthcastError(
        'CLUSTER_MISMATCH',
        `this app has ${field} ${value}, Redis was set up with ${field} ${theirs}`,
      );
    }
  }
}

async function masters(cluster: Cluster, signal?: AbortSignal) {
  await retryReads(() => cluster.exists(CLUSTER_KEY), signal);
  return cluster.nodes('master');
}
