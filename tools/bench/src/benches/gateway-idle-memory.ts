import { readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Script } from '../children.ts';
import { openPublisher } from '../fanout/contestant.ts';
import type { LoadAsk } from '../fanout/load-client.ts';
import type { PublisherAsk } from '../fanout/publisher.ts';
import { runGateway } from '../fanout/run-gateway.ts';
import { type Bench, type BenchContext, interleave, rowOf, SkipBench } from '../harness.ts';
import { residentMib } from '../process-memory.ts';

const SESSIONS = 10_000;
/** What each side has open besides. */
const OTHER_FILES = 200;
/** Whatever a first client makes a process load is not a session's. */
const WARM_UP_SESSIONS = 500;
const SETTLE_MS = 3_000;
const ROUNDS = { warmUps: 0, rounds: 3 };
const KIB_PER_MIB = 1_024;

interface Waiting {
  readonly pid: number;
  readonly port: number;
  readonly path: string;
  end(): void;
}

/**
 * How much the resident memory of a gateway grows with 10,000 sessions of `/api/stream` that are sent nothing but what
 * keeps them open. The reference is plain Node with as many responses that are never ended. Each round has processes of
 * its own, since a heap that has grown once does not shrink.
 */
export const gatewayIdleMemory: Bench = {
  name: 'gateway.idle-memory',
  async run(context) {
    const { children, redis, note } = context;
    const filesMax = openFilesMax();
    if (filesMax < SESSIONS + OTHER_FILES) {
      throw new SkipBench(
        `a process may open ${filesMax} files here (ulimit -n), ${SESSIONS + OTHER_FILES} are needed`,
      );
    }
    const { url } = await redis();
    const publisher = await openPublisher(context, { url });
    // Nothing but the clock, without which the gateway would tell them that no data comes.
    await publisher.request({ kind: 'start', eventsPerSecond: 0 } satisfies PublisherAsk);
    const load = children.script('../fanout/load-client', import.meta.url);
    const taken = await interleave(
      {
        ours: async () => growth(load, await startOurs(context, url)),
        theirs: async () => growth(load, await startBare(context)),
      },
      ROUNDS,
    );
    note(`${SESSIONS} sessions of one client process`);
    return [
      rowOf({
        name: this.name,
        unit: 'KiB/session',
        ours: taken.ours.kibEach,
        reference: 'plain node:http',
        theirs: taken.theirs.kibEach,
        target: { on: 'value', atMost: 20 },
      }),
    ];
  },
};

async function startOurs({ children }: BenchContext, url: string): Promise<Waiting> {
  const { pid, port } = await runGateway(children, url);
  return { pid, port, path: '/api/stream?types=trade', end: () => process.kill(pid, 'SIGKILL') };
}

async function startBare({ children }: BenchContext): Promise<Waiting> {
  const script = children.script('../fanout/idle-server', import.meta.url);
  const { port } = await script.request<{ port: number }>({ kind: 'listen' });
  return { pid: script.pid, port, path: '/', end: () => process.kill(script.pid, 'SIGKILL') };
}

async function growth(load: Script, { pid, port, path, end }: Waiting): Promise<{ kibEach: number }> {
  const ask = (what: LoadAsk) => load.request<object>(what);
  await ask({ kind: 'connect', port, paths: [path], clients: WARM_UP_SESSIONS });
  await ask({ kind: 'disconnect' });
  await sleep(SETTLE_MS);
  const before = residentMib(pid);
  await ask({ kind: 'connect', port, paths: [path], clients: SESSIONS });
  await sleep(SETTLE_MS);
  const grown = residentMib(pid) - before;
  await ask({ kind: 'disconnect' });
  end();
  return { kibEach: (grown * KIB_PER_MIB) / SESSIONS };
}

/** Node raises its soft limit to the hard one itself when it starts, so that one counts. */
function openFilesMax(): number {
  const limit = /^Max open files\s+\S+\s+(\S+)/m.exec(readFileSync('/proc/self/limits', 'latin1'))?.[1];
  return limit === undefined || limit === 'unlimited' ? Infinity : Number(limit);
}
