import { LogReader, retireLog } from '@depthcast/log';
import type { Cursor } from '@depthcast/protocol';
import { startRedis, type TestRedis } from '@depthcast/testing';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { opening, Venue } from './testing/inputs.ts';
import { eventually, TestPartition } from './testing/test-partition.ts';

let redis: TestRedis;

beforeAll(async () => {
  redis = await startRedis();
});
afterAll(() => redis.stop());

const wait = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

/** Stores what it reads, here in an array, and then lets Redis go of it. */
class Journal {
  readonly stored: { topic: string; payload: string }[] = [];
  readonly #partition: TestPartition;
  readonly #reader: LogReader;
  #at: Cursor | undefined;

  constructor(partition: TestPartition) {
    this.#partition = partition;
    this.#reader = new LogReader(partition.client, partition.keys);
  }

  async step(): Promise<void> {
    const { client, keys } = this.#partition;
    const entries = await this.#reader.range(this.#at, 2_000);
    const last = entries.at(-1);
    if (last) this.#at = { epoch: last.epoch, offset: last.offset };
    for (const { topic, payload } of entries) {
      if (topic !== 'engine' && topic !== 'epoch') this.stored.push({ topic, payload: payload.toString() });
    }
    await retireLog(client, keys, this.#at, 100);
  }
}

describe('while a journal is down', () => {
  it('nothing that it has not stored is trimmed, producers hold back, and all of it drains when it is back', async () => {
    const partition = await TestPartition.open(redis.url);
    try {
      const journal = new Journal(partition);
      await journal.step();
      const leader = await partition.leader({ snapshotEveryEvents: 2_000, logBytesMax: 1_000_000 });
      await partition.produce(opening('BTCUSD'));
      const used = Number(/used_memory:(\d+)/.exec(await partition.client.info('memory'))?.[1]);
      await partition.client.config('SET', 'maxmemory', used + 8_000_000);
      const venue = new Venue();
      let isProduced = false;
      const producing = partition.produce(venue.flow(40_000)).then(() => {
        isProduced = true;
      });
      // It fills up, and stands.
      let before = -1;
      await eventually(async () => {
        const { offset } = await partition.tip();
        const stands = offset > 1_000 && offset === before;
        before = offset;
        await wait(1_000);
        return stands;
      }, 'a log that stands');
      expect(isProduced).toBe(false);
      expect(await partition.offsets()).toMatchObject({ first: 0 });
      // The engine says so: the journal cannot.
      const behind = () => (leader.journalLag?.events ?? 0) > 1_000 && (leader.journalLag?.seconds ?? 0) > 0.5;
      await eventually(behind, 'an engine that says how far the journal is behind');

      // Nobody is told; it only goes on.
      const wanted = partition.expected();
      const deadlineMs = Date.now() + 60_000;
      while (!isProduced || journal.stored.length < wanted.length) {
        if (Date.now() > deadlineMs) throw new Error(`${journal.stored.length} of ${wanted.length} are stored`);
        await journal.step();
        await wait(10);
      }
      await producing;
      expect(journal.stored).toEqual(wanted);
      expect((await partition.offsets()).count).toBeLessThan(10_000);
    } finally {
      await partition.client.config('SET', 'maxmemory', 0);
      await partition.close();
    }
  }, 120_000);
});
