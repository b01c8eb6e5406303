import { connectRedis, partitionKeys, type RedisClient } from '@depthcast/log';
import { Redis } from 'ioredis';
import { InboxFiller, progress } from '../engine/inbox.ts';
import { runEngine, untilInputs } from '../engine/run-engine.ts';
import { type Bench, type BenchContext, type Figures, interleave, rowOf } from '../harness.ts';
import type { PrivateRedis } from '../private-redis.ts';
import { processCpuUs } from '../process-cpu.ts';

const INPUTS = 400_000;
/** The engine is still compiling itself before. */
const WARM_INPUTS = 100_000;
const ROUNDS = { warmUps: 0, rounds: 3 };
const READ = 500;
const keys = partitionKeys();

/**
 * The built engine app on an inbox that is full when it starts: orders in, matched, their events appended. The
 * reference does the same reads and writes and nothing else.
 */
export const engineInbox: Bench = {
  name: 'engine.inbox',
  async run(context) {
    const server = await context.redis();
    const client = connectRedis(server.url, { name: 'bench-engine' });
    let eventsPerInput = 3;
    try {
      const ours = async () => {
        const { perInput, ...figures } = await engineRound(context, server, client);
        eventsPerInput = perInput;
        return figures;
      };
      const taken = await interleave({ ours, theirs: () => relayRound(server, client, eventsPerInput) }, ROUNDS);
      context.note(`${INPUTS} orders and cancels of one symbol, ${eventsPerInput.toFixed(2)} events an input`);
      const reference = 'bare XREAD and pipelined XADD';
      const row = { reference, unit: 'inputs/s' };
      return [
        rowOf({
          ...row,
          name: this.name,
          ours: taken.ours.rate,
          theirs: taken.theirs.rate,
          target: { on: 'value', atLeast: 60_000 },
        }),
        rowOf({
          ...row,
          name: `${this.name}.cpu`,
          unit: 'µs/input',
          ours: taken.ours.cpuUs,
          theirs: taken.theirs.cpuUs,
        }),
      ];
    } finally {
      client.disconnect();
    }
  },
};

async function engineRound(
  { children }: BenchContext,
  server: PrivateRedis,
  client: RedisClient,
): Promise<Figures<'rate' | 'cpuUs' | 'perInput'>> {
  await server.empty();
  const filler = new InboxFiller(client);
  await filler.fill(INPUTS);
  const { pid } = await runEngine(children, server.url);
  await untilInputs(client, WARM_INPUTS);
  const cpuUs = processCpuUs(pid);
  const startedMs = performance.now();
  const before = await progress(client);
  await untilInputs(client, filler.count);
  const seconds = (performance.now() - startedMs) / 1000;
  const cpu = processCpuUs(pid) - cpuUs;
  const after = await progress(client);
  await children.stop();
  const inputs = after.inputs - before.inputs;
  return { rate: inputs / seconds, cpuUs: cpu / inputs, perInput: (after.events - before.events) / inputs };
}

/** Reads the same inbox and writes as many events of the engine's usual size, two pipelines under way. */
async function relayRound(
  server: PrivateRedis,
  client: RedisClient,
  eventsPerInput: number,
): Promise<Figures<'rate' | 'cpuUs'>> {
  await server.empty();
  await new InboxFiller(client).fill(INPUTS);
  const reader = new Redis(server.url);
  const payload = JSON.stringify({ type: 'book_change', filler: 'x'.repeat(170) });
  const cpu = process.cpuUsage();
  const startedMs = performance.now();
  let [older, newer]: Promise<unknown>[] = [];
  let inputs = 0;
  let events = 0;
  for (let after = '0-0'; ; ) {
    const reply = await reader.xread('COUNT', READ, 'STREAMS', keys.inbox, after);
    const entries = reply?.[0]?.[1] ?? [];
    if (entries.length === 0) break;
    after = (entries.at(-1) as [string, string[]])[0];
    inputs += entries.length;
    const pipeline = client.pipeline();
    for (; events < inputs * eventsPerInput; events++) pipeline.xadd(keys.log, '*', 'book_change:BTCUSD', payload);
    await older;
    [older, newer] = [newer, pipeline.exec()];
  }
  await Promise.all([older, newer]);
  const seconds = (performance.now() - startedMs) / 1000;
  reader.disconnect();
  const { user, system } = process.cpuUsage(cpu);
  return { rate: inputs / seconds, cpuUs: (user + system) / inputs };
}
