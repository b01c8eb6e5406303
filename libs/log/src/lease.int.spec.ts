import { startRedis, type TestRedis, until } from '@depthcast/testing';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, jest } from '@jest/globals';
import { connectRedis, type RedisClient } from './connect.ts';
import { partitionKeys } from './keys.ts';
import { LEASE_MS, Lease } from './lease.ts';

const keys = partitionKeys();

let redis: TestRedis;
let client: RedisClient;
const stop: (() => unknown)[] = [];

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
});
afterEach(async () => {
  for (const each of stop.splice(0).reverse()) await each();
});

/** An engine as far as its lease is concerned, over a connection of its own. */
function engine(id: string, heldMs?: () => number) {
  const connection = connectRedis(redis.url);
  const abort = new AbortController();
  const waitsFor: string[] = [];
  const onStandby = (holder: string) => waitsFor.push(holder);
  const lease = new Lease({ client: connection, keys, id, onStandby, ...(heldMs ? { heldMs } : {}) });
  let has = false;
  const acquired = lease.acquire(abort.signal).then(
    () => {
      has = true;
    },
    () => {},
  );
  stop.push(async () => {
    abort.abort();
    await acquired;
    await lease.release();
    connection.disconnect();
  });
  return { lease, acquired, waitsFor, has: () => has, kill: () => connection.disconnect() };
}

const wait = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

describe('a lease', () => {
  it('is had at once where nobody has it, kept, and passed on when it is released', async () => {
    const first = engine('first');
    await first.acquired;
    const second = engine('second');
    await until(() => second.waitsFor.length > 0);
    await wait(LEASE_MS + 300);
    expect([await client.get(keys.leader), second.waitsFor, second.has()]).toEqual(['first', ['first'], false]);
    await first.lease.release();
    await second.acquired;
    expect(await client.get(keys.leader)).toBe('second');
  });

  it('of a dead engine is had once it has run out', async () => {
    const first = engine('first');
    await first.acquired;
    const second = engine('second');
    await until(() => second.waitsFor.length > 0);
    const died = performance.now();
    first.kill();
    await second.acquired;
    expect(performance.now() - died).toBeLessThan(LEASE_MS + 500);
  });

  it('is left to its living holder when Redis comes back without it', async () => {
    const first = engine('first');
    await first.acquired;
    const second = engine('second');
    await until(() => second.waitsFor.length > 0);
    await redis.kill();
    await wait(LEASE_MS + 300);
    await redis.restart();
    await until(async () => (await client.get(keys.leader)) === 'first');
    await wait(500);
    expect([second.has(), first.lease.lapsed]).toEqual([false, false]);
  });

  it('is left to its living holder when Redis stood still until it had run out', async () => {
    const first = engine('first');
    await first.acquired;
    const second = engine('second');
    await until(() => second.waitsFor.length > 0);
    // Just renewed: of what waits to be read afterwards, the other one's question comes before the next renewal.
    await until(async () => (await client.pttl(keys.leader)) > LEASE_MS - 50);
    await redis.pause();
    await wait(LEASE_MS + 300);
    await redis.resume();
    await wait(500);
    expect([await client.get(keys.leader), second.has(), first.lease.lapsed]).toEqual(['first', false, false]);
  });

  it('of an engine that died with Redis is had some seconds later', async () => {
    const first = engine('first');
    await first.acquired;
    const second = engine('second');
    await until(() => second.waitsFor.length > 0);
    first.kill();
    await redis.restart();
    const back = performance.now();
    await second.acquired;
    const tookMs = performance.now() - back;
    expect(tookMs).toBeGreaterThan(2_500);
    expect(tookMs).toBeLessThan(6_000);
  });
});

describe('a lease has lapsed', () => {
  it('before it is had, and once somebody else has it', async () => {
    const { lease, acquired } = engine('first');
    expect(lease.lapsed).toBe(true);
    await acquired;
    expect(lease.lapsed).toBe(false);
    await client.set(keys.leader, 'second');
    await until(() => lease.lapsed);
    await client.del(keys.leader);
    await until(() => !lease.lapsed);
  });

  it('for a while after the process stood still, though Redis may know nothing of it', async () => {
    const { lease, acquired } = engine('first');
    await acquired;
    const now = jest.spyOn(performance, 'now');
    stop.push(() => now.mockRestore());
    const paused = performance.now() + LEASE_MS + 100;
    now.mockReturnValue(paused);
    expect(lease.lapsed).toBe(true);
    // Awake again, it renews it as if nothing had been; that says nothing of what Redis may have lost.
    await wait(600);
    expect(await client.get(keys.leader)).toBe('first');
    for (let sinceMs = 0; sinceMs < 10_000; sinceMs += LEASE_MS - 100) {
      now.mockReturnValue(paused + sinceMs);
      await wait(520);
      expect(lease.lapsed).toBe(true);
    }
    now.mockReturnValue(paused + 10_500);
    await wait(520);
    expect(lease.lapsed).toBe(false);
  });

  it('no longer once an append has landed that was sent after the pause: nobody had taken over', async () => {
    let heldMs = performance.now();
    const { lease, acquired } = engine('first', () => heldMs);
    await acquired;
    const now = jest.spyOn(performance, 'now');
    stop.push(() => now.mockRestore());
    const paused = performance.now() + LEASE_MS + 100;
    now.mockReturnValue(paused);
    await wait(600);
    expect(lease.lapsed).toBe(true);
    now.mockReturnValue(paused + 50);
    heldMs = paused - 50;
    expect(lease.lapsed).toBe(true);
    heldMs = paused + 50;
    expect(lease.lapsed).toBe(false);
  });
});
