import { setTimeout as sleep } from 'node:timers/promises';
import { freePort } from '@depthcast/start';
import type { ServerAsk } from '../fanout/bare-server.ts';
import type { Load, LoadAsk } from '../fanout/load-client.ts';
import type { PublisherAsk } from '../fanout/publisher.ts';
import { type Bench, type BenchContext, interleave, rowOf } from '../harness.ts';
import { SYMBOL } from '../sample-event.ts';

const EVENTS_PER_SECOND = 5_000;
const CLIENTS = 1_000;
const SETTLE_MS = 600;
const MEASURE_MS = 2_000;
const ROUNDS = { warmUps: 1, rounds: 3 };
const PATH = '/socket.io/?EIO=4&transport=websocket';

interface Contestant {
  readonly port: number;
  readonly pid: number;
  /** Socket.IO's CONNECT, with what the client wants. */
  readonly say: string;
  start(): Promise<unknown>;
  stop(): Promise<unknown>;
}

/**
 * 5,000 events/s of 400 B to 1,000 WebSocket clients of Socket.IO, from a log in Redis through a gateway process, against
 * plain socket.io that emits the same messages to everybody. The clients count bytes and answer nothing; what each
 * server delivers of the 5 M/s offered is the figure.
 */
export const gatewaySocketIo: Bench = {
  name: 'gateway.socketio',
  async run(context) {
    const { children, note } = context;
    const ours = await startGateway(context);
    const plain = await startPlain(context);
    const load = children.script('../fanout/load-client', import.meta.url);
    const round = (contestant: Contestant) => () => deliver((ask) => load.request(ask), contestant);
    const taken = await interleave({ ours: round(ours), plain: round(plain) }, ROUNDS);
    note(`${CLIENTS} WebSocket clients of one load process; events = all bytes ÷ bytes an event on 4 sampled clients`);
    const { name } = gatewaySocketIo;
    const reference = 'socket.io emit';
    const rate = { unit: 'events/s', ours: taken.ours.rate, reference, theirs: taken.plain.rate };
    return [
      rowOf({ name, ...rate, target: { on: 'ratio', atLeast: 5 } }),
      rowOf({ name: `${name}.p50`, unit: 'ms', ours: taken.ours.p50Ms, reference, theirs: taken.plain.p50Ms }),
      rowOf({ name: `${name}.p99`, unit: 'ms', ours: taken.ours.p99Ms, reference, theirs: taken.plain.p99Ms }),
    ];
  },
};

async function deliver(
  load: <T>(what: LoadAsk) => Promise<T>,
  contestant: Contestant,
): Promise<Record<'rate' | 'p50Ms' | 'p99Ms', number>> {
  const { port, pid, say } = contestant;
  await load({ kind: 'connect', port, path: PATH, clients: CLIENTS, say });
  await contestant.start();
  await sleep(SETTLE_MS);
  const result = await load<Load>({ kind: 'measure', ms: MEASURE_MS, pids: [pid] });
  await contestant.stop();
  await load({ kind: 'disconnect' });
  if (result.events === 0) throw new Error('nothing was delivered');
  return { rate: result.eventsPerSecond, p50Ms: result.p50Ms, p99Ms: result.p99Ms };
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
    say: `40{"streams":["${SYMBOL}:L2"]}`,
    start: () => ask({ kind: 'start', eventsPerSecond: EVENTS_PER_SECOND }),
    stop: () => ask({ kind: 'stop' }),
  };
}

async function startPlain({ children }: BenchContext): Promise<Contestant> {
  const script = children.script('../fanout/plain-socketio-server', import.meta.url);
  const ask = <T>(what: ServerAsk) => script.request<T>(what);
  const listen = { kind: 'listen', eventsPerSecond: EVENTS_PER_SECOND, frameHead: '' } as const;
  const { port } = await ask<{ port: number }>(listen);
  return { port, pid: script.pid, say: '40', start: () => ask({ kind: 'start' }), stop: () => ask({ kind: 'stop' }) };
}
