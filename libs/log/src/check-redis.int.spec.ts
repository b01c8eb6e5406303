import { startRedis, type TestRedis } from '@depthcast/testing';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { checkRedis } from './check-redis.ts';
import { connectRedis, type RedisClient } from './connect.ts';
import { CLUSTER_KEY } from './keys.ts';

let redis: TestRedis;
let client: RedisClient;

beforeAll(async () => {
  redis = await startRedis();
  client = connectRedis(redis.url);
});
afterAll(async () => {
  client.disconnect();
  await redis.stop();
});
beforeEach(async () => {
  await client.flushall();
  await client.config('SET', 'maxmemory-policy', 'noeviction');
});

describe('the check at start', () => {
  it('writes what this Redis is for, and accepts it from then on', async () => {
    await checkRedis(client);
    await checkRedis(client);
    expect(await client.hgetall(CLUSTER_KEY)).toEqual({ partitions: '1', format: '1' });
  });

  it('names both sides when Redis was set up otherwise', async () => {
    await client.hset(CLUSTER_KEY, 'partitions', '4');
    await expect(checkRedis(client)).rejects.toMatchObject({
      code: 'CLUSTER_MISMATCH',
      message: 'this app has partitions 1, Redis was set up with partitions 4',
    });
  });

  it('refuses a Redis that may evict', async () => {
    await client.config('SET', 'maxmemory-policy', 'allkeys-lru');
    await expect(checkRedis(client)).rejects.toMatchObject({ code: 'REDIS_UNSAFE' });
  });
});
