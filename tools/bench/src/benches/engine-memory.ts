import { connectRedis, partitionKeys } from '@depthcast/log';
import { InboxFiller, progress } from '../engine/inbox.ts';
import { runEngine, untilInputs } from '../engine/run-engine.ts';
import { type Bench, rowOf } from '../harness.ts';
import { residentMib } from '../process-memory.ts';
import { spreadOf } from '../statistics.ts';

const INPUTS = 10_000_000;
const CHUNK = 100_000;
/** The inbox is kept so far ahead of the engine, and no farther: Redis has to hold it. */
const AHEAD_MAX = 200_000;
/** What comes before is the process finding its size. */
const SETTLED = 2_000_000;
const LOG_BYTES_MAX = String(64 << 20);
const keys = partitionKeys();

/** Ten million inputs through one engine: its resident memory at the end against that after two million. */
export const engineMemory: Bench = {
  name: 'engine.memory',
  longMsMax: 900_000,
  async run({ children, redis, note }) {
    const server = await redis();
    const client = connectRedis(server.url, { name: 'bench-memory' });
    try {
      const { pid } = await runEngine(children, server.url, { LOG_BYTES_MAX });
      const filler = new InboxFiller(client);
      const settled: number[] = [];
      const late: number[] = [];
      const startedMs = performance.now();
      while (filler.count < INPUTS) {
        await filler.fill(CHUNK);
        await untilInputs(client, filler.count - AHEAD_MAX);
        const bytes = residentMib(pid);
        if (filler.count > SETTLED && filler.count <= 2 * SETTLED) settled.push(bytes);
        if (filler.count > INPUTS - SETTLED) late.push(bytes);
      }
      await untilInputs(client, filler.count);
      const seconds = (performance.now() - startedMs) / 1000;
      const { events } = await progress(client);
      const held = await client.xlen(keys.log);
      note(`${filler.count} inputs, ${events} events in ${seconds.toFixed(0)} s; the log holds ${held} of them`);
      return [
        rowOf({
          name: this.name,
          unit: 'MiB',
          ours: spreadOf(late),
          reference: 'itself, from 2 to 4 million inputs',
          theirs: spreadOf(settled),
          target: { on: 'ratio', atMost: 1.1 },
        }),
      ];
    } finally {
      client.disconnect();
    }
  },
};
