import { existsSync } from 'node:fs';
import { afterEach, describe, expect, it } from '@jest/globals';
import { until } from '../until.ts';
import { startRedis, type TestRedis } from './redis.ts';
import { startRedisCluster } from './redis-cluster.ts';
import { startRedisSentinel } from './redis-sentinel.ts';

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

  it('goes on with a replica when the master of a key is killed', async () => {
    const cluster = await startRedisCluster(3, { replicas: 1 });
    try {
      const client = cluster.client();
      await client.set('kept', '1');
      const master = await cluster.masterOf('kept');
      await until(async () => (await master.client().call('WAIT', 1, 100)) === 1);
      await master.kill();
      const successor = await until(async () => {
        const now = await cluster.masterOf('kept');
        return now !== master && now;
      }, 20_000);
      expect(cluster.nodes.indexOf(successor)).toBeGreaterThanOrEqual(3);
      expect(await until(() => client.get('kept'), 10_000)).toBe('1');
    } finally {
      await cluster.stop();
    }
  }, 60_000);
});

describe('startRedisSentinel', () => {
  it('replaces a master that is killed, and leaves nothing behind', async () => {
    const set = await startRedisSentinel({ replicas: 2 });
    try {
      const master = await set.master();
      expect(master).toBe(set.servers[0]);
      await master.client().set('kept', '1');
      await until(async () => (await master.client().call('WAIT', 2, 100)) === 2);
      await master.kill();
      const successor = await set.successorOf(master);
      expect(await successor.client().get('kept')).toBe('1');
      expect(await successor.client().set('new', '1')).toBe('OK');
      expect(set.url).toMatch(/^redis\+sentinel:\/\/(127\.0\.0\.1:\d+,?){3}\/depthcast$/);
    } finally {
      await set.stop();
    }
    expect([...set.servers, ...set.sentinels].some(({ dir }) => existsSync(dir))).toBe(false);
  }, 60_000);
});
