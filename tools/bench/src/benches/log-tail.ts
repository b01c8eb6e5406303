import { connectRedis, LogReader, partitionKeys, type RedisClient } from '@depthcast/log';
import { type Cursor, formatCursor } from '@depthcast/protocol';
import { Redis } from 'ioredis';
import { type Bench, cpuUsSince, interleave, rowOf } from '../harness.ts';
import { BATCH_ENTRIES, openLog, sampleBatch } from './log-fixture.ts';

const BATCHES = 300;
const ENTRIES = BATCHES * BATCH_ENTRIES;
/** Entries of one XREAD, on both sides: more outlive the young generation, fewer wait for more replies. */
const COUNT = 2_000;
const ROUNDS = { warmUps: 1, rounds: 7 };
const keys = partitionKeys();

/** Following a written log from its beginning, every entry decoded and checked, against bare XREADs of the same. */
export const logTail: Bench = {
  name: 'log.tail',
  async run({ redis }) {
    const server = await redis();
    const client = connectRedis(server.url, { name: 'bench-tail' });
    try {
      const writer = await openLog(client);
      const begin = writer.cursor;
      const batch = sampleBatch();
      for (let i = 1; i <= BATCHES; i++) await writer.append(batch, `${i}-0`);
      const taken = await interleave(
        { ours: () => timed(() => follow(client, begin)), theirs: () => timed(() => bareReads(server.url, begin)) },
        ROUNDS,
      );
      const { ours, theirs } = taken;
      const reference = 'bare xreadBuffer';
      return [
        rowOf({
          name: this.name,
          unit: 'entries/s',
          ours: ours.rate,
          reference,
          theirs: theirs.rate,
          target: { on: 'value', atLeast: 500_000 },
        }),
        rowOf({ name: `${this.name}.cpu`, unit: 'µs/entry', ours: ours.cpuUs, reference, theirs: theirs.cpuUs }),
      ];
    } finally {
      client.disconnect();
    }
  },
};

async function follow(client: RedisClient, begin: Cursor): Promise<number> {
  const abort = new AbortController();
  let seen = 0;
  for await (const entries of new LogReader(client, keys).follow(begin, { signal: abort.signal, countMax: COUNT })) {
    seen += entries.length;
    if (seen >= ENTRIES) break;
  }
  abort.abort();
  return seen;
}

async function bareReads(url: string, begin: Cursor): Promise<number> {
  const connection = new Redis(url);
  let after: string | Buffer = formatCursor(begin);
  let seen = 0;
  while (seen < ENTRIES) {
    const reply: [Buffer, [Buffer, Buffer[]][]][] | null = await connection.xreadBuffer(
      'COUNT',
      COUNT,
      'BLOCK',
      1_000,
      'STREAMS',
      keys.log,
      after,
    );
    const entries: [Buffer, Buffer[]][] | undefined = reply?.[0]?.[1];
    if (!entries) throw new Error(`the log ends after ${seen} entries`);
    seen += entries.length;
    after = (entries[entries.length - 1] as [Buffer, Buffer[]])[0];
  }
  connection.disconnect();
  return seen;
}

async function timed(work: () => Promise<number>): Promise<{ rate: number; cpuUs: number }> {
  const cpu = process.cpuUsage();
  const startedMs = performance.now();
  const seen = await work();
  const seconds = (performance.now() - startedMs) / 1000;
  return { rate: seen / seconds, cpuUs: cpuUsSince(cpu) / seen };
}
