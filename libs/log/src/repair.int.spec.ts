import { cpSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { crc32 } from 'node:zlib';
import type { LogEvent } from '@depthcast/protocol';
import { startRedis, TcpProxy, type TestRedis, until } from '@depthcast/testing';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { connectRedis, type RedisClient } from './connect.ts';
import { InboxReader } from './inbox-reader.ts';
import { partitionKeys } from './keys.ts';
import { LogReader } from './reader.ts';
import type { Repaired } from './repair.ts';
import { RETAIN_ENTRIES_MAX } from './retention.ts';
import { readSnapshots } from './snapshots.ts';
import { readTip } from './tip.ts';
import { LogWriter } from './writer.ts';

const keys = partitionKeys();
const signal = new AbortController().signal;

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

/** What Redis has on disk now. */
function backup(): string {
  const dir = mkdtempSync(join(tmpdir(), 'depthcast-backup-'));
  stop.push(() => rmSync(dir, { recursive: true }));
  cpSync(redis.dir, dir, { recursive: true });
  return dir;
}

/** Another Redis process takes over, without what has been written since `held`. */
async function rollBack(held: string, meanwhile = async () => {}): Promise<void> {
  await redis.kill();
  rmSync(redis.dir, { recursive: true });
  cpSync(held, redis.dir, { recursive: true });
  await meanwhile();
  await redis.start();
}

/** An engine as far as the log is concerned: its state is the number of events that it has handed over. */
class Engine {
  readonly writer: LogWriter;
  readonly repairs: Repaired[] = [];
  events = 0;
  onRepaired = () => {};
  #input = 0;

  constructor(through: RedisClient = client, name = 'w1') {
    this.writer = new LogWriter({
      client: through,
      keys,
      writer: name,
      logicVersion: '7',
      state: () => String(this.events),
      onRepaired: (repaired) => {
        this.repairs.push(repaired);
        this.onRepaired();
      },
    });
  }

  async start(): Promise<this> {
    await this.writer.claim();
    await this.writer.openEpoch('start', '0-0', '0');
    return this;
  }

  append(count = 1) {
    const events: LogEvent[] = [];
    for (let i = 0; i < count; i++) events.push({ topic: 'trade:BTCÜSD', payload: `{"n":${++this.events},"é":"✓"}` });
    return this.writer.append(events, `${++this.#input}-0`);
  }

  snapshot() {
    const books = [{ symbol: 'BTCUSD', state: '{}', isSynced: true }];
    return this.writer.storeSnapshot({ inboxId: `${this.#input}-0`, state: String(this.events), books });
  }
}

async function started(): Promise<Engine> {
  return new Engine().start();
}

/** The whole log after its epoch event; every number once, in order, and the chain up to the tip. */
async function expectWhole({ writer, events }: Engine): Promise<void> {
  const entries = await client.xrange(keys.log, '-', '+');
  const { epoch } = writer.cursor;
  expect(entries.findIndex(([id], i) => id !== `${epoch}-${i}`)).toBe(-1);
  const texts = entries.slice(1).map(([, [topic, payload]]) => `${topic}${payload}`);
  expect(texts).toHaveLength(events);
  expect(texts.findIndex((text, i) => text !== `trade:BTCÜSD{"n":${i + 1},"é":"✓"}`)).toBe(-1);
  expect(await readTip(client, keys)).toMatchObject({
    epoch,
    offset: events,
    crc: crc32(texts.join('')),
    term: 1,
    runId: writer.runId,
  });
}

describe('when Redis comes back without its last seconds', () => {
  it('the living writer puts the same ids and bytes there again, and goes on in its epoch', async () => {
    const engine = await started();
    for (let i = 0; i < 5; i++) await engine.append(3);
    const held = backup();
    for (let i = 0; i < 5; i++) await engine.append(3);
    const before = await client.xrange(keys.log, '-', '+');
    await rollBack(held);
    expect(await client.xlen(keys.log)).toBe(16);
    await engine.append(2);
    expect((await client.xrange(keys.log, '-', '+')).slice(0, 31)).toEqual(before);
    await expectWhole(engine);
    expect(engine.repairs).toEqual([{ inboxId: '0-0', reappended: 15 }]);
  });

  it('a reader that had seen the lost entries, and one that had not, see no difference', async () => {
    const engine = await started();
    await engine.append(3);
    const held = backup();
    await engine.append(3);
    const read = async (offset: number, count: number) => {
      const seen: string[] = [];
      const after = { epoch: engine.writer.cursor.epoch, offset };
      for await (const batch of new LogReader(client, keys).follow(after, { signal })) {
        seen.push(...batch.map((entry) => `${entry.offset} ${entry.payload}`));
        if (seen.length >= count) return seen;
      }
      return seen;
    };
    const fromStart = read(0, 8);
    const ahead = read(6, 2);
    await until(async () => String(await client.client('LIST')).match(/cmd=xread/g)?.length === 2);
    await rollBack(held);
    await engine.append(2);
    expect(await fromStart).toEqual(Array.from({ length: 8 }, (_, i) => `${i + 1} {"n":${i + 1},"é":"✓"}`));
    expect(await ahead).toEqual(['7 {"n":7,"é":"✓"}', '8 {"n":8,"é":"✓"}']);
  });

  it('what was on its way and what waited lands once, wherever the outage met it', async () => {
    for (const batches of [1, 2, 3, 40, 400]) {
      await client.flushall();
      const engine = await started();
      await engine.append(10);
      const held = backup();
      const appends = [engine.append(10)];
      await appends[0];
      const down = rollBack(held, async () => {
        // Handed over while nobody answers.
        appends.push(engine.append(5));
      });
      for (let i = 0; i < batches; i++) appends.push(engine.append(5));
      await down;
      const cursors = await Promise.all(appends);
      expect(cursors.map(({ offset }) => offset)).toEqual(cursors.map((_, i) => 20 + i * 5));
      await expectWhole(engine);
      const [newest] = await readSnapshots(client, keys);
      // The state that was stored is the one at the end of what was appended with it.
      expect(newest?.state).toBe(String(newest?.cursor.offset));
    }
  });

  it('the state is stored at the tip, with the inbox id that this Redis is sure to have', async () => {
    const engine = await started();
    await engine.append();
    await engine.snapshot();
    const held = backup();
    await engine.append();
    await engine.snapshot();
    await rollBack(held);
    await engine.append();
    const { epoch } = engine.writer.cursor;
    const newest = { cursor: { epoch, offset: 3 }, inboxId: '1-0', logicVersion: '7', state: '3' };
    expect(await readSnapshots(client, keys)).toEqual([newest]);
    expect(await readTip(client, keys)).toMatchObject({ offset: 3, inboxId: '1-0', logicVersion: '7' });
    // The next one finds it the older of the two.
    await engine.append();
    await engine.snapshot();
    expect(await readSnapshots(client, keys)).toEqual([
      { cursor: { epoch, offset: 4 }, inboxId: '4-0', logicVersion: '7', state: '4' },
      newest,
    ]);
  });

  it('a snapshot that meets it stores nothing: it names inputs that may be no more', async () => {
    const engine = await started();
    await engine.append();
    const held = backup();
    await engine.append();
    await rollBack(held);
    await engine.snapshot();
    expect(engine.repairs).toEqual([{ inboxId: '0-0', reappended: 1 }]);
    expect((await readSnapshots(client, keys))[0]).toMatchObject({ inboxId: '0-0', state: '2' });
    await engine.snapshot();
    await engine.append();
    await expectWhole(engine);
  });

  it('a snapshot that was asked for before it stores nothing either, though the log has moved on', async () => {
    const engine = await started();
    await engine.append();
    await redis.restart();
    engine.onRepaired = () => void engine.append();
    const appending = engine.append();
    await engine.snapshot();
    await appending;
    expect(engine.writer.cursor.offset).toBe(3);
    expect((await readSnapshots(client, keys))[0]).toMatchObject({ inboxId: '0-0', state: '2' });
  });

  it('one that lost nothing is taken over the same way', async () => {
    const engine = await started();
    await engine.append();
    await redis.restart();
    await engine.append();
    await expectWhole(engine);
    expect(engine.repairs).toEqual([{ inboxId: '0-0', reappended: 0 }]);
  });

  it('again and again, though no repair was on disk when the next one came', async () => {
    const engine = await started();
    for (let round = 0; round < 4; round++) {
      const held = backup();
      for (let i = 0; i < 3; i++) await engine.append(7);
      await rollBack(held);
    }
    await engine.writer.verify();
    await expectWhole(engine);
    expect(engine.repairs.map(({ reappended }) => reappended)).toEqual([21, 42, 63, 84]);
  });

  it('a repair whose reply is lost is done once', async () => {
    const proxy = await TcpProxy.start(redis);
    const proxied = connectRedis(proxy.url);
    stop.push(
      () => proxied.disconnect(),
      () => proxy.close(),
    );
    const engine = await new Engine(proxied).start();
    await engine.append(3);
    const held = backup();
    await engine.append(3);
    await rollBack(held);
    const swallowed = proxy.swallowReplyOf((request) => request.includes('previous.state'), { count: 2 });
    await engine.append(3);
    expect(swallowed.swallowed).toBe(2);
    await expectWhole(engine);
    expect(engine.repairs).toEqual([{ inboxId: '0-0', reappended: 3 }]);
  });

  it('nothing is repaired once somebody else has claimed', async () => {
    const engine = await started();
    await engine.append(3);
    const held = backup();
    await engine.append(3);
    await rollBack(held);
    const next = new LogWriter({ client, keys, writer: 'w2', logicVersion: '7' });
    expect((await next.claim()).broken).toBe('redis_replaced');
    await expect(engine.append()).rejects.toMatchObject({ code: 'FENCED' });
    await expect(engine.writer.room()).rejects.toMatchObject({ code: 'FENCED' });
    expect(await client.xlen(keys.log)).toBe(4);
    expect(engine.repairs).toEqual([]);
  });

  it('a writer that has been fenced repairs nothing, though Redis forgets by whom', async () => {
    const engine = await started();
    await engine.append(3);
    const held = backup();
    expect((await new Engine(client, 'w2').writer.claim()).broken).toBeUndefined();
    await expect(engine.append()).rejects.toMatchObject({ code: 'FENCED' });
    await rollBack(held);
    await expect(engine.append()).rejects.toMatchObject({ code: 'FENCED' });
    await expect(engine.writer.verify()).rejects.toMatchObject({ code: 'FENCED' });
  });

  it('nothing is repaired where more was lost than it remembers', async () => {
    const engine = await started();
    await engine.append();
    const held = backup();
    for (let i = 0; i <= RETAIN_ENTRIES_MAX / 10_000; i++) await engine.append(10_000);
    await rollBack(held);
    await expect(engine.append()).rejects.toMatchObject({ code: 'FENCED' });
    expect(await client.xlen(keys.log)).toBe(2);
  }, 30_000);

  it('all that it remembers is appended again in one step', async () => {
    const engine = await started();
    await engine.append(10_000);
    const held = backup();
    for (let i = 1; i < RETAIN_ENTRIES_MAX / 10_000; i++) await engine.append(10_000);
    await rollBack(held);
    await engine.append();
    await expectWhole(engine);
    expect(engine.repairs).toEqual([{ inboxId: '0-0', reappended: RETAIN_ENTRIES_MAX - 10_000 }]);
  }, 30_000);
});

describe('the inbox, beside a writer', () => {
  const add = async (...ids: string[]) => {
    for (const id of ids) await client.xadd(keys.inbox, id, 'clock', '{}');
  };

  it('is read again from where the repair says, even if the reader meets the new process first', async () => {
    const engine = await started();
    await add('1-0');
    await engine.append();
    await engine.snapshot();
    const held = backup();
    await add('5-0');
    await engine.append();
    const inbox = new InboxReader(client, keys, engine.writer);
    stop.push(() => inbox.close());
    expect((await inbox.read('1-0', 10, signal)).map(({ id }) => id)).toEqual(['5-0']);
    // Its clock is behind: what producers send again gets ids that seem to have been read.
    const blocked = inbox.read('5-0', 10, signal);
    await rollBack(held);
    await add('2-0', '3-0');
    expect(await blocked).toEqual([]);
    expect(engine.repairs).toEqual([{ inboxId: '1-0', reappended: 1 }]);
    expect((await inbox.read('1-0', 10, signal)).map(({ id }) => id)).toEqual(['2-0', '3-0']);
    await expectWhole(engine);
  });

  it('is not read from a Redis process that does not hold the log', async () => {
    const writer = {
      runId: 'of-another-process',
      repairs: 0,
      verified: 0,
      verify: async () => {
        // The log moves here at last.
        if (++writer.verified === 3) writer.runId = /run_id:(\w+)/.exec(await client.info('server'))?.[1] as string;
      },
    };
    await add('1-0');
    const inbox = new InboxReader(client, keys, writer);
    stop.push(() => inbox.close());
    expect((await inbox.read('0-0', 10, signal)).map(({ id }) => id)).toEqual(['1-0']);
    expect(writer.verified).toBe(3);
  });
});
