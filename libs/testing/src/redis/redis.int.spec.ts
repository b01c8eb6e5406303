import { existsSync } from 'node:fs';
import { afterEach, describe, expect, it } from '@jest/globals';
import { until } from '../until.ts';
import { startRedis, type TestRedis } from './redis.ts';
import { startRedisCluster } from './redis-cluster.ts';

const runIdOf = (info: string) => /run_id:(\w+)/.exec(info)?.[1];

describe('startRedis', () => {
  let redis: TestRedis;
  afterEach(() => redis.stop());

  it('gives a real server that never evicts, and leaves nothing behind', async () => {
    redis = await startRedis();
    const client = redis.client();
    expect(await client.ping()).toBe('PONG');
    expect(await client.config('GET', 'maxmemory-policy')).toEqual(['maxmemory-policy', 'noeviction']);
    await redis.stop();
    expect(existsSync(redis.dir)).toBe(false);
    expect(redis.pid).toBeUndefined();
  });

  it('comes back from SIGKILL on its port with what was synced', async () => {
    redis = await startRedis({ appendonly: true, config: ['--appendfsync', 'always'] });
    const client = redis.client();
    await client.set('kept', '1');
    const { port } = redis;
    const runId = await client.info('server').then(runIdOf);
    await redis.kill();
    await redis.restart();
    expect(redis.port).toBe(port);
    expect(await until(() => client.get('kept'))).toBe('1');
    expect(runIdOf(await client.info('server'))).not.toBe(runId);
  });

  it('forgets everything when it is killed without append-only files', async () => {
    redis = await startRedis();
    await redis.client().set('lost', '1');
    await redis.kill();
    await redis.restart();
    expect(await redis.client().get('lost')).toBeNull();
  });

  it('answers nothing while paused, and everything after', async () => {
    redis = await startRedis();
    const client = redis.client();
    await client.ping();
    await redis.pause();
    let answered = false;
    const ping = client.ping().then(() => {
      answered = true;
    });
    await new Promise((resolve) => setTimeout(resolve, 150));
    expect(answered).toBe(false);
    await redis.resume();
    await ping;
  });
});

describe('startRedisCluster', () => {
  it('serves every slot', async () => {
    const cluster = await startRedisCluster();
    try {
      const client = cluster.client();
      const keys = Array.from({ length: 50 }, (_, i) => `key:${i}`);
      await Promise.all(keys.map((key) => client.set(key, key)));
      expect(await Promise.all(keys.map((key) => client.get(key)))).toEqual(keys);
      const counts = await Promise.all(cluster.nodes.map((node) => node.client().dbsize()));
      expect(counts.every((count) => count > 0)).toBe(true);
      expect(cluster.url).toMatch(/^redis\+cluster:\/\/(127\.0\.0\.1:\d+,?){3}$/);
    } finally {
      await cluster.stop();
    }
  });
});
