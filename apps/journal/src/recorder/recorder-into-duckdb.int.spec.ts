import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { partitionKeys } from '@depthcast/log';
import { startRedis, type TestRedis, until } from '@depthcast/testing';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import type { JournalStore } from '../stores/journal-store.ts';
import { createStore } from '../stores/open-store.ts';
import { TestLog } from '../testing/test-log.ts';
import { TestRecorder } from '../testing/test-recorder.ts';

const keys = partitionKeys();

let redis: TestRedis;
let log: TestLog;
let store: JournalStore;
let dir: string;
const recorders: TestRecorder[] = [];

beforeAll(async () => {
  redis = await startRedis();
});
afterAll(() => redis.stop());
beforeEach(async () => {
  log = new TestLog(redis.url);
  await log.client.flushall();
  await log.open();
  dir = mkdtempSync(join(tmpdir(), 'depthcast-journal-'));
  store = createStore({ JOURNAL_FILE: join(dir, 'journal.duckdb') });
  await store.open();
});
afterEach(async () => {
  await Promise.all(recorders.splice(0).map((recorder) => recorder.stop()));
  log.close();
  await store.close();
  rmSync(dir, { recursive: true, force: true });
});

function record(into: JournalStore = store): TestRecorder {
  const recorder = new TestRecorder({ url: redis.url, store: into });
  recorders.push(recorder);
  return recorder;
}

const hasStored = async (id: string) => {
  const at = (await store.position(0))?.cursor;
  return at !== undefined && `${at.epoch}-${at.offset}` === id;
};
const stores = (id: string) => until(() => hasStored(id), 20_000, `${id} is stored`);

async function stored(): Promise<string[]> {
  const lines: string[] = [];
  for await (const rows of store.events({ partition: 0, everyAccount: true })) {
    for (const { epoch, offset, type, symbol, payload } of rows) {
      lines.push(`${epoch}-${offset} ${symbol === null ? type : `${type}:${symbol}`} ${payload}`);
    }
  }
  return lines;
}

/** Commits fail before they are carried out, or their answer is lost. */
function unreliable(inner: JournalStore): JournalStore {
  let calls = 0;
  return new Proxy(inner, {
    get(target, name) {
      const member = Reflect.get(target, name);
      if (name !== 'commit') return typeof member === 'function' ? member.bind(target) : member;
      return async (batch: Parameters<JournalStore['commit']>[0]) => {
        const call = ++calls % 4;
        if (call === 1) throw new Error('the database is away');
        const outcome = await target.commit(batch);
        if (call === 3) throw new Error('the answer is lost');
        return outcome;
      };
    },
  });
}

describe('a recorder into DuckDB', () => {
  it('stores each event once, though commits fail, and goes on after a restart', async () => {
    const recorder = record(unreliable(store));
    for (let i = 0; i < 40; i++) {
      await log.append(100);
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
    await stores(log.tail);
    expect(new Set(recorder.failures).size).toBe(2);
    await recorder.stop();
    await store.close();
    store = createStore({ JOURNAL_FILE: join(dir, 'journal.duckdb') });
    await store.open();
    const next = record();
    await log.append(100);
    await stores(log.tail);
    expect(await stored()).toEqual(await log.held());
    expect(next.compared[0]).toBe(2_000);
  }, 60_000);

  it('shares it with another one: every event once', async () => {
    const both = [record(), record()];
    for (let i = 0; i < 40; i++) {
      await log.append(50);
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
    await stores(log.tail);
    expect(await stored()).toEqual(await log.held());
    expect(both.reduce((sum, { stoodBy }) => sum + stoodBy, 0)).toBeGreaterThan(0);
  }, 60_000);

  it('records holes and orphans, and finds other bytes', async () => {
    const first = record();
    await log.append(10);
    const after = log.writer.cursor;
    await log.append(5);
    await stores(log.tail);
    await first.stop();
    const held = await log.client.xrange(keys.log, '-', `${after.epoch}-${after.offset}`);
    await log.client.del(keys.log);
    for (const [id, fields] of held) await log.client.xadd(keys.log, id, ...fields);
    await log.open('log_replaced');
    await log.append(30);
    const second = record();
    await stores(log.tail);
    await second.stop();
    expect(await stored()).toEqual(await log.held());
    expect((await store.partitions())[0]?.orphaned).toBe(5);

    const { epoch } = log.writer.cursor;
    await log.append(100);
    await log.client.xtrim(keys.log, 'MINID', `${epoch}-60`);
    const third = record();
    await stores(log.tail);
    await third.stop();
    expect(await store.holes(0)).toEqual([{ after: { epoch, offset: 30 }, next: { epoch, offset: 60 } }]);

    await log.client.del(keys.log);
    await log.client.xadd(keys.log, `${epoch}-130`, 'trade:BTCUSD', '{"other":1}');
    expect(await record().ended).toMatchObject({ code: 'JOURNAL_DIVERGED' });
  }, 60_000);
});
