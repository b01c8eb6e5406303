import { Cluster, Redis } from 'ioredis';

const ANSWER_TIMEOUT_MS = 2_000;

/**
 * A client that tries once: `await client.connect()` tells. `redis://`, `rediss://`, `redis+cluster://h:p,h:p`.
 */
export function connectOnce(url: string): Redis | Cluster {
  const once = { lazyConnect: true, maxRetriesPerRequest: 0, connectTimeout: ANSWER_TIMEOUT_MS };
  if (!url.startsWith('redis+cluster://')) return new Redis(url, { ...once, retryStrategy: () => null });
  const { username, password, rest } =
    /^redis\+cluster:\/\/(?:(?<username>[^:@]*):(?<password>[^@]*)@)?(?<rest>[^/]+)/.exec(url)?.groups ?? {};
  const nodes = (rest ?? '').split(',').map((node) => new URL(`redis://${node}`));
  return new Cluster(
    nodes.map((node) => ({ host: node.hostname, port: Number(node.port) })),
    {
      lazyConnect: true,
      clusterRetryStrategy: () => null,
      redisOptions: {
        connectTimeout: ANSWER_TIMEOUT_MS,
        ...(username ? { username: decodeURIComponent(username) } : {}),
        ...(password ? { password: decodeURIComponent(password) } : {}),
      },
    },
  );
}

/** Disconnects, unless that has happened: a second time leaves ioredis a timer that holds the process for 2 s. */
export function leave(client: Redis | Cluster): void {
  if (client.status !== 'end') client.disconnect();
}
