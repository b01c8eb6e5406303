import { setTimeout as sleep } from 'node:timers/promises';
import { startRedis, type TestRedis, until } from '@depthcast/testing';
import { afterAll, beforeAll, expect, it } from '@jest/globals';
import { connectRedis, isReplyError, type RedisClient } from './connect.ts';
import { InboxReader } from './inbox-reader.ts';
import { partitionKeys } from './keys.ts';
import { LogReader } from './reader.ts';

const KEYS = 3_000;
const CLIENTS = 10;

let redis: TestRedis;
const clients: RedisClient[] = [];

beforeAll(async () => {
  // Loading them takes some 3 s, in which Redis answers whoever asks how far it is.
  const slowly = ['--key-load-delay', '1000', '--loading-process-events-interval-bytes', '1024'];
  redis = await startRedis({ appendonly: true, config: slowly });
  const client = redis.client();
  const filling = client.pipeline();
  for (let i = 0; i < KEYS; i++) filling.set(`key:${i}`, 'x'.repeat(100));
  await filling.exec();
  await client.bgrewriteaof();
  await until(
    async () => (await client.info('persistence')).includes('aof_rewrite_in_progress:0'),
    10_000,
    'a rewrite',
  );
});
afterAll(async () => {
  for (const client of clients) client.disconnect();
  await redis.stop();
});

it('a Redis that loads its data is had again once it has loaded, whenever in the loading it was found', async () => {
  const raw = redis.client({ enableReadyCheck: false, retryStrategy: () => 20 });
  const answer = () => raw.get('key:0').catch((error) => isReplyError(error) && error.message);
  const isLoading = async () => /^LOADING/.test(String(await answer()));
  await redis.kill();
  const restarted = redis.restart();
  await until(isLoading, 10_000, 'a Redis that loads');
  const answeredMs: Promise<number>[] = [];
  for (let i = 0; i < CLIENTS; i++) {
    const client = connectRedis(redis.url);
    clients.push(client);
    answeredMs.push(client.get('key:0').then(() => performance.now()));
    await sleep(100);
  }
  expect(await isLoading()).toBe(true);
  await until(async () => !(await isLoading()), 10_000, 'a Redis that has loaded');
  const loadedMs = performance.now();
  const latestMs = Math.max(...(await Promise.all(answeredMs)));
  expect(latestMs - loadedMs).toBeLessThan(500);
  await restarted;
}, 30_000);

it('a read that waits for Redis to come back ends when its reader is closed, whatever its connection is doing', async () => {
  const keys = partitionKeys();
  const client = connectRedis(redis.url);
  clients.push(client);
  await client.ping();
  const abort = new AbortController();
  const reader = new InboxReader(client, keys);
  const reading = reader.read('0-0', 1, abort.signal).catch((error: Error) => error.message);
  const following = new LogReader(client, keys).follow({ epoch: 1, offset: 0 }, { signal: abort.signal }).next();
  await sleep(100);
  await redis.kill();
  // By now both wait for most of a second between two tries.
  await sleep(2_000);
  reader.close();
  expect(await reading).toBe('this reader has been closed');
  abort.abort();
  expect(await following).toMatchObject({ done: true });
});
