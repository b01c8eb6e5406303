import { startRedis, type TestRedis, until } from '@depthcast/testing';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { opening, Venue } from './testing/inputs.ts';
import { TestPartition } from './testing/test-partition.ts';

let redis: TestRedis;
let partition: TestPartition;
let venue: Venue;

beforeAll(async () => {
  redis = await startRedis({ appendonly: true });
});
afterAll(() => redis.stop());
beforeEach(async () => {
  partition = await TestPartition.open(redis.url);
  venue = new Venue();
});
afterEach(() => partition.close());

describe('Redis under an engine', () => {
  it('is out of memory: the engine makes room by itself, and loses nothing', async () => {
    await partition.leader({ snapshotEveryEvents: 2_000 });
    await partition.produce(opening('BTCUSD'));
    const used = Number(/used_memory:(\d+)/.exec(await partition.client.info('memory'))?.[1]);
    await partition.client.config('SET', 'maxmemory', used + 4_000_000);
    try {
      for (let i = 0; i < 30; i++) await partition.produce(venue.flow(1_000));
      const last = async () => partition.client.xrevrange(partition.keys.log, '+', '-', 'COUNT', 50);
      const has = async () => (await last()).some(([, [, text]]) => text?.includes(`"last":${venue.last}`));
      await until(has, 30_000);
      const { first, last: tail, count } = await partition.offsets();
      expect(tail - first + 1).toBe(count);
      expect((await partition.events()).some(({ payload }) => payload.includes('"gap"'))).toBe(false);
    } finally {
      await partition.client.config('SET', 'maxmemory', 0);
    }
  }, 60_000);

  it('has its log kept within the bound, and an engine still recovers from it', async () => {
    const engine = await partition.leader({ snapshotEveryMs: 200, logBytesMax: 300_000 });
    await partition.produce(opening('BTCUSD'));
    for (let i = 0; i < 14; i++) {
      await partition.produce(venue.flow(500));
      await new Promise((resolve) => setTimeout(resolve, 300));
    }
    await until(async () => ((await partition.client.memory('USAGE', partition.keys.log)) ?? 0) < 600_000);
    const { first, last, count } = await partition.offsets();
    expect(first).toBeGreaterThan(0);
    expect(last - first + 1).toBe(count);
    await engine.stop();
    expect((await partition.leader()).recovered).toMatchObject({ newEpoch: undefined });
  }, 40_000);

  it.each(['appends', 'stands by'])('is away: an engine that %s stops at once all the same', async (what) => {
    const leader = await partition.leader();
    await partition.produce(opening('BTCUSD'));
    const engine = what === 'appends' ? leader : await partition.standby();
    await redis.kill();
    try {
      const began = Date.now();
      await engine.stop();
      expect(Date.now() - began).toBeLessThan(3_000);
    } finally {
      await redis.restart();
    }
  });

  it('restarts: the engine goes on in its epoch; one that was not there opens a new one', async () => {
    const first = await partition.leader();
    await partition.produce(opening('BTCUSD'));
    await partition.produce(venue.flow(20));
    await redis.restart();
    await partition.produce(venue.flow(20));
    expect(await partition.caughtUp()).toEqual(partition.expected());
    expect(first.repaired).toMatchObject([{ reappended: 0 }]);
    const { epoch } = await partition.tip();
    await first.stop();
    await redis.restart();
    await partition.produce(venue.flow(20));
    expect((await partition.leader()).recovered).toMatchObject({ newEpoch: 'redis_replaced' });
    const opened = (await partition.log()).filter(({ topic }) => topic === 'epoch')[1];
    expect(JSON.parse(opened?.payload ?? '{}').previous_tail).toMatch(new RegExp(`^${epoch}-`));
    expect(await partition.caughtUp()).toEqual(partition.expected());
  });
});
