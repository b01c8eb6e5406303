import { crc32 } from 'node:zlib';
import { startRedis, TcpProxy, type TestRedis } from '@depthcast/testing';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { connectRedis, type RedisClient } from './connect.ts';
import { partitionKeys } from './keys.ts';
import type { Script } from './script.ts';
import { append } from './scripts/append.lua.ts';
import { claim } from './scripts/claim.lua.ts';
import { openEpoch } from './scripts/epoch.lua.ts';
import { snapshot } from './scripts/snapshot.lua.ts';
import { trim } from './scripts/trim.lua.ts';
import { readTip } from './tip.ts';
import { LogWriter } from './writer.ts';

const keys = partitionKeys();
const event = (n: number) => ({ topic: 'trade:BTCUSD', payload: `{"n":${n}}` });

let redis: TestRedis;
let client: RedisClient;
const open: { disconnect(): void }[] = [];

beforeAll(async () => {
  redis = await startRedis({ appendonly: true });
  client = connectRedis(redis.url);
});
afterAll(async () => {
  for (const each of open) each.disconnect();
  client.disconnect();
  await redis.stop();
});
beforeEach(async () => {
  await client.flushall();
});

function newWriter(name: string, through: RedisClient = client, state?: () => string): LogWriter {
  return new LogWriter({ client: through, keys, writer: name, logicVersion: '1', ...(state ? { state } : {}) });
}

async function startedWriter(name = 'w1', through: RedisClient = client, state?: () => string): Promise<LogWriter> {
  const writer = newWriter(name, through, state);
  await writer.claim();
  await writer.openEpoch('start', '0-0', '{}');
  return writer;
}

const ids = async () => (await client.xrange(keys.log, '-', '+')).map(([id]) => id.split('-')[1]);

describe('LogWriter', () => {
  it('gives offsets without a hole and chains the crc over topics and payloads', async () => {
    const writer = await startedWriter();
    await writer.append([event(1), event(2)], '1-0');
    await writer.append([event(3)], '2-0');
    expect(await ids()).toEqual(['0', '1', '2', '3']);
    const tip = await readTip(client, keys);
    const crc = [event(1), event(2), event(3)].reduce((sum, e) => crc32(e.payload, crc32(e.topic, sum)), 0);
    expect(tip).toMatchObject({ offset: 3, inboxId: '2-0', crc, term: 1, writer: 'w1', ordinal: 0 });
  });

  it('keeps exactly one of two writers that race on one log', async () => {
    const first = await startedWriter('w1');
    const second = newWriter('w2');
    await second.claim();
    const race = async (writer: LogWriter, name: string) => {
      for (let i = 0; i < 200; i++) await writer.append([{ topic: 'trade:BTCUSD', payload: name }], `${i + 1}-0`);
    };
    const results = await Promise.allSettled([race(first, 'w1'), race(second, 'w2')]);
    expect(results.map((result) => result.status)).toEqual(['rejected', 'fulfilled']);
    expect((results[0] as PromiseRejectedResult).reason).toMatchObject({ code: 'FENCED', exit: 3 });
    const entries = await client.xrange(keys.log, '-', '+');
    expect(entries.slice(1).every(([, [, payload]]) => payload === 'w2')).toBe(true);
    expect(await ids()).toEqual(Array.from({ length: 201 }, (_, i) => String(i)));
  });

  it('lets only one of two writers open the first epoch', async () => {
    const [a, b] = [newWriter('a'), newWriter('b')];
    await Promise.all([a.claim(), b.claim()]);
    const results = await Promise.allSettled([a.openEpoch('start', '0-0', '{}'), b.openEpoch('start', '0-0', '{}')]);
    expect(results.filter((result) => result.status === 'fulfilled')).toHaveLength(1);
  });

  it('is fenced by another Redis process where nobody tells it the state to repair it with', async () => {
    const writer = await startedWriter();
    await writer.append([event(1)], '1-0');
    await redis.restart();
    await expect(writer.append([event(2)], '2-0')).rejects.toMatchObject({ code: 'FENCED' });
    expect(await ids()).toEqual(['0', '1']);
  });

  it('tells a new process that the epoch cannot go on after a restart of Redis', async () => {
    const writer = await startedWriter();
    await writer.append([event(1)], '1-0');
    await redis.restart();
    const next = newWriter('w2');
    expect((await next.claim()).broken).toBe('redis_replaced');
    const cursor = await next.openEpoch('redis_replaced', '1-0', '{}');
    expect(cursor.epoch).toBeGreaterThan(writer.cursor.epoch);
    await expect(writer.append([event(2)], '2-0')).rejects.toMatchObject({ code: 'FENCED' });
    expect(await readTip(client, keys)).toMatchObject({ ordinal: 1, term: 2, offset: 0 });
  });

  it('is fenced when somebody has taken entries out of the log', async () => {
    const writer = await startedWriter('w1', client, () => 'state');
    await writer.append([event(1)], '1-0');
    const tip = await client.hgetall(keys.tip);
    await writer.append([event(2)], '2-0');
    await client.xdel(keys.log, `${writer.cursor.epoch}-2`);
    await client.hset(keys.tip, tip);
    await expect(writer.append([event(3)], '3-0')).rejects.toMatchObject({ code: 'FENCED' });
  });

  it('is fenced when Redis is emptied', async () => {
    const writer = await startedWriter();
    await client.flushall();
    await expect(writer.append([event(1)], '1-0')).rejects.toMatchObject({ code: 'FENCED' });
  });
});

describe('a write whose reply is lost', () => {
  async function through(scripts: readonly Script[], work: (writer: LogWriter) => Promise<void>): Promise<number> {
    const proxy = await TcpProxy.start(redis);
    const proxied = connectRedis(proxy.url);
    open.push(proxied);
    // By digest or by text: the first run of a script goes by text.
    const marks = scripts.flatMap(({ sha, lua }) => [Buffer.from(sha), Buffer.from(lua.slice(0, 2000))]);
    const swallowed = proxy.swallowReplyOf((request) => marks.some((mark) => request.includes(mark)), { count: 3 });
    try {
      await work(newWriter('w1', proxied));
      return swallowed.swallowed;
    } finally {
      proxied.disconnect();
      await proxy.close();
    }
  }

  it('of append: nothing is lost and nothing doubled', async () => {
    const swallowed = await through([append], async (writer) => {
      await writer.claim();
      await writer.openEpoch('start', '0-0', '{}');
      for (let i = 1; i <= 20; i++) await writer.append([event(i)], `${i}-0`);
    });
    expect(swallowed).toBe(3);
    const entries = await client.xrange(keys.log, '-', '+');
    expect(entries.slice(1).map(([, [, payload]]) => payload)).toEqual(
      Array.from({ length: 20 }, (_, i) => event(i + 1).payload),
    );
  });

  it('of a snapshot, a claim, an epoch or a trim: the writer goes on', async () => {
    for (const lua of [snapshot, claim, openEpoch, trim]) {
      await client.flushall();
      const swallowed = await through([lua], async (writer) => {
        for (let i = 0; i < 4; i++) {
          await writer.claim();
          await writer.openEpoch('start', '0-0', '{}');
          await writer.append([event(1)], '1-0');
          await writer.storeSnapshot({
            inboxId: '1-0',
            state: '{}',
            books: [{ symbol: 'BTCUSD', state: '{}', isSynced: true }],
          });
          await writer.trim(1000);
        }
      });
      expect([lua.name, swallowed]).toEqual([lua.name, 3]);
      expect(await readTip(client, keys)).toMatchObject({ ordinal: 3, offset: 1 });
    }
  });
});
