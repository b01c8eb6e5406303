import { connectRedis, partitionKeys } from '@depthcast/log';
import { startRedis, startRedisPair, until } from '@depthcast/testing';
import { afterEach, describe, expect, it } from '@jest/globals';
import { ModelStore } from '../testing/model-store.ts';
import { TestLog } from '../testing/test-log.ts';
import { TestRecorder } from '../testing/test-recorder.ts';

const keys = partitionKeys();
const atEnd: (() => unknown)[] = [];
afterEach(async () => {
  for (const end of atEnd.splice(0).reverse()) await end();
});

const store = () => new ModelStore();
const idsOf = (lines: readonly string[]) => lines.map((line) => line.split(' ')[0]);

describe('Redis comes back, and a recorder', () => {
  it('compares after a restart, and goes on', async () => {
    const redis = await startRedis({ appendonly: true });
    atEnd.push(() => redis.stop());
    const log = new TestLog(redis.url);
    atEnd.push(() => log.close());
    await log.open();
    const held = store();
    const recorder = new TestRecorder({ url: redis.url, store: held });
    atEnd.push(() => recorder.stop());
    await log.append(500);
    await until(() => held.ids().at(-1) === log.tail);
    await redis.restart();
    await log.append(500);
    await until(() => held.ids().at(-1) === log.tail, 20_000);
    expect(held.ids()).toEqual(idsOf(await log.held()));
    expect(recorder.compared.at(-1)).toBe(501);
    expect(recorder.begunAgain.at(-1)).toMatch(/connection/);
  }, 40_000);

  it('has stored what a failover loses, and the living writer appends it again: nothing twice', async () => {
    const pair = await startRedisPair();
    atEnd.push(() => pair.stop());
    const log = new TestLog(pair.url);
    atEnd.push(() => log.close());
    await log.open();
    const held = store();
    const recorder = new TestRecorder({ url: pair.url, store: held });
    atEnd.push(() => recorder.stop());
    await log.append(100);
    await until(async () => (await pair.replica.client().xlen(keys.log)) === 101);
    pair.cutReplication();
    await log.append(50);
    await until(() => held.ids().at(-1) === log.tail);
    await pair.promote();
    await log.append(50);
    await until(() => held.ids().at(-1) === log.tail, 30_000);
    expect(held.ids()).toEqual(idsOf(await log.held()));
    expect(held.orphans()).toEqual([]);
    expect(held.partition().holes).toEqual([]);
    // The same bytes again: it could compare them.
    expect(recorder.compared.at(-1)).toBeGreaterThanOrEqual(101);
  }, 60_000);

  it('has stored what a failover loses for good: orphaned when the next epoch begins', async () => {
    const pair = await startRedisPair();
    atEnd.push(() => pair.stop());
    const log = new TestLog(pair.url);
    atEnd.push(() => log.close());
    await log.open();
    const held = store();
    const recorder = new TestRecorder({ url: pair.url, store: held });
    atEnd.push(() => recorder.stop());
    await log.append(100);
    await until(async () => (await pair.replica.client().xlen(keys.log)) === 101);
    pair.cutReplication();
    await log.append(50);
    await until(() => held.ids().at(-1) === log.tail);
    await pair.promote();
    const next = new TestLog(pair.url);
    atEnd.push(() => next.close());
    await next.open('redis_replaced');
    await next.append(10);
    await until(() => held.ids().at(-1) === next.tail, 30_000);
    expect(held.orphans()).toEqual(Array.from({ length: 50 }, (_, i) => 101 + i));
    expect(held.ids()).toEqual(idsOf(await next.held()));
    expect(held.partition().holes).toEqual([]);
  }, 60_000);

  it('that was away is stored from where it stopped, also when a stop comes meanwhile', async () => {
    const redis = await startRedis({ appendonly: true });
    atEnd.push(() => redis.stop());
    const log = new TestLog(redis.url);
    atEnd.push(() => log.close());
    await log.open();
    await log.append(10);
    const held = store();
    const first = new TestRecorder({ url: redis.url, store: held });
    await until(() => held.ids().at(-1) === log.tail);
    await redis.kill();
    const began = performance.now();
    await first.stop();
    expect(performance.now() - began).toBeLessThan(5_000);
    const second = new TestRecorder({ url: redis.url, store: held });
    atEnd.push(() => second.stop());
    await redis.start();
    await log.append(10);
    await until(() => held.ids().at(-1) === log.tail, 20_000);
    const client = connectRedis(redis.url);
    atEnd.push(() => client.disconnect());
    expect(held.ids()).toEqual(idsOf(await log.held()));
  }, 60_000);
});
