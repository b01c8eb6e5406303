import { availableParallelism } from 'node:os';
import { CLIENTS, type Contestant, type Delivery, deliver, startGateway } from '../fanout/contestant.ts';
import { startBare, startBetterSse, startNchan, startStreamsAdapter } from '../fanout/rivals.ts';
import { type Bench, type BenchContext, interleave, type Row, rowOf, type Target } from '../harness.ts';
import type { Spread } from '../statistics.ts';

const ROUNDS = { warmUps: 1, rounds: 4 };
const STREAM = { paths: ['/api/stream?types=all'], clients: CLIENTS };
/** One, and as many as nginx's `auto` makes. */
const NCHAN_WORKERS = new Set([1, availableParallelism()]);

type Taken = Record<keyof Delivery, Spread>;

/**
 * 5,000 events/s of 400 B to 1,000 clients, from a log in Redis through a gateway process, against the bare ceiling,
 * better-sse, Nchan and Socket.IO's adapter for Redis streams. Publisher, Redis, server and clients share the cores, so
 * what each delivers of the 5 M/s offered is the figure.
 */
export const gatewayFanout: Bench = {
  name: 'gateway.fanout',
  async run(context) {
    const { children, note } = context;
    const server = await context.redis();
    // Emptied once: two of them keep what they send there.
    const shared: BenchContext = { ...context, redis: async () => server };
    const contestants: Record<string, Contestant> = {
      gateway: await startGateway(shared, STREAM),
      [BARE]: await startBare(shared),
      [BETTER_SSE]: await startBetterSse(shared),
      [ADAPTER]: await startStreamsAdapter(shared),
      ...(await nchans(shared)),
    };
    const load = children.script('../fanout/load-client', import.meta.url);
    const rounds = Object.entries(contestants).map(([name, it]) => [name, () => deliver(load, it)] as const);
    const taken: Record<string, Taken> = await interleave(Object.fromEntries(rounds), ROUNDS);
    note(`${CLIENTS} clients of one load process; events = all bytes ÷ bytes an event on 4 sampled clients`);
    for (const [name, it] of Object.entries(taken)) {
      note(useOf(name, it, (contestants[name] as Contestant).suppliers.length > 0));
    }
    return rowsOf(taken);
  },
};

const BARE = 'bare socket.write';
const BETTER_SSE = 'better-sse';
const ADAPTER = 'socket.io redis-streams-adapter';
const NCHAN = 'Nchan';
const NCHAN_JOINED = 'Nchan, 10 ms of events as one message';

/** None, and a remark, where there is no Nchan. */
async function nchans(context: BenchContext): Promise<Record<string, Contestant>> {
  const found: Record<string, Contestant> = {};
  try {
    for (const workers of NCHAN_WORKERS)
      found[`${NCHAN}, ${workers} of worker_processes`] = await startNchan(context, workers);
    found[NCHAN_JOINED] = await startNchan(context, 1, true);
  } catch (error) {
    context.note(`Nchan is left out: ${(error as Error).message}`);
    return {};
  }
  return found;
}

function rowsOf(taken: Record<string, Taken>): Row[] {
  const { name } = gatewayFanout;
  const ours = taken.gateway as Taken;
  const bare = taken[BARE] as Taken;
  const row = (suffix: string, figure: keyof Delivery, unit: string, reference: string, target?: Target) =>
    rowOf({
      name: suffix ? `${name}.${suffix}` : name,
      unit,
      ours: ours[figure],
      reference,
      theirs: (taken[reference] as Taken)[figure],
      ...(target ? { target } : {}),
    });
  const rivals = [
    ['redis-streams-adapter', ADAPTER],
    ['nchan', faster(taken)],
    ['nchan-joined', NCHAN_JOINED],
  ] as const;
  const known = rivals.flatMap(([suffix, reference]) => (reference in taken ? [{ suffix, reference }] : []));
  const rows = [
    row('', 'rate', 'events/s', BARE, { on: 'ratio', atLeast: 0.7 }),
    row('p50', 'p50Ms', 'ms', BARE),
    row('p99', 'p99Ms', 'ms', BARE),
    row('vs-better-sse', 'rate', 'events/s', BETTER_SSE, { on: 'ratio', atLeast: 10 }),
    ...known.flatMap(({ suffix, reference }) => {
      const isJudged = reference !== NCHAN_JOINED;
      return [
        row(`vs-${suffix}`, 'rate', 'events/s', reference, isJudged ? { on: 'ratio', atLeast: 10 } : undefined),
        row(`p99.vs-${suffix}`, 'p99Ms', 'ms', reference, isJudged ? { on: 'ratio', atMost: 1 } : undefined),
      ];
    }),
  ];
  // Only Linux tells the CPU time of another process.
  if (Number.isNaN(ours.cpuUs.median) || Number.isNaN(bare.cpuUs.median)) return rows;
  return [
    ...rows,
    row('cpu', 'cpuUs', 'µs/event', BARE),
    row('cpu.vs-better-sse', 'cpuUs', 'µs/event', BETTER_SSE),
    ...known.map(({ suffix, reference }) => row(`cpu.vs-${suffix}`, 'cpuUs', 'µs/event', reference)),
  ];
}

/** Nchan as it does better here. */
function faster(taken: Record<string, Taken>): string {
  const [best] = Object.keys(taken)
    .filter((name) => name.startsWith(`${NCHAN}, `) && name !== NCHAN_JOINED)
    .sort((a, b) => (taken[b] as Taken).rate.median - (taken[a] as Taken).rate.median);
  return best ?? NCHAN;
}

/** Where the cores went: on a machine with few of them the clients take as much as any server. */
function useOf(name: string, { rate, p99Ms, gigabytes, ...us }: Taken, isSupplied: boolean): string {
  const cores = (it: Spread) => (it.median / 1e6).toFixed(2);
  const supply = isSupplied ? `, what publishes ${cores(us.suppliersUs)}` : '';
  const figures = `${(rate.median / 1e3).toFixed(0)} k events/s, p99 ${p99Ms.median.toFixed(1)} ms, ${gigabytes.median.toFixed(2)} GB/s`;
  return `${name}: ${figures}; cores: server ${cores(us.serverUs)}${supply}, clients ${cores(us.clientUs)}`;
}
