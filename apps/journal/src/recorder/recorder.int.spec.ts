import { partitionKeys, readWatermark } from '@depthcast/log';
import { startRedis, type TestRedis, until } from '@depthcast/testing';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { ModelStore } from '../testing/model-store.ts';
import { TestLog } from '../testing/test-log.ts';
import { TestRecorder, type TestRecorderOptions } from '../testing/test-recorder.ts';

const keys = partitionKeys();

let redis: TestRedis;
let log: TestLog;
let store: ModelStore;
const recorders: TestRecorder[] = [];

beforeAll(async () => {
  redis = await startRedis({ appendonly: true });
});
afterAll(() => redis.stop());
beforeEach(async () => {
  log = new TestLog(redis.url);
  await log.client.flushall();
  await log.open();
  store = new ModelStore();
});
afterEach(async () => {
  await Promise.all(recorders.splice(0).map((recorder) => recorder.stop()));
  log.close();
});

function record(options: Partial<TestRecorderOptions> = {}): TestRecorder {
  const recorder = new TestRecorder({ url: redis.url, store, ...options });
  recorders.push(recorder);
  return recorder;
}

/** The same failures in each run. */
class SeededRandom {
  #state: number;

  constructor(seed: number) {
    this.#state = seed;
  }

  unit(): number {
    this.#state = (Math.imul(this.#state, 1_664_525) + 1_013_904_223) >>> 0;
    return this.#state / 2 ** 32;
  }
}

const stores = (id: string) => until(() => store.ids().at(-1) === id, 20_000, `${id} is stored`);
const stored = () =>
  store.partition().rows.map(({ epoch, offset, type, symbol, payload }) => {
    const topic = symbol === null ? type : `${type}:${symbol}`;
    return `${epoch}-${offset} ${topic} ${payload}`;
  });

describe('a recorder', () => {
  it('stores the log from its first entry on, byte for byte, and follows it', async () => {
    await log.append(3_000);
    record();
    await stores(log.tail);
    for (let i = 0; i < 20; i++) await log.append(1 + i);
    await stores(log.tail);
    expect(stored()).toEqual(await log.held());
    expect(store.partition().epochs).toMatchObject([{ ordinal: 0, previousTail: null, reason: 'start' }]);
    expect(store.partition().holes).toEqual([]);
  });

  it('waits for a log that is not there yet, and goes into batches no larger than it may', async () => {
    await log.client.flushall();
    record({ limits: { rowsMax: 300, bytesMax: 1e9 } });
    await new Promise((resolve) => setTimeout(resolve, 300));
    let rowsMax = 0;
    store.beforeCommit = async ({ rows }) => {
      rowsMax = Math.max(rowsMax, rows.length);
      await new Promise((resolve) => setTimeout(resolve, 5));
    };
    await log.open();
    await log.append(20_000);
    await stores(log.tail);
    expect(store.partition().rows).toHaveLength(20_001);
    // One reply beyond the bound, since a reply is taken whole.
    expect(rowsMax).toBeLessThan(300 + 2_000);
    expect(rowsMax).toBeGreaterThan(300);
  });

  it('stores each event once, though commits fail at random, before they are carried out or after', async () => {
    const random = new SeededRandom(7);
    const failing = (share: number, what: string) => async () => {
      if (random.unit() < share) throw new Error(what);
    };
    store.beforeCommit = failing(0.2, 'the database is away');
    store.afterCommit = failing(0.2, 'the answer is lost');
    store.beforeRead = failing(0.5, 'the database is still away');
    const recorder = record({ limits: { rowsMax: 50 } });
    for (let i = 0; i < 60; i++) {
      await log.append(20);
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
    await stores(log.tail);
    expect(stored()).toEqual(await log.held());
    expect(new Set(recorder.failures).size).toBe(3);
  });

  it('begins again at what is stored after a death at any moment, and compares it with the log first', async () => {
    for (let i = 0; i < 8; i++) {
      const recorder = record({ limits: { rowsMax: 100 } });
      await log.append(300);
      await new Promise((resolve) => setTimeout(resolve, Math.random() * 20));
      // As a SIGKILL would: what it has read and not stored is lost, and it may be in the midst of a commit.
      store.beforeCommit = async () => {
        throw new Error('killed');
      };
      await recorder.stop();
      store.beforeCommit = async () => {};
    }
    const last = record();
    await stores(log.tail);
    expect(stored()).toEqual(await log.held());
    await until(() => last.compared.length > 0);
    expect(last.compared[0]).toBeGreaterThan(0);
  });

  it('shares a database with another one: every event once, and the second waits', async () => {
    const both = [record(), record()];
    for (let i = 0; i < 60; i++) {
      await log.append(50);
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
    await stores(log.tail);
    expect(stored()).toEqual(await log.held());
    expect(both.reduce((sum, { stoodBy }) => sum + stoodBy, 0)).toBeGreaterThan(0);
    // The one that is left takes over.
    await both[0]?.stop();
    await log.append(50);
    await stores(log.tail);
    expect(stored()).toEqual(await log.held());
  });

  it('goes on in a new epoch that took over where it stood, and counts the epochs', async () => {
    record();
    await log.append(10);
    await stores(log.tail);
    await log.open('test');
    await log.append(10);
    await stores(log.tail);
    expect(stored()).toEqual(await log.held());
    expect(store.partition().epochs.map(({ ordinal, reason }) => [ordinal, reason])).toEqual([
      [0, 'start'],
      [1, 'test'],
    ]);
    expect(store.partition().holes).toEqual([]);
  });

  it('records a hole where the log was trimmed before it could be stored, and goes on behind it', async () => {
    const first = record();
    await log.append(10);
    await stores(log.tail);
    const after = log.writer.cursor;
    await first.stop();
    await log.append(500);
    const next = { epoch: after.epoch, offset: 300 };
    await log.client.xtrim(keys.log, 'MINID', `${next.epoch}-${next.offset}`);
    record();
    await stores(log.tail);
    expect(store.partition().holes).toEqual([{ after, next }]);
    expect(stored().slice(11)).toEqual(await log.held());
  });

  it('that begins late records what was before it as a hole, and its epoch as one whose opening is unknown', async () => {
    await log.append(500);
    const { epoch } = log.writer.cursor;
    await log.client.xtrim(keys.log, 'MINID', `${epoch}-300`);
    record();
    await stores(log.tail);
    expect(store.partition().holes).toEqual([{ after: null, next: { epoch, offset: 300 } }]);
    expect(store.partition().epochs).toEqual([{ epoch, ordinal: 0, previousTail: null, reason: 'unrecorded' }]);
  });

  it('marks as orphaned what Redis had lost when a new epoch began', async () => {
    const first = record();
    await log.append(10);
    const tail = log.writer.cursor;
    await log.append(5);
    await stores(log.tail);
    await first.stop();
    // Redis comes back without its end.
    const held = await log.client.xrange(keys.log, '-', `${tail.epoch}-${tail.offset}`);
    await log.client.del(keys.log);
    for (const [id, fields] of held) await log.client.xadd(keys.log, id, ...fields);
    await log.open('log_replaced');
    await log.append(3);
    record();
    await stores(log.tail);
    expect(store.orphans()).toEqual([11, 12, 13, 14, 15]);
    expect(store.ids()).toEqual((await log.held()).map((line) => line.split(' ')[0]));
    expect(store.partition().holes).toEqual([]);
  });

  it('sees such a fork while it follows', async () => {
    const recorder = record();
    await log.append(15);
    await stores(log.tail);
    const { epoch } = log.writer.cursor;
    const held = await log.client.xrange(keys.log, '-', `${epoch}-10`);
    // In one step, as nobody can read between.
    const swap = log.client.multi().del(keys.log);
    for (const [id, fields] of held) swap.xadd(keys.log, id, ...fields);
    await swap.exec();
    await log.open('log_replaced');
    await log.append(3);
    await stores(log.tail);
    expect(store.orphans()).toEqual([11, 12, 13, 14, 15]);
    expect(recorder.begunAgain.some((why) => why.includes(`after ${epoch}-15 came`))).toBe(true);
  });

  it('goes on with an emptied Redis: a hole whose end is the new epoch', async () => {
    record();
    await log.append(10);
    await stores(log.tail);
    const after = log.writer.cursor;
    await log.client.flushall();
    await log.open('start');
    await log.append(3);
    await stores(log.tail);
    expect(store.partition().holes).toEqual([{ after, next: { epoch: log.writer.cursor.epoch, offset: 0 } }]);
    expect(store.partition().epochs.map(({ ordinal }) => ordinal)).toEqual([0, 1]);
    await until(async () => (await readWatermark(log.client, keys))?.epoch === log.writer.cursor.epoch);
  });

  it('ends when the log holds other bytes under an id that is stored, and stores nothing of it', async () => {
    const first = record();
    await log.append(10);
    await stores(log.tail);
    await first.stop();
    const held = await log.client.xrange(keys.log, '-', '+');
    const watermark = await readWatermark(log.client, keys);
    await log.client.del(keys.log);
    for (const [id, [topic, payload]] of held) {
      const changed = id.endsWith('-7') ? payload?.replace('100.5', '100.6') : payload;
      await log.client.xadd(keys.log, id, topic as string, changed as string);
    }
    await log.append(5);
    const error = await record().ended;
    expect(error).toMatchObject({ code: 'JOURNAL_DIVERGED', exit: 4 });
    expect(error?.message).toMatch(/-7 the log holds trade:BTCUSD .*100\.6.* stored is .*100\.5/);
    expect(store.partition().rows).toHaveLength(11);
    expect(await readWatermark(log.client, keys)).toEqual(watermark);
  });

  it('ends when the log is older than what is stored, unless a new epoch opens in time', async () => {
    const first = record();
    await log.append(10);
    await stores(log.tail);
    const { epoch } = log.writer.cursor;
    await log.open('test');
    await log.append(2);
    await stores(log.tail);
    await first.stop();
    const forget = async () => {
      record({ limits: { olderLogMs: 10_000 } });
      const lost = log.writer.cursor;
      for (let offset = 0; offset <= lost.offset; offset++) await log.client.xdel(keys.log, `${lost.epoch}-${offset}`);
      await log.client.xsetid(keys.log, `${epoch}-10`);
      await log.client.hset(keys.tip, 'epoch', epoch, 'offset', 10);
    };
    await forget();
    const error = await record({ limits: { olderLogMs: 300 } }).ended;
    expect(error).toMatchObject({ code: 'JOURNAL_DIVERGED', exit: 4 });

    record({ limits: { olderLogMs: 10_000 } });
    const lost = log.writer.cursor.epoch;
    // How far on the next epoch is, is drawn; it comes after the lost one where clocks do not stand still.
    do {
      await forget();
      await log.open('log_replaced');
    } while (log.writer.cursor.epoch < lost);
    await log.append(1);
    await stores(log.tail);
    expect(store.orphans()).toHaveLength(3);
    expect(store.ids()).toEqual((await log.held()).map((line) => line.split(' ')[0]));
  });

  it('trims behind what is stored, keeps a window for readers, and holds everything else back', async () => {
    let isAway = true;
    store.beforeCommit = async () => {
      if (isAway) throw new Error('the database is away');
    };
    const recorder = record({ windowBytes: 300_000 });
    await until(async () => (await readWatermark(log.client, keys)) !== undefined);
    expect(await readWatermark(log.client, keys)).toEqual({ epoch: 0, offset: 0 });
    await log.append(20_000);
    await log.snapshot();
    expect(await log.writer.trim(10)).toBe(0);
    isAway = false;
    await until(async () => (await log.client.xlen(keys.log)) < 10_000, 15_000);
    expect(recorder.retired).toBeGreaterThan(10_000);
    await stores(log.tail);
    expect(store.partition().rows).toHaveLength(20_003);
    await until(async () => (await readWatermark(log.client, keys))?.offset === log.writer.cursor.offset);
    const bytes = (await log.client.memory('USAGE', keys.log, 'SAMPLES', 0)) ?? 0;
    expect(bytes).toBeGreaterThan(200_000);
    expect(bytes).toBeLessThan(500_000);
    // The engine may trim further now, and is held back by nothing that is stored.
    expect(await log.writer.trim(10)).toBeGreaterThan(0);
  });

  it('says the watermark again to a Redis that has lost it', async () => {
    record();
    await log.append(10);
    await stores(log.tail);
    await until(async () => (await readWatermark(log.client, keys))?.offset === 10);
    await log.client.del(keys.watermark);
    await until(async () => (await readWatermark(log.client, keys))?.offset === 10);
  });
});
