import { setTimeout as sleep } from 'node:timers/promises';
import { connectRedis, partitionKeys } from '@depthcast/log';
import { progress } from '../engine/inbox.ts';
import type { TailAsk } from '../fanout/bare-tail.ts';
import { openPublisher } from '../fanout/contestant.ts';
import { isRecorded, type MixKind } from '../fanout/market-mix.ts';
import type { PublisherAsk } from '../fanout/publisher.ts';
import { runGateway } from '../fanout/run-gateway.ts';
import { type Bench, type BenchContext, type Figures, interleave, type Row, rowOf, SkipBench } from '../harness.ts';
import { processCpuUs } from '../process-cpu.ts';

const BATCH_MS = 10;
const SETTLE_MS = 1_000;
const ROUNDS = { warmUps: 1, rounds: 3 };
/** The longer the fewer they are: CPU time is told in steps of 10 ms. */
const LOADS = [
  { eventsPerSecond: 5_000, measureMs: 6_000 },
  { eventsPerSecond: 50_000, measureMs: 2_500 },
] as const;

/**
 * What following the log costs a gateway that has no clients: window, books, accounts and all. Beside it, at the same
 * time and on the same log, a process that reads and does nothing.
 */
export const gatewayTail: Bench = {
  name: 'gateway.tail',
  async run(context) {
    if (Number.isNaN(processCpuUs(process.pid))) throw new SkipBench('there is no /proc here to read CPU time from');
    const kinds: MixKind[] = isRecorded() ? ['venue', 'orders'] : ['orders'];
    if (!isRecorded()) context.note('the captures are not there (DEPTHCAST_DATA): order flow alone');
    const rows: Row[] = [];
    for (const kind of kinds) rows.push(...(await tailed(context, kind)));
    return rows;
  },
};

async function tailed(context: BenchContext, kind: MixKind): Promise<Row[]> {
  const { children } = context;
  const { url } = await context.redis();
  const client = connectRedis(url, { name: 'bench-tail' });
  try {
    const publisher = await openPublisher(context, { url, mix: kind, tickMs: BATCH_MS });
    const gateway = await runGateway(children, url);
    const bare = children.script('../fanout/bare-tail', import.meta.url);
    await bare.request<object>({ url, stream: partitionKeys().log, after: '0-1' } satisfies TailAsk);
    const measure = async ({ eventsPerSecond, measureMs }: (typeof LOADS)[number]): Promise<Figures<Figure>> => {
      await publisher.request({ kind: 'start', eventsPerSecond } satisfies PublisherAsk);
      await sleep(SETTLE_MS);
      const look = async () => ({
        events: (await progress(client)).events,
        ours: processCpuUs(gateway.pid),
        theirs: processCpuUs(bare.pid),
        ms: performance.now(),
      });
      const before = await look();
      await sleep(measureMs);
      const after = await look();
      await publisher.request({ kind: 'stop' } satisfies PublisherAsk);
      const events = after.events - before.events;
      const rate = (events / (after.ms - before.ms)) * 1_000;
      return { ours: (after.ours - before.ours) / events, theirs: (after.theirs - before.theirs) / events, rate };
    };
    const [slow, fast] = LOADS;
    const taken = await interleave({ slow: () => measure(slow), fast: () => measure(fast) }, ROUNDS);
    // Or both would go on with the next log.
    for (const { pid } of [gateway, bare]) process.kill(pid, 'SIGKILL');
    return (['slow', 'fast'] as const).map((load) => {
      const { ours, theirs, rate } = taken[load];
      const perSecond = (load === 'slow' ? slow : fast).eventsPerSecond;
      context.note(`${kind} at ${perSecond}/s: ${Math.round(rate.median)} events/s came`);
      return rowOf({
        name: `${gatewayTail.name}.${kind}.${perSecond / 1_000}k`,
        unit: 'µs/event',
        ours,
        reference: 'bare xreadBuffer',
        theirs,
        target: { on: 'value', atMost: 5 },
      });
    });
  } finally {
    client.disconnect();
  }
}

type Figure = 'ours' | 'theirs' | 'rate';
