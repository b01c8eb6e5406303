import { setTimeout as sleep } from 'node:timers/promises';
import { connectRedis, LogReader, partitionKeys } from '@depthcast/log';
import { formatCursor } from '@depthcast/protocol';
import { openPublisher } from '../fanout/contestant.ts';
import type { Load, LoadAsk } from '../fanout/load-client.ts';
import type { PublisherAsk } from '../fanout/publisher.ts';
import { runGateway } from '../fanout/run-gateway.ts';
import type { SlowAsk } from '../fanout/slow-clients.ts';
import { type Bench, type Figures, interleave, rowOf } from '../harness.ts';
import type { ReadingAsk } from '../past/reading-client.ts';

const PER_SECOND = 5_000;
const FAST_CLIENTS = 100;
const SLOW = { trickling: 100, silent: 100 };
const BACK_CLIENTS = 10;
/** 120 MB, most of it in Redis alone: none of the ten is through within a round. */
const BEHIND_EVENTS = 250_000;
const FILL_PER_SECOND = 60_000;
/** In which the kernel's buffers of who does not read have become full, and its session has left the head. */
const SETTLE_MS = 4_000;
const MEASURE_MS = 3_000;
const POLL_MS = 50;
const PATH = '/api/stream?types=all';
const ROUNDS = { warmUps: 1, rounds: 5 };

/**
 * A hundred fast clients at 5,000 events/s beside two hundred that read a KiB a second or not at all, and beside ten who
 * come back from the log's first event, which Redis holds and the gateway does not. The reference is the same without
 * either.
 */
export const gatewaySlowClients: Bench = {
  name: 'gateway.slow-clients',
  async run(context) {
    const { children, note } = context;
    const server = await context.redis();
    const client = connectRedis(server.url, { name: 'bench-slow' });
    try {
      const publisher = await openPublisher(context, { url: server.url });
      const publish = (ask: PublisherAsk) => publisher.request(ask);
      const reader = new LogReader(client, partitionKeys());
      const first = await reader.earliest();
      if (!first) throw new Error('the log is empty');
      await publish({ kind: 'start', eventsPerSecond: FILL_PER_SECOND });
      while (((await reader.tail())?.offset ?? 0) < BEHIND_EVENTS) await sleep(POLL_MS);
      await publish({ kind: 'stop' });

      const { pid, port } = await runGateway(children, server.url, { WINDOW_BYTES: String(4 << 20) });
      const load = children.script('../fanout/load-client', import.meta.url);
      const slow = children.script('../fanout/slow-clients', import.meta.url);
      const back = children.script('../past/reading-client', import.meta.url);
      await load.request<object>({ kind: 'connect', port, paths: [PATH], clients: FAST_CLIENTS } satisfies LoadAsk);
      await publish({ kind: 'start', eventsPerSecond: PER_SECOND });
      const measure = async (): Promise<Figures<'p99Ms' | 'cores'>> => {
        const ask: LoadAsk = { kind: 'measure', ms: MEASURE_MS, pids: [pid] };
        const { p99Ms, cpuUs, elapsedUs } = await load.request<Load>(ask);
        return { p99Ms, cores: (cpuUs[0] ?? Number.NaN) / elapsedUs };
      };
      let megabytes = 0;
      const taken = await interleave(
        {
          slow: async () => {
            await slow.request({ kind: 'connect', port, path: PATH, ...SLOW } satisfies SlowAsk);
            await sleep(SETTLE_MS);
            const figures = await measure();
            await slow.request({ kind: 'disconnect' } satisfies SlowAsk);
            return figures;
          },
          alone: measure,
          back: async () => {
            const path = `${PATH}&last_id=${formatCursor(first)}`;
            await back.request({ kind: 'connect', port, path, clients: BACK_CLIENTS } satisfies ReadingAsk);
            const figures = await measure();
            megabytes =
              (await back.request<{ bytes: number }>({ kind: 'disconnect' } satisfies ReadingAsk)).bytes / 1e6;
            return figures;
          },
        },
        ROUNDS,
      );
      await publish({ kind: 'stop' });
      const cores = (who: 'slow' | 'alone' | 'back') => taken[who].cores.median.toFixed(2);
      note(
        `the gateway used ${cores('slow')} cores with the 200, ${cores('back')} with the ten, ${cores('alone')} without`,
      );
      note(`the ten were sent ${megabytes.toFixed(0)} MB of the past in the last round; the targets are 1.2 × + 1 ms`);
      const atMost = Math.round((1.2 * taken.alone.p99Ms.median + 1) * 100) / 100;
      const row = (suffix: string, who: 'slow' | 'back') =>
        rowOf({
          name: `${this.name}${suffix}`,
          unit: 'ms',
          ours: taken[who].p99Ms,
          reference: 'the same without them',
          theirs: taken.alone.p99Ms,
          target: { on: 'value', atMost },
        });
      return [row('.p99', 'slow'), row('.back-from-redis.p99', 'back')];
    } finally {
      client.disconnect();
    }
  },
};
