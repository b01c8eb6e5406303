import {
  startRedis,
  startRedisCluster,
  startRedisPair,
  startRedisSentinel,
  TcpProxy,
  type TestRedis,
  type TestRedisCluster,
  type TestRedisPair,
  type TestRedisSentinel,
} from '@depthcast/testing';

export interface RedisOptions {
  readonly appendonly?: boolean;
  /** Puts a proxy between the apps and Redis. */
  readonly proxied?: boolean;
  /** A master with a replica, and one address for both. */
  readonly replicated?: boolean;
  /** A master with a replica, and three sentinels. */
  readonly sentinel?: boolean;
  /** A Redis Cluster of three masters, each with a replica. */
  readonly cluster?: boolean;
  /** More options of redis-server; of a single server alone. */
  readonly redis?: readonly string[];
}

/** The Redis under a stack, in one of its shapes. */
export interface RedisSetup {
  /** What the apps are told. */
  readonly url: string;
  /** What the test itself goes by: past a proxy, but not past a failover. */
  readonly ownUrl: string;
  /** The server; the first one where there are several. */
  readonly redis: TestRedis;
  readonly proxy?: TcpProxy;
  readonly pair?: TestRedisPair;
  readonly sentinel?: TestRedisSentinel;
  readonly cluster?: TestRedisCluster;
  stop(): Promise<void>;
}

export async function startRedisSetup(options: RedisOptions): Promise<RedisSetup> {
  const { appendonly = false } = options;
  if (options.sentinel) {
    const sentinel = await startRedisSentinel({ appendonly });
    return { ...alike(sentinel.url), redis: sentinel.servers[0] as TestRedis, sentinel, stop: () => sentinel.stop() };
  }
  if (options.cluster) {
    const cluster = await startRedisCluster(3, { replicas: 1, appendonly });
    return { ...alike(cluster.url), redis: cluster.nodes[0] as TestRedis, cluster, stop: () => cluster.stop() };
  }
  if (options.replicated) {
    const pair = await startRedisPair({ appendonly });
    return { ...alike(pair.url), redis: pair.master, pair, stop: () => pair.stop() };
  }
  const redis = await startRedis({ appendonly, config: options.redis ?? [] });
  if (!options.proxied) return { ...alike(redis.url), redis, stop: () => redis.stop() };
  const proxy = await TcpProxy.start(redis);
  const stop = async () => {
    await proxy.close();
    await redis.stop();
  };
  return { url: proxy.url, ownUrl: redis.url, redis, proxy, stop };
}

function alike(url: string) {
  return { url, ownUrl: url };
}
