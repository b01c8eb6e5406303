import { setTimeout as sleep } from 'node:timers/promises';
import { connectRedis, LogReader, partitionKeys } from '@depthcast/log';
import { formatCursor } from '@depthcast/protocol';
import type { Load, LoadAsk } from '../fanout/load-client.ts';
import type { PublisherAsk } from '../fanout/publisher.ts';
import { type Bench, type Figures, interleave, rowOf } from '../harness.ts';
import { runJournal, storedBy } from '../journal/run-journal.ts';
import { leaveRedis, resumedFromJournal } from '../past/leave-redis.ts';
import { runPastGateway } from '../past/past-gateway.ts';
import type { ReadingAsk } from '../past/reading-client.ts';

/** What ten clients are behind by, 160 MB: none of them is through within a round. */
const BEHIND_EVENTS = 400_000;
const FILL_PER_SECOND = 60_000;
const LIVE_PER_SECOND = 1_000;
const LIVE_CLIENTS = 100;
const DEEP_CLIENTS = 10;
const PATH = '/api/stream?types=all';
const ROUNDS = { warmUps: 1, rounds: 5 };
const SETTLE_MS = 500;
const MEASURE_MS = 3_000;
const LITTLE = { WINDOW_BYTES: String(2 ** 20) };

/**
 * A hundred live clients at 1,000 events/s, while ten others come back from the log's first event, long gone from
 * Redis. The reference is the same without the ten.
 */
export const gatewayDeepResume: Bench = {
  name: 'gateway.deep-resume',
  async run({ children, redis, note }) {
    const server = await redis();
    const client = connectRedis(server.url, { name: 'bench-deep' });
    try {
      const publisher = children.script('../fanout/publisher', import.meta.url);
      const publish = (ask: PublisherAsk) => publisher.request(ask);
      await publish({ kind: 'open', url: server.url });
      const first = await new LogReader(client, partitionKeys()).earliest();
      if (!first) throw new Error('the log is empty');
      const journal = await runJournal(children, server.url, LITTLE);
      await publish({ kind: 'start', eventsPerSecond: FILL_PER_SECOND });
      while ((await storedBy(journal)) < BEHIND_EVENTS) await sleep(100);
      await publish({ kind: 'stop' });
      await leaveRedis(client, journal, first);

      const { pid, port } = await runPastGateway(children, server.url, journal.url);
      const load = children.script('../fanout/load-client', import.meta.url);
      const deep = children.script('../past/reading-client', import.meta.url);
      await load.request<object>({ kind: 'connect', port, paths: [PATH], clients: LIVE_CLIENTS } satisfies LoadAsk);
      await publish({ kind: 'start', eventsPerSecond: LIVE_PER_SECOND });
      let megabytes = 0;
      let deepStarted = 0;
      const measure = async (): Promise<Figures<'p99Ms' | 'cores'>> => {
        await sleep(SETTLE_MS);
        const ask: LoadAsk = { kind: 'measure', ms: MEASURE_MS, pids: [pid] };
        const { p99Ms, cpuUs, elapsedUs } = await load.request<Load>(ask);
        return { p99Ms, cores: (cpuUs[0] ?? Number.NaN) / elapsedUs };
      };
      const ours = async () => {
        const path = `${PATH}&last_id=${formatCursor(first)}`;
        await deep.request({ kind: 'connect', port, path, clients: DEEP_CLIENTS } satisfies ReadingAsk);
        const figures = await measure();
        deepStarted += DEEP_CLIENTS;
        const { bytes } = await deep.request<{ bytes: number }>({ kind: 'disconnect' } satisfies ReadingAsk);
        megabytes = bytes / 1e6;
        return figures;
      };
      const taken = await interleave({ ours, theirs: measure }, ROUNDS);
      const fromJournal = await resumedFromJournal(port);
      if (fromJournal !== deepStarted) throw new Error(`${fromJournal} of ${deepStarted} came back from the journal`);
      const cores = (who: 'ours' | 'theirs') => taken[who].cores.median.toFixed(2);
      note(
        `the gateway used ${cores('ours')} cores with the ten, ${cores('theirs')} without; the target is 1.2 × + 1 ms`,
      );
      note(`the ten were sent ${megabytes.toFixed(0)} MB of the past in the last round`);
      await journal.end();
      return [
        rowOf({
          name: `${this.name}.p99`,
          unit: 'ms',
          ours: taken.ours.p99Ms,
          reference: 'the same without them',
          theirs: taken.theirs.p99Ms,
          target: { on: 'value', atMost: Math.round((1.2 * taken.theirs.p99Ms.median + 1) * 100) / 100 },
        }),
      ];
    } finally {
      client.disconnect();
    }
  },
};
