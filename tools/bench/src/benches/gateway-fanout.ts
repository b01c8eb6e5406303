import { setTimeout as sleep } from 'node:timers/promises';
import { freePort } from '@depthcast/start';
import type { Script } from '../children.ts';
import type { ServerAsk } from '../fanout/bare-server.ts';
import type { Load, LoadAsk } from '../fanout/load-client.ts';
import type { PublisherAsk } from '../fanout/publisher.ts';
import { type Bench, type BenchContext, interleave, type Row, rowOf } from '../harness.ts';

const EVENTS_PER_SECOND = 5_000;
const CLIENTS = 1_000;
const SETTLE_MS = 600;
const MEASURE_MS = 2_000;
const ROUNDS = { warmUps: 1, rounds: 5 };

/** Of the gateway's own frames, as long as one of this run's: what the bare server sends must be as many bytes. */
const FRAME_HEAD = 'id: 1700000000000-100000\nevent: book_change\ndata: ';
const PATH = '/api/stream?types=all';

interface Contestant {
  readonly port: number;
  readonly pid: number;
  /** Who else must run for it, where they are not the server itself. */
  readonly suppliers: readonly number[];
  start(): Promise<unknown>;
  stop(): Promise<unknown>;
}

/**
 * 5,000 events/s of 400 B to 1,000 clients, from a log in Redis through a gateway process, against the bare ceiling
 * and against better-sse. Publisher, Redis, server and clients share the cores, so what each delivers of the 5 M/s
 * offered is the figure.
 */
export const gatewayFanout: Bench = {
  name: 'gateway.fanout',
  async run(context) {
    const { children, note } = context;
    const ours = await startGateway(context);
    const bare = await startReference(children.script('../fanout/bare-server', import.meta.url));
    const betterSse = await startReference(children.script('../fanout/better-sse-server', import.meta.url));
    const load = children.script('../fanout/load-client', import.meta.url);
    const round = (contestant: Contestant) => () => deliver(load, contestant);
    const taken = await interleave({ ours: round(ours), bare: round(bare), betterSse: round(betterSse) }, ROUNDS);
    note(`${CLIENTS} clients of one load process; events = all bytes ÷ bytes an event on 4 sampled clients`);
    note(useOf('gateway', taken.ours, ', Redis and publisher'));
    note(useOf('bare socket.write', taken.bare));
    note(useOf('better-sse', taken.betterSse));
    return rowsOf(taken);
  },
};

type Figure = 'rate' | 'cpuUs' | 'p50Ms' | 'p99Ms' | 'gigabytes' | 'serverUs' | 'suppliersUs' | 'clientUs';

function rowsOf({ ours, bare, betterSse }: Record<'ours' | 'bare' | 'betterSse', Record<Figure, Row['ours']>>): Row[] {
  const name = gatewayFanout.name;
  const reference = 'bare socket.write';
  const library = 'better-sse';
  const rows = [
    rowOf({
      name,
      unit: 'events/s',
      ours: ours.rate,
      reference,
      theirs: bare.rate,
      target: { on: 'ratio', atLeast: 0.5 },
    }),
    rowOf({
      name: `${name}.vs-better-sse`,
      unit: 'events/s',
      ours: ours.rate,
      reference: library,
      theirs: betterSse.rate,
      target: { on: 'ratio', atLeast: 10 },
    }),
    rowOf({ name: `${name}.p50`, unit: 'ms', ours: ours.p50Ms, reference, theirs: bare.p50Ms }),
    rowOf({ name: `${name}.p99`, unit: 'ms', ours: ours.p99Ms, reference, theirs: bare.p99Ms }),
  ];
  // Only Linux tells the CPU time of another process.
  if (Number.isNaN(ours.cpuUs.median)) return rows;
  return [
    ...rows,
    rowOf({ name: `${name}.cpu`, unit: 'µs/event', ours: ours.cpuUs, reference, theirs: bare.cpuUs }),
    rowOf({
      name: `${name}.cpu.vs-better-sse`,
      unit: 'µs/event',
      ours: ours.cpuUs,
      reference: library,
      theirs: betterSse.cpuUs,
    }),
  ];
}

/** Where the cores went: on a machine with few of them the clients take as much as any server. */
function useOf(
  name: string,
  { gigabytes, serverUs, suppliersUs, clientUs }: Record<Figure, Row['ours']>,
  suppliers = '',
): string {
  const cores = (us: number) => (us / 1e6).toFixed(2);
  const supply = suppliers && `${suppliers} ${cores(suppliersUs.median)}`;
  return `${name}: ${gigabytes.median.toFixed(2)} GB/s; cores: server ${cores(serverUs.median)}${supply}, clients ${cores(clientUs.median)}`;
}

async function deliver(load: Script, contestant: Contestant): Promise<Record<Figure, number>> {
  const ask = <T>(what: LoadAsk) => load.request<T>(what);
  await ask({ kind: 'connect', port: contestant.port, path: PATH, clients: CLIENTS });
  await contestant.start();
  await sleep(SETTLE_MS);
  const result = await ask<Load>({ kind: 'measure', ms: MEASURE_MS, pids: [contestant.pid, ...contestant.suppliers] });
  await contestant.stop();
  await ask({ kind: 'disconnect' });
  if (result.events === 0) throw new Error('nothing was delivered');
  const perSecond = 1e6 / result.elapsedUs;
  const [serverUs = Number.NaN, ...suppliersUs] = result.cpuUs;
  return {
    rate: result.eventsPerSecond,
    cpuUs: serverUs / result.events,
    p50Ms: result.p50Ms,
    p99Ms: result.p99Ms,
    gigabytes: result.bytesPerSecond / 1e9,
    serverUs: serverUs * perSecond,
    suppliersUs: suppliersUs.reduce((sum, us) => sum + us, 0) * perSecond,
    clientUs: result.ownCpuUs * perSecond,
  };
}

async function startGateway({ children, redis }: BenchContext): Promise<Contestant> {
  const server = await redis();
  const publisher = children.script('../fanout/publisher', import.meta.url);
  const ask = (what: PublisherAsk) => publisher.request(what);
  await ask({ kind: 'open', url: server.url });
  const port = await freePort();
  const { pid } = await children.app('gateway', {
    args: ['--addr', `127.0.0.1:${port}`],
    env: { REDIS_URL: server.url },
    readyUrl: `http://127.0.0.1:${port}/ready`,
  });
  return {
    port,
    pid,
    suppliers: [server.pid, publisher.pid],
    start: () => ask({ kind: 'start', eventsPerSecond: EVENTS_PER_SECOND }),
    stop: () => ask({ kind: 'stop' }),
  };
}

async function startReference(script: Script): Promise<Contestant> {
  const ask = <T>(what: ServerAsk) => script.request<T>(what);
  const { port } = await ask<{ port: number }>({
    kind: 'listen',
    eventsPerSecond: EVENTS_PER_SECOND,
    frameHead: FRAME_HEAD,
  });
  return {
    port,
    pid: script.pid,
    suppliers: [],
    start: () => ask({ kind: 'start' }),
    stop: () => ask({ kind: 'stop' }),
  };
}
