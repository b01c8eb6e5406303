import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { type Redis, Redis as RedisClient } from 'ioredis';
import { startRedis, type TestRedis } from './redis/redis.ts';
import { TcpProxy } from './tcp-proxy.ts';
import { until } from './until.ts';

describe('a proxy before Redis', () => {
  let redis: TestRedis;
  let proxy: TcpProxy;
  let direct: Redis;
  let through: Redis;

  beforeEach(async () => {
    redis = await startRedis();
    proxy = await TcpProxy.start(redis);
    direct = redis.client();
    through = new RedisClient(proxy.port, '127.0.0.1', {
      retryStrategy: () => 20,
      // With null, ioredis would neither send again nor reject what was in flight.
      maxRetriesPerRequest: 0,
      autoResendUnfulfilledCommands: false,
    });
    through.on('error', () => {});
    await through.ping();
  });

  afterEach(async () => {
    through.disconnect();
    await proxy.close();
    await redis.stop();
  });

  it('forwards both ways, and counts', async () => {
    const value = Buffer.alloc(3_000_000, 'x');
    await through.set('k', value);
    expect((await through.getBuffer('k'))?.equals(value)).toBe(true);
    expect(proxy.counters).toMatchObject({ connections: 1, swallowed: 0, refused: 0 });
    expect(proxy.counters.requestBytes).toBeGreaterThan(3_000_000);
    expect(proxy.counters.replyBytes).toBeGreaterThan(3_000_000);
  });

  it('loses the reply of exactly the chosen write, which has happened', async () => {
    const swallow = proxy.swallowReplyOf((request) => request.includes('INCR') || request.includes('incr'));
    await through.set('other', '1');
    expect(swallow.swallowed).toBe(0);
    await expect(through.incr('n')).rejects.toThrow();
    await swallow.done;
    expect([swallow.swallowed, proxy.counters.swallowed]).toEqual([1, 1]);
    expect(await direct.get('n')).toBe('1');
    expect(await until(() => through.incr('n'))).toBe(2);
  });

  it('loses as many replies as it was told, and none once stopped', async () => {
    const swallow = proxy.swallowReplyOf((request) => request.includes('incr'), { count: 2, delayMs: 5 });
    await expect(through.incr('n')).rejects.toThrow();
    await until(() => through.ping());
    await expect(through.incr('n')).rejects.toThrow();
    await swallow.done;
    expect(await until(() => through.incr('n'))).toBe(3);
    const never = proxy.swallowReplyOf((request) => request.includes('incr'));
    never.stop();
    expect(await through.incr('n')).toBe(4);
  });

  it('cuts what is open and what comes, until it is healed', async () => {
    proxy.cut();
    await until(() => proxy.counters.refused > 1);
    await expect(through.get('k')).rejects.toThrow();
    proxy.heal();
    expect(await until(() => through.ping())).toBe('PONG');
  });

  it('holds every byte while it stalls, and lets them go after', async () => {
    proxy.stall();
    let answered = false;
    const reply = through.incr('n').then((n) => {
      answered = true;
      return n;
    });
    await new Promise((resolve) => setTimeout(resolve, 100));
    expect(answered).toBe(false);
    expect(await direct.get('n')).toBeNull();
    proxy.resume();
    expect(await reply).toBe(1);
    expect(proxy.counters.connections).toBe(1);
  });

  it('passes on the last words of a server that closes', async () => {
    expect(await through.quit()).toBe('OK');
  });
});
