import { startRedis, TcpProxy, type TestRedis, until } from '@depthcast/testing';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { connectRedis, type RedisClient } from './connect.ts';
import type { LogEntry } from './entries.ts';
import { partitionKeys } from './keys.ts';
import { LogReader } from './reader.ts';
import { Timeline } from './timeline.ts';
import { LogWriter } from './writer.ts';

const keys = partitionKeys();

let redis: TestRedis;
let client: RedisClient;
let writer: LogWriter;
let reader: LogReader;
const stop: (() => void)[] = [];

beforeAll(async () => {
  redis = await startRedis({ appendonly: true });
  client = connectRedis(redis.url);
});
afterAll(async () => {
  client.disconnect();
  await redis.stop();
});
beforeEach(async () => {
  await client.flushall();
  writer = new LogWriter({ client, keys, writer: 'w1', logicVersion: '1', state: () => 'state' });
  await writer.claim();
  await writer.openEpoch('start', '0-0', '{}');
  reader = new LogReader(client, keys);
});
afterEach(() => {
  for (const each of stop.splice(0)) each();
});

let n = 0;
const append = (count: number) =>
  writer.append(
    Array.from({ length: count }, () => ({ topic: 'trade:BTCUSD', payload: `{"n":${++n}}` })),
    '1-0',
  );

/** Follows in the background and keeps copies of what came. */
function follow(through: RedisClient, after = { epoch: writer.cursor.epoch, offset: 0 }) {
  const abort = new AbortController();
  stop.push(() => abort.abort());
  const seen: string[] = [];
  const states: string[] = [];
  const ended = (async () => {
    const followed = new LogReader(through, keys).follow(after, {
      signal: abort.signal,
      onState: (state) => states.push(state),
    });
    for await (const batch of followed) for (const entry of batch) seen.push(idOf(entry));
  })().then(
    () => undefined,
    (error) => error,
  );
  return { seen, states, ended, abort };
}
const idOf = ({ epoch, offset }: LogEntry) => `${epoch}-${offset}`;

describe('LogReader', () => {
  it('reads ranges page by page to the end, from a cursor or from the beginning', async () => {
    for (let i = 0; i < 5; i++) await append(500);
    const all: string[] = [];
    for (let after: LogEntry | undefined; ; ) {
      const page = await reader.range(after, 1000);
      if (page.length === 0) break;
      all.push(...page.map(idOf));
      after = page.at(-1);
    }
    expect(all).toEqual(Array.from({ length: 2501 }, (_, i) => `${writer.cursor.epoch}-${i}`));
    expect(await reader.earliest()).toEqual({ epoch: writer.cursor.epoch, offset: 0 });
    expect(await reader.tail()).toEqual(writer.cursor);
  });

  it('says that what follows a cursor was trimmed, where Redis itself would give the first survivor', async () => {
    await append(500);
    await client.xtrim(keys.log, 'MINID', `${writer.cursor.epoch}-300`);
    await expect(reader.range({ epoch: writer.cursor.epoch, offset: 100 }, 10)).rejects.toMatchObject({
      code: 'LOG_GAP',
    });
    expect(await reader.range({ epoch: writer.cursor.epoch, offset: 299 }, 1)).toHaveLength(1);
    const { ended } = follow(client, { epoch: writer.cursor.epoch, offset: 100 });
    expect(await ended).toMatchObject({ code: 'LOG_GAP' });
  });

  it('shows what is held around a cursor, whether it follows or not', async () => {
    await append(500);
    const { epoch } = writer.cursor;
    await client.xtrim(keys.log, 'MINID', `${epoch}-300`);
    expect(await reader.first({ epoch, offset: 100 })).toMatchObject({ epoch, offset: 300, topic: 'trade:BTCUSD' });
    expect(await reader.first(undefined)).toMatchObject({ offset: 300 });
    expect(await reader.first(writer.cursor)).toBeUndefined();
    const before = await reader.upTo({ epoch, offset: 400 }, 3);
    expect(before.map(idOf)).toEqual([398, 399, 400].map((offset) => `${epoch}-${offset}`));
    expect(await reader.upTo({ epoch, offset: 301 }, 100)).toHaveLength(2);
    expect(await reader.upTo({ epoch, offset: 299 }, 100)).toEqual([]);
  });

  it('stops waiting for a Redis that is away when it is told to', async () => {
    const proxy = await TcpProxy.start(redis);
    const through = connectRedis(proxy.url);
    stop.push(() => through.disconnect());
    await through.ping();
    await proxy.close();
    const abort = new AbortController();
    const read = new LogReader(through, keys, abort.signal).tail().catch((error: Error) => error);
    abort.abort();
    expect(await read).toBeInstanceOf(Error);
  });

  it('follows the tail in order, while it is being written', async () => {
    const { seen } = follow(client);
    for (let i = 0; i < 50; i++) await append(40);
    await until(() => seen.length === 2000);
    expect(seen).toEqual(Array.from({ length: 2000 }, (_, i) => `${writer.cursor.epoch}-${i + 1}`));
  });

  it('crosses into a new epoch that took over exactly where it stood', async () => {
    const { seen } = follow(client);
    await append(3);
    const next = new LogWriter({ client, keys, writer: 'w2', logicVersion: '1' });
    await next.claim();
    await next.openEpoch('test', '1-0', '{}');
    await next.append([{ topic: 'clock', payload: '{}' }], '2-0');
    await until(() => seen.length === 5);
    expect(seen.slice(-2)).toEqual([`${next.cursor.epoch}-0`, `${next.cursor.epoch}-1`]);
    const timeline = await Timeline.load(client, keys);
    expect(timeline.current).toMatchObject({ epoch: next.cursor.epoch, ordinal: 1 });
    expect(timeline.locate({ epoch: writer.cursor.epoch, offset: 3 })).toBe('held');
    expect(timeline.locate({ epoch: writer.cursor.epoch, offset: 4 })).toBe('forked');
  });

  it('reports a gap when Redis lost what it has already read', async () => {
    await append(5);
    const { seen, ended } = follow(client);
    await until(() => seen.length === 5);
    await client.multi().xdel(keys.log, `${writer.cursor.epoch}-5`).exec();
    await client.del(keys.log);
    await client.xadd(keys.log, `${writer.cursor.epoch}-4`, 'trade:BTCUSD', '{}');
    const next = new LogWriter({ client, keys, writer: 'w2', logicVersion: '1' });
    await next.claim();
    await next.openEpoch('log_replaced', '1-0', '{}');
    expect(await ended).toMatchObject({ code: 'LOG_GAP' });
  });

  it('goes on after an outage of Redis without a hole or a repeat', async () => {
    const { seen, states } = follow(client);
    await append(10);
    await until(() => seen.length === 10);
    await client.xadd(keys.inbox, '1-0', 'clock', '{}');
    await redis.restart();
    await append(10);
    await until(() => seen.length === 20);
    expect(seen).toEqual(Array.from({ length: 20 }, (_, i) => `${writer.cursor.epoch}-${i + 1}`));
    expect(states).toContain('disconnected');
    expect(states.at(-1)).toBe('connected');
  });

  it('says so and renews its connection when the tip moves but nothing arrives', async () => {
    const proxy = await TcpProxy.start(redis);
    stop.push(() => void proxy.close());
    const through = connectRedis(proxy.url);
    stop.push(() => through.disconnect());
    await through.ping();
    const { seen, states } = follow(through);
    await append(1);
    await until(() => seen.length === 1);
    proxy.stall();
    await append(5);
    await until(() => states.includes('disconnected') || states.includes('silent'), 15_000);
    proxy.resume();
    await until(() => seen.length === 6, 15_000);
  }, 40_000);
});
