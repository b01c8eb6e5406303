import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { connectRedis, readWatermark } from '@depthcast/log';
import { startRedis, type TestRedis, until } from '@depthcast/testing';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import type { JournalBatch, JournalStore } from '../stores/journal-store.ts';
import { createStore } from '../stores/open-store.ts';
import { startHistoryApp } from '../testing/history-app.ts';
import { TestLog, trade } from '../testing/test-log.ts';
import { TestRecorder, type TestRecorderOptions } from '../testing/test-recorder.ts';
import { recorderLimits } from './recorder-loop.ts';

const PARTITIONS = 4;
const numbers = Array.from({ length: PARTITIONS }, (_, partition) => partition);

let redis: TestRedis;
let logs: TestLog[];
let store: JournalStore;
let folder: string;
/** What keeps a partition from being stored. */
let onCommit: (batch: JournalBatch) => Promise<void>;
let recorders: TestRecorder[] = [];

beforeAll(async () => {
  redis = await startRedis();
});
afterAll(() => redis.stop());
beforeEach(async () => {
  const client = connectRedis(redis.url);
  await client.flushall();
  client.disconnect();
  logs = numbers.map((partition) => new TestLog(redis.url, partition));
  for (const log of logs) await log.open();
  folder = mkdtempSync(join(tmpdir(), 'depthcast-journal-'));
  await openStore();
});
afterEach(async () => {
  await kill();
  for (const log of logs) log.close();
  await store.close();
  rmSync(folder, { recursive: true, force: true });
});

async function openStore(): Promise<void> {
  store = createStore({ JOURNAL_FILE: join(folder, 'journal.duckdb') });
  await store.open();
  onCommit = async () => {};
}

/** One recorder a partition, all into one database, as in one process. */
function record(options: Partial<TestRecorderOptions> = {}): void {
  const limits = { ...recorderLimits(PARTITIONS), commitEveryMs: 0, standByMs: 100 };
  recorders = logs.map(
    ({ keys }) => new TestRecorder({ url: redis.url, keys, store: breakable(store), limits, ...options }),
  );
}

function breakable(inner: JournalStore): JournalStore {
  return new Proxy(inner, {
    get(target, name) {
      const member = Reflect.get(target, name);
      if (name !== 'commit') return typeof member === 'function' ? member.bind(target) : member;
      return async (batch: JournalBatch) => {
        await onCommit(batch);
        return target.commit(batch);
      };
    },
  });
}

/** As a SIGKILL would: what has been read and not stored is lost. */
async function kill(): Promise<void> {
  onCommit = async () => {
    throw new Error('killed');
  };
  await Promise.all(recorders.splice(0).map((recorder) => recorder.stop()));
}

const hasStored = async (partition: number) => {
  const at = (await store.position(partition))?.cursor;
  return at !== undefined && `${at.epoch}-${at.offset}` === logs[partition]?.tail;
};
const allStored = () =>
  until(async () => (await Promise.all(numbers.map(hasStored))).every(Boolean), 30_000, 'all logs are stored');

async function storedOf(partition: number): Promise<string[]> {
  const lines: string[] = [];
  for await (const rows of store.events({ partition, everyAccount: true })) {
    for (const { epoch, offset, type, symbol, payload } of rows) {
      lines.push(`${epoch}-${offset} ${symbol === null ? type : `${type}:${symbol}`} ${payload}`);
    }
  }
  return lines;
}

describe('four partitions into one journal', () => {
  it('are each stored once through deaths and restarts, and read as one: each event once', async () => {
    for (let round = 0; round < 6; round++) {
      record({ limits: { ...recorderLimits(PARTITIONS), rowsMax: 200, commitEveryMs: 0, standByMs: 100 } });
      // Of very different traffic; one has a new epoch now and then.
      await Promise.all(logs.map((log, p) => log.append(3 + 400 * p)));
      if (round % 2) await logs[1]?.open('test');
      await new Promise((resolve) => setTimeout(resolve, 15 * round));
      await kill();
      await store.close();
      await openStore();
    }
    record();
    await Promise.all(logs.map((log) => log.append(100)));
    await allStored();
    const held = await Promise.all(logs.map((log) => log.held()));
    for (const partition of numbers) {
      expect(await storedOf(partition)).toEqual(held[partition]);
      expect(await store.holes(partition)).toEqual([]);
    }
    expect((await store.partitions()).map(({ events, orphaned }) => ({ events, orphaned }))).toEqual(
      held.map((lines) => ({ events: lines.length, orphaned: 0 })),
    );
    expect(await store.epochs(1)).toHaveLength(4);

    const app = await startHistoryApp(store, folder, PARTITIONS);
    const seen: string[] = [];
    for (let next: string | null = ''; next !== null; ) {
      const page = await fetch(`${app.url}/api/history/events?limit=700${next && `&after=${next}`}`);
      const { events, next: further } = (await page.json()) as {
        events: { id: string; partition: number; type: string }[];
        next: string | null;
      };
      seen.push(...events.map(({ id, partition, type }) => `${partition} ${id} ${type}`));
      next = further;
    }
    await app.close();
    const union = held.flatMap((lines, p) =>
      lines.map((line) => `${p} ${line.split(' ')[0]} ${line.split(/[ :]/)[1]}`),
    );
    expect([...seen].sort()).toEqual(union.sort());
  }, 120_000);

  it('are each trimmed behind their own cursor, and one that cannot be stored holds no other up', async () => {
    const [stuck, ...others] = [2, 0, 1, 3] as const;
    onCommit = async ({ partition }) => {
      if (partition === stuck) throw new Error('this one is not taken');
    };
    record({ windowBytes: 1 });
    for (const log of logs) {
      await log.append(5_000);
      await log.snapshot();
    }
    const length = (partition: number) => logs[partition]?.client.xlen(logs[partition]?.keys.log ?? '');
    const watermark = async (partition: number) => {
      const { client, keys, writer } = logs[partition] as TestLog;
      const at = await readWatermark(client, keys);
      return { at, isTail: at?.epoch === writer.cursor.epoch && at.offset === writer.cursor.offset };
    };
    await until(async () => (await Promise.all(others.map(watermark))).every(({ isTail }) => isTail), 20_000);
    await until(async () => (await Promise.all(others.map(length))).every((held) => (held ?? 0) < 2_200), 20_000);
    expect(await length(stuck)).toBe(5_003);
    expect((await watermark(stuck)).at).toEqual({ epoch: 0, offset: 0 });
    expect(await store.position(stuck)).toBeUndefined();
    // Nor may its engine let go of anything.
    expect(await logs[stuck]?.writer.trim(10)).toBe(0);
    for (const partition of others) expect(await storedOf(partition)).toHaveLength(5_003);

    onCommit = async () => {};
    await until(async () => (await watermark(stuck)).isTail && ((await length(stuck)) ?? 0) < 2_200, 20_000);
    const stored = await storedOf(stuck);
    expect(stored.slice(-2_000)).toEqual((await logs[stuck]?.held())?.slice(-2_000));
    expect(stored).toHaveLength(5_003);
  }, 60_000);

  it('are told apart when one of them is another than what is stored: that one ends, and nothing of it goes in', async () => {
    record();
    for (const log of logs) await log.append(10);
    await allStored();
    await kill();
    await store.close();
    await openStore();
    const { client, keys } = logs[3] as TestLog;
    const held = await client.xrange(keys.log, '-', '+');
    await client.del(keys.log);
    for (const [id, [topic, payload]] of held) {
      await client.xadd(keys.log, id, topic as string, id.endsWith('-7') ? '{"other":1}' : (payload as string));
    }
    record();
    expect(await recorders[3]?.ended).toMatchObject({ code: 'JOURNAL_DIVERGED', exit: 4 });
    await logs[0]?.append(5, (n) => trade(n));
    await until(() => hasStored(0));
    expect((await store.position(3))?.cursor.offset).toBe(10);
  }, 60_000);
});
