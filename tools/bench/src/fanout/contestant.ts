import { setTimeout as sleep } from 'node:timers/promises';
import type { Script } from '../children.ts';
import type { BenchContext } from '../harness.ts';
import type { Aim, Load, LoadAsk } from './load-client.ts';
import type { ServerAsk } from './paced-server.ts';
import type { PublisherAsk, PublisherSetup } from './publisher.ts';
import { runGateway } from './run-gateway.ts';

export const EVENTS_PER_SECOND = 5_000;
export const CLIENTS = 1_000;
const SETTLE_MS = 600;
const MEASURE_MS = 2_000;

/** A server that is measured, and what its clients are to ask for. */
export interface Contestant {
  readonly aim: Aim;
  /** Of the server; of all its processes where it is several. */
  readonly pids: readonly number[];
  /** Who else must run for it. */
  readonly suppliers: readonly number[];
  start(): Promise<unknown>;
  stop(): Promise<unknown>;
}

/** What its clients were given in one round. */
export interface Delivery {
  /** Events a second, to all of them. */
  readonly rate: number;
  /** The server's CPU time an event delivered. */
  readonly cpuUs: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  /** A second. */
  readonly gigabytes: number;
  /** CPU time a second. */
  readonly serverUs: number;
  readonly suppliersUs: number;
  readonly clientUs: number;
}

/** One round: the clients come, events flow, the clients go. */
export async function deliver(load: Script, contestant: Contestant): Promise<Delivery> {
  const { aim, pids, suppliers } = contestant;
  const ask = <T>(what: LoadAsk) => load.request<T>(what);
  await ask({ kind: 'connect', ...aim });
  await contestant.start();
  await sleep(SETTLE_MS);
  const result = await ask<Load>({ kind: 'measure', ms: MEASURE_MS, pids: [...pids, ...suppliers] });
  await contestant.stop();
  await ask({ kind: 'disconnect' });
  return deliveryOf(result, pids.length);
}

/** @param servers so many of the processes that were watched are the server's, the first ones. */
export function deliveryOf(result: Load, servers: number): Delivery {
  if (result.events === 0) throw new Error('nothing was delivered');
  const perSecond = 1e6 / result.elapsedUs;
  const sum = (list: readonly number[]) => list.reduce((total, us) => total + us, 0);
  const serverUs = sum(result.cpuUs.slice(0, servers));
  return {
    rate: result.eventsPerSecond,
    cpuUs: serverUs / result.events,
    p50Ms: result.p50Ms,
    p99Ms: result.p99Ms,
    gigabytes: result.bytesPerSecond / 1e9,
    serverUs: serverUs * perSecond,
    suppliersUs: sum(result.cpuUs.slice(servers)) * perSecond,
    clientUs: result.ownCpuUs * perSecond,
  };
}

/** One that has a log and a publisher of its own beside it, at so many events a second. */
export async function startGateway(
  context: BenchContext,
  aim: Omit<Aim, 'port'>,
  setup: PublisherSetup = {},
): Promise<Contestant> {
  const server = await context.redis();
  const publisher = await openPublisher(context, { ...setup, url: server.url });
  const { pid, port } = await runGateway(context.children, server.url);
  return {
    aim: { ...aim, port },
    pids: [pid],
    suppliers: [server.pid, publisher.pid],
    start: () =>
      publisher.request<object>({ kind: 'start', eventsPerSecond: EVENTS_PER_SECOND } satisfies PublisherAsk),
    stop: () => publisher.request<object>({ kind: 'stop' } satisfies PublisherAsk),
  };
}

/** The writer of a log that has its first entries already. */
export async function openPublisher(
  { children }: Pick<BenchContext, 'children'>,
  setup: PublisherSetup & { readonly url: string },
): Promise<Script> {
  const publisher = children.script('./publisher', import.meta.url);
  await publisher.request<object>({ kind: 'open', ...setup } satisfies PublisherAsk);
  return publisher;
}

/** A script that makes its events itself: {@link servePaced}. */
export async function startPaced<Setup extends object>(
  script: Script,
  aim: Omit<Aim, 'port'>,
  setup: Setup,
  eventsPerSecond = EVENTS_PER_SECOND,
): Promise<Contestant> {
  const ask = <T>(what: ServerAsk<Setup>) => script.request<T>(what);
  const { port } = await ask<{ port: number }>({ kind: 'listen', eventsPerSecond, ...setup });
  return {
    aim: { ...aim, port },
    pids: [script.pid],
    suppliers: [],
    start: () => ask({ kind: 'start' }),
    stop: () => ask({ kind: 'stop' }),
  };
}
