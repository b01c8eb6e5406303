import { Cluster, Redis } from 'ioredis';
import { isClusterUrl, isSentinelUrl, splitNodes } from './redis-url.ts';

const ANSWER_TIMEOUT_MS = 2_000;

/**
 * A client that tries once: `await client.connect()` tells. `redis://`, `rediss://`, `redis+cluster://h:p,h:p`,
 * `redis+sentinel://h:p,h:p/name`.
 */
export function connectOnce(url: string): Redis | Cluster {
  const once = {
    lazyConnect: true,
    maxRetriesPerRequest: 0,
    connectTimeout: ANSWER_TIMEOUT_MS,
    retryStrategy: () => null,
  };
  if (!isClusterUrl(url) && !isSentinelUrl(url)) return new Redis(url, once);
  const { nodes, username, password, name, params } = splitNodes(url);
  const login = { ...(username ? { username } : {}), ...(password ? { password } : {}) };
  if (isClusterUrl(url)) {
    return new Cluster(nodes, {
      lazyConnect: true,
      clusterRetryStrategy: () => null,
      redisOptions: { connectTimeout: ANSWER_TIMEOUT_MS, ...login },
    });
  }
  return new Redis({
    ...once,
    ...login,
    sentinels: nodes,
    name,
    db: Number(params.get('db') ?? 0),
    sentinelUsername: params.get('sentinelUsername') ?? undefined,
    sentinelPassword: params.get('sentinelPassword') ?? undefined,
    sentinelCommandTimeout: ANSWER_TIMEOUT_MS,
    sentinelRetryStrategy: () => null,
  });
}

/** Disconnects, unless that has happened: a second time leaves ioredis a timer that holds the process for 2 s. */
export function leave(client: Redis | Cluster): void {
  if (client.status !== 'end') client.disconnect();
}
