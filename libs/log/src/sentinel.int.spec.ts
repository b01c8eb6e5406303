import { once } from 'node:events';
import { startRedisSentinel, type TestRedisSentinel, until, within } from '@depthcast/testing';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import type { Redis } from 'ioredis';
import { checkRedis } from './check-redis.ts';
import { connectRedis, duplicateClient, isReplyError } from './connect.ts';
import { partitionKeys } from './keys.ts';
import { LogReader } from './reader.ts';
import { readTip } from './tip.ts';
import { LogWriter } from './writer.ts';

let set: TestRedisSentinel;
let client: Redis;

beforeEach(async () => {
  set = await startRedisSentinel({ replicas: 1 });
  client = connectRedis(set.url) as Redis;
}, 30_000);
afterEach(async () => {
  client.disconnect();
  await set.stop();
});

const runId = async (from: Redis) => /run_id:(\w+)/.exec(await from.info('server'))?.[1];

describe('behind sentinels', () => {
  it('a master that is killed is followed by its successor, for commands, duplicates and what the writer repairs', async () => {
    await checkRedis(client);
    const keys = partitionKeys();
    const options = { client, keys, writer: 'w', logicVersion: '1', state: () => '{}' };
    const repaired: number[] = [];
    const writer = new LogWriter({ ...options, onRepaired: ({ reappended }) => repaired.push(reappended) });
    await writer.claim();
    await writer.openEpoch('start', '0-0', '{}');
    const abort = new AbortController();
    const seen: string[] = [];
    const following = (async () => {
      const start = { epoch: writer.cursor.epoch, offset: 0 };
      for await (const batch of new LogReader(client, keys).follow(start, { signal: abort.signal })) {
        for (const { payload } of batch) seen.push(payload.toString());
      }
    })();
    const append = (n: number) => writer.append([{ topic: 'clock', payload: `${n}` }], `${n}-0`);
    await append(1);
    await until(() => seen.length === 1);

    const master = await set.master();
    await until(async () => (await set.servers[1]?.client().exists(keys.log)) === 1);
    await master.kill();
    const began = performance.now();
    // Nobody answers for a while: it is tried again for as long as that lasts, and lands once.
    await append(2);
    await append(3);
    expect(performance.now() - began).toBeLessThan(10_000);
    await until(() => seen.length === 3, 10_000);
    expect(seen).toEqual(['1', '2', '3']);
    expect(repaired).toHaveLength(1);
    const successor = await set.master();
    expect(successor).not.toBe(master);
    expect((await readTip(client, keys))?.runId).toBe(await runId(successor.client()));
    const twin = duplicateClient(client) as Redis;
    expect(await runId(twin)).toBe(await runId(successor.client()));
    twin.disconnect();
    abort.abort();
    await following;
  }, 60_000);

  it('a master that lives on unseen by its sentinels is left, though nothing was asked of it', async () => {
    await client.ping();
    const master = await set.master();
    const left = once(client, 'close');
    await master.pause();
    try {
      const successor = await set.successorOf(master);
      await within(left, 10_000, 'a client that leaves the old master');
      await until(async () => (await runId(client)) === (await runId(successor.client())), 10_000);
    } finally {
      await master.resume();
    }
  }, 60_000);

  it('commands are refused while no sentinel answers, and answered when one does again', async () => {
    await client.set('kept', '1');
    const master = await set.master();
    await Promise.all(set.sentinels.map((sentinel) => sentinel.kill()));
    client.disconnect(true);
    await once(client, 'close');
    // The connection, not Redis, refuses: its outcome is unknown to whoever asks.
    const refused = await within(
      client.get('kept').catch((error: Error) => error),
      5_000,
      'a refusal',
    );
    expect([refused instanceof Error, isReplyError(refused)]).toEqual([true, false]);
    expect(master.pid).toBeDefined();
    await set.sentinels[2]?.restart();
    expect(await until(() => client.get('kept'), 10_000)).toBe('1');
  }, 60_000);
});
