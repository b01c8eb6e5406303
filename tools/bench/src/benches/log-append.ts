import { connectRedis, type RedisClient } from '@depthcast/log';
import type { LogEvent } from '@depthcast/protocol';
import { Redis } from 'ioredis';
import { type Bench, cpuUsSince, interleave, rowOf } from '../harness.ts';
import type { PrivateRedis } from '../private-redis.ts';
import { BATCH_ENTRIES, openLog, sampleBatch } from './log-fixture.ts';

const BATCHES = 200;
const ENTRIES = BATCHES * BATCH_ENTRIES;
const ROUNDS = { warmUps: 1, rounds: 9 };

/** Whole batches through append.lua, two under way as the engine sends them, against pipelined XADD of the same. */
export const logAppend: Bench = {
  name: 'log.append',
  async run({ redis }) {
    const server = await redis();
    const client = connectRedis(server.url, { name: 'bench-append' });
    const bare = new Redis(server.url);
    const batch = sampleBatch();
    try {
      const taken = await interleave(
        { ours: () => appendRound(server, client, batch), theirs: () => xaddRound(server, bare, batch) },
        ROUNDS,
      );
      const { ours, theirs } = taken;
      const reference = 'pipelined XADD';
      return [
        rowOf({
          name: this.name,
          unit: 'events/s',
          ours: ours.rate,
          reference,
          theirs: theirs.rate,
          target: { on: 'value', atLeast: 300_000 },
        }),
        rowOf({ name: `${this.name}.cpu`, unit: 'µs/event', ours: ours.cpuUs, reference, theirs: theirs.cpuUs }),
      ];
    } finally {
      client.disconnect();
      bare.disconnect();
    }
  },
};

async function appendRound(server: PrivateRedis, client: RedisClient, batch: LogEvent[]) {
  await server.empty();
  const writer = await openLog(client);
  return timed(async () => {
    let [older, newer]: Promise<unknown>[] = [];
    for (let i = 1; i <= BATCHES; i++) {
      await older;
      [older, newer] = [newer, writer.append(batch, `${i}-0`)];
    }
    await Promise.all([older, newer]);
  });
}

async function xaddRound(server: PrivateRedis, client: Redis, batch: LogEvent[]) {
  await server.empty();
  return timed(async () => {
    for (let i = 1; i <= BATCHES; i++) {
      const pipeline = client.pipeline();
      for (const { topic, payload } of batch) pipeline.xadd('bench:xadd', '*', topic, payload);
      await pipeline.exec();
    }
  });
}

async function timed(work: () => Promise<void>): Promise<{ rate: number; cpuUs: number }> {
  const cpu = process.cpuUsage();
  const startedMs = performance.now();
  await work();
  const seconds = (performance.now() - startedMs) / 1000;
  return { rate: ENTRIES / seconds, cpuUs: cpuUsSince(cpu) / ENTRIES };
}
