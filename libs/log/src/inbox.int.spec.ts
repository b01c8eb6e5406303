import { cpSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { startRedis, TcpProxy, type TestRedis, until } from '@depthcast/testing';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, jest } from '@jest/globals';
import { connectRedis, type RedisClient } from './connect.ts';
import { InboxProducer, type InboxProducerOptions } from './inbox-producer.ts';
import { compareInboxIds, INBOX_START, type InboxEntry, InboxReader } from './inbox-reader.ts';
import { partitionKeys } from './keys.ts';

const keys = partitionKeys();
const clock = (second: number) => ({ type: 'clock', tsRecvUs: 1, second }) as const;

let redis: TestRedis;
let client: RedisClient;
const stop: (() => unknown)[] = [];

beforeAll(async () => {
  // Written at once, though not synced: a copy of its files is all that it has acknowledged.
  redis = await startRedis({ appendonly: true, config: ['--appendfsync', 'no'] });
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
  for (const each of stop.splice(0)) await each();
});

/** A producer that ends with its test: it would send again what it finds lost. */
function produce(options: Partial<InboxProducerOptions> = {}): InboxProducer {
  const producer = new InboxProducer({ client, keys, ...options });
  stop.push(() => producer.close(0));
  return producer;
}

async function stored(): Promise<{ src: string; seq: number; second: number }[]> {
  return (await client.xrange(keys.inbox, '-', '+')).map(([, fields]) => JSON.parse(fields[1] as string));
}

/** As the engine does: each (src, seq) once. */
function applied(entries: readonly { src: string; seq: number; second: number }[]): number[] {
  const last = new Map<string, number>();
  return entries.flatMap(({ src, seq, second }) => {
    if (seq <= (last.get(src) ?? 0)) return [];
    last.set(src, seq);
    return [second];
  });
}

describe('InboxProducer', () => {
  it('stamps src and seq, in order, one entry an input', async () => {
    const producer = produce({ src: 'me' });
    for (let i = 1; i <= 1200; i++) expect(producer.push(clock(i))).toBe(true);
    await producer.flush();
    expect(await stored()).toEqual(
      Array.from({ length: 1200 }, (_, i) => ({ src: 'me', seq: i + 1, type: 'clock', tsRecvUs: 1, second: i + 1 })),
    );
    const [[, fields]] = (await client.xrange(keys.inbox, '-', '+', 'COUNT', 1)) as [[string, string[]]];
    expect(fields[0]).toBe('clock');
  });

  it('loses nothing and doubles nothing when replies are lost', async () => {
    const proxy = await TcpProxy.start(redis);
    stop.push(() => proxy.close());
    const through = connectRedis(proxy.url);
    stop.push(() => through.disconnect());
    const producer = produce({ client: through });
    // The first writes tell it which process this is, and Redis the script.
    producer.push(clock(0));
    await producer.flush();
    const swallowed = proxy.swallowReplyOf((request) => request.includes(keys.inbox), { count: 5 });
    for (let i = 1; i <= 300; i++) {
      producer.push(clock(i));
      if (i % 10 === 0) await new Promise((resolve) => setTimeout(resolve, 5));
    }
    await producer.flush();
    expect(swallowed.swallowed).toBe(5);
    const entries = await stored();
    expect(entries.length).toBeGreaterThan(301);
    expect(applied(entries)).toEqual(Array.from({ length: 301 }, (_, i) => i));
  });

  it('goes on after an outage of Redis', async () => {
    const producer = produce();
    producer.push(clock(1));
    await producer.flush();
    await redis.kill();
    producer.push(clock(2));
    await new Promise((resolve) => setTimeout(resolve, 300));
    await redis.restart();
    await producer.flush();
    expect(applied(await stored())).toEqual([1, 2]);
  });

  it('refuses what is beyond its bound, and says once when it has room again', async () => {
    let recovered = 0;
    const producer = produce({
      queueInputsMax: 10,
      onRecovered: () => recovered++,
    });
    expect(Array.from({ length: 13 }, (_, i) => producer.push(clock(i))).filter((ok) => !ok)).toHaveLength(3);
    await producer.flush();
    expect(recovered).toBe(1);
    expect(await stored()).toHaveLength(10);
    producer.push(clock(14));
    await producer.flush();
    expect(recovered).toBe(1);
  });

  it('leaves the last fifth of the memory to whoever empties the inbox', async () => {
    const errors: string[] = [];
    const producer = produce({ onError: (error) => errors.push(error.message) });
    producer.push(clock(1));
    await producer.flush();
    const used = Number(/used_memory:(\d+)/.exec(await client.info('memory'))?.[1]);
    await client.config('SET', 'maxmemory', Math.floor(used * 1.1));
    producer.push(clock(2));
    await until(() => errors.length > 0);
    expect(errors[0]).toMatch(/^the inbox takes no more: Redis uses \d+ of its \d+ bytes$/);
    await client.config('SET', 'maxmemory', 0);
    await producer.flush();
    expect(applied(await stored())).toEqual([1, 2]);
  });

  it('adds nothing to an inbox that nobody reads', async () => {
    const errors: string[] = [];
    const producer = produce({
      inboxEntriesMax: 3,
      onError: (error) => errors.push(error.message),
    });
    producer.push(clock(1));
    await producer.flush();
    await client.xadd(keys.inbox, '*', 'clock', '{}');
    await client.xadd(keys.inbox, '*', 'clock', '{}');
    producer.push(clock(2));
    await until(() => errors.length > 0);
    expect(errors[0]).toBe('the inbox takes no more: 3 inputs nobody has read');
    await client.xtrim(keys.inbox, 'MAXLEN', 0);
    await producer.flush();
    expect(await client.xlen(keys.inbox)).toBe(1);
  });
});

describe('what InboxProducer keeps', () => {
  const push = async (producer: InboxProducer, ...seconds: number[]) => {
    for (const second of seconds) {
      producer.push(clock(second));
      await producer.flush();
    }
  };
  /** Another Redis process takes over, without what has been written since `backup`. */
  const failover = async (backup: string) => {
    await redis.kill();
    rmSync(redis.dir, { recursive: true });
    cpSync(backup, redis.dir, { recursive: true });
    await redis.start();
  };
  const backup = () => {
    const dir = mkdtempSync(join(tmpdir(), 'depthcast-backup-'));
    stop.push(() => rmSync(dir, { recursive: true }));
    cpSync(redis.dir, dir, { recursive: true });
    return dir;
  };

  it('is what a failover lost: it is sent again before anything newer, in its order', async () => {
    const producer = produce();
    await push(producer, 1, 2);
    const held = backup();
    await push(producer, 3, 4);
    const read = await stored();
    expect(applied(read)).toEqual([1, 2, 3, 4]);
    await failover(held);
    await push(producer, 5, 6);
    const entries = await stored();
    // Even who had read no further than what this Redis kept sees each once, though the engine drops what comes late.
    expect(applied(entries)).toEqual([1, 2, 3, 4, 5, 6]);
    expect(entries.map(({ second }) => second)).toEqual([1, 2, 1, 2, 3, 4, 5, 6]);
    expect(producer.retainedInputs).toBe(6);
  });

  it('is sent again even by whoever has nothing more to send', async () => {
    const producer = produce();
    await push(producer, 1);
    const held = backup();
    await push(producer, 2, 3);
    await failover(held);
    expect(applied(await stored())).toEqual([1]);
    await until(async () => (await stored()).length > 1);
    expect(applied(await stored())).toEqual([1, 2, 3]);
  });

  it('survives a second failover while it is being sent again', async () => {
    const producer = produce({ inboxEntriesMax: 1_500 });
    const empty = backup();
    const seconds = Array.from({ length: 1_400 }, (_, i) => i + 1);
    for (const second of seconds) producer.push(clock(second));
    await producer.flush();
    await failover(empty);
    // The inbox counts as full after the first batch.
    await client.eval("for i = 1, 1400 do redis.call('XADD', KEYS[1], '*', 'other', '{}') end", 1, keys.inbox);
    producer.push(clock(1_401));
    await until(() => producer.queuedInputs === 901);
    await failover(empty);
    await producer.flush();
    expect(applied(await stored())).toEqual([...seconds, 1_401]);
  });

  it('is at most so many inputs, of at most 15 s in which Redis answered', async () => {
    const now = jest.spyOn(performance, 'now');
    stop.push(() => now.mockRestore());
    const at = (ms: number) => now.mockReturnValue(ms);
    at(0);
    const few = produce({ retainedInputsMax: 7 });
    await push(few, 1, 2, 3, 4, 5, 6, 7, 8, 9);
    expect(few.retainedInputs).toBe(7);

    const producer = produce();
    await push(producer, 1, 2, 3, 4, 5);
    // Ten minutes without Redis age them by one second.
    at(600_000);
    await push(producer, 600);
    for (let second = 601; second < 614; second++) {
      at(second * 1_000);
      await push(producer, second);
    }
    expect(producer.retainedInputs).toBe(19);
    at(614_000);
    await push(producer, 614);
    expect(producer.retainedInputs).toBe(15);
  });
});

describe('send', () => {
  const inTime = { timeoutMs: 5_000 };
  const soon = { timeoutMs: 100 };
  const overloaded = (message: RegExp) =>
    expect.objectContaining({ code: 'OVERLOADED', message: expect.stringMatching(message) });
  const seconds = async () => applied(await stored());

  it('resolves once the input is in the inbox', async () => {
    const producer = produce();
    await producer.send(clock(1), inTime);
    expect(await seconds()).toEqual([1]);
    await Promise.all([2, 3, 4].map((second) => producer.send(clock(second), inTime)));
    expect(await seconds()).toEqual([1, 2, 3, 4]);
  });

  it('withdraws in time what has not been sent, and says so; says what it cannot know of the rest', async () => {
    const producer = produce();
    await producer.send(clock(1), inTime);
    await redis.pause();
    const sent = producer.send(clock(2), soon);
    await new Promise(setImmediate);
    const waiting = producer.send(clock(3), soon);
    const pushed = producer.push(clock(4));
    await expect(sent).rejects.toEqual(overloaded(/ in 100 ms: it may still be applied$/));
    await expect(waiting).rejects.toEqual(overloaded(/ in 100 ms: it will not be applied$/));
    expect([pushed, producer.queuedInputs]).toEqual([true, 2]);
    await redis.resume();
    await producer.flush();
    expect(await seconds()).toEqual([1, 2, 4]);
  });

  it('knows that what Redis refused is not in the inbox, unless an earlier try may have got through', async () => {
    const producer = produce({ inboxEntriesMax: 1 });
    await producer.send(clock(1), inTime);
    await expect(producer.send(clock(2), soon)).rejects.toEqual(overloaded(/it will not be applied$/));
    expect(producer.queuedInputs).toBe(0);

    const other = produce();
    await other.send(clock(3), inTime);
    await redis.kill();
    await expect(other.send(clock(4), { timeoutMs: 500 })).rejects.toEqual(overloaded(/it may still be applied$/));
    await redis.restart();
    await other.flush();
    expect((await seconds()).filter((second) => second !== 1)).toEqual([3, 4]);
  });

  it('takes nothing into a full queue, nor when it closes', async () => {
    const producer = produce({ queueInputsMax: 1 });
    const taken = producer.send(clock(1), inTime);
    await expect(producer.send(clock(2), inTime)).rejects.toEqual(overloaded(/^1 inputs wait .* will not be applied$/));
    await taken;
    await redis.pause();
    const last = producer.send(clock(3), inTime);
    const closing = producer.close(50);
    await expect(last).rejects.toEqual(overloaded(/^this process has ended: it may still be applied$/));
    await closing;
    await redis.resume();
    await expect(producer.send(clock(4), inTime)).rejects.toEqual(overloaded(/closing.* will not be applied$/));
  });
});

describe('InboxReader', () => {
  const signal = new AbortController().signal;
  const open = () => {
    const reader = new InboxReader(client, keys);
    stop.push(() => reader.close());
    return reader;
  };

  it('reads from an id on, and waits for what comes', async () => {
    const reader = open();
    await client.xadd(keys.inbox, '5-0', 'clock', '{"second":1}');
    expect(await reader.read(INBOX_START, 10, signal)).toEqual([
      { id: '5-0', topic: 'clock', payload: '{"second":1}' },
    ]);
    const next = reader.read('5-0', 10, signal);
    await client.xadd(keys.inbox, '6-0', 'clock', '{}');
    expect((await next).map(({ id }: InboxEntry) => id)).toEqual(['6-0']);
    expect(await reader.read('6-0', 10, signal, 50)).toEqual([]);
  });

  it('notices that inputs were trimmed under it', async () => {
    const reader = open();
    for (const id of ['5-0', '6-0', '7-0', '8-0']) await client.xadd(keys.inbox, id, 'clock', '{}');
    expect(await reader.read('5-0', 1, signal)).toHaveLength(1);
    await client.xtrim(keys.inbox, 'MINID', '7-0');
    await expect(reader.read('6-0', 10, signal)).rejects.toMatchObject({ code: 'INBOX_TRIMMED' });
  });

  it('knows whether an input, and whether all of them, are still there', async () => {
    const reader = open();
    await expect(reader.assertWhole(signal)).rejects.toMatchObject({ code: 'INBOX_TRIMMED' });
    for (const id of ['5-0', '6-0']) await client.xadd(keys.inbox, id, 'clock', '{}');
    await reader.assertWhole(signal);
    await reader.assertHolds('5-0', signal);
    await reader.assertHolds(INBOX_START, signal);
    await expect(reader.assertHolds('7-0', signal)).rejects.toMatchObject({ code: 'INBOX_TRIMMED' });
    await client.xtrim(keys.inbox, 'MAXLEN', 1);
    await expect(reader.assertWhole(signal)).rejects.toMatchObject({ code: 'INBOX_TRIMMED' });
  });

  it('orders ids by number', () => {
    expect(compareInboxIds('9-0', '10-0')).toBeLessThan(0);
    expect(compareInboxIds('9-10', '9-9')).toBeGreaterThan(0);
    expect(compareInboxIds('9-9', '9-9')).toBe(0);
  });
});
