import type { Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { monotonicUs, usOfStamp } from '../clock.ts';
import { NumberScanner } from '../number-scanner.ts';
import { processCpuUs } from '../process-cpu.ts';
import { serveParent } from '../script-side.ts';
import { quantile } from '../statistics.ts';
import { openRaw, type RawTarget } from './raw-stream.ts';

/** Where clients go: to each of the paths in turn. */
export interface Aim extends Pick<RawTarget, 'port' | 'over' | 'say'> {
  readonly paths: readonly string[];
  readonly clients: number;
  /** The number behind it comes once an event. Default: its stamp, which latencies are made of. */
  readonly marker?: string;
  /** HTTP/2's alone: so many of them share a connection. */
  readonly perConnection?: number;
}

export type LoadAsk =
  | ({ readonly kind: 'connect' } & Aim)
  | { readonly kind: 'measure'; readonly ms: number; readonly pids: readonly number[] }
  | { readonly kind: 'disconnect' };

export interface Load {
  readonly eventsPerSecond: number;
  readonly bytesPerSecond: number;
  /** Of the sampled clients' events, from stamp to receipt. */
  readonly p50Ms: number;
  readonly p99Ms: number;
  /** CPU time over the window, of `pids` and of this process. */
  readonly cpuUs: readonly number[];
  readonly ownCpuUs: number;
  readonly elapsedUs: number;
  readonly events: number;
}

/**
 * Thousands of clients that must cost less than the server under test: every socket reads into one shared buffer and
 * adds to one byte count. {@link SAMPLED} of them, spread over the order in which they came (a server may write to the
 * first of them first), also look at every event; events delivered to all are all bytes divided by the sampled bytes an
 * event. A sampled one has a connection of its own.
 */
const SAMPLED = 4;
const STAMP = '"ts_ns":';
const CONNECT_AT_ONCE = 100;
const CONNECT_MS_MAX = 25_000;
/** What a longer one is made of is no stamp, or one that a frame of HTTP/2 has cut in two. */
const LATENCY_US_MAX = 600e6;

let sockets: Socket[] = [];
let bytes = 0;
let sampledBytes = 0;
let sampledEvents = 0;
let latenciesUs: number[] = [];
let nowUs = 0;
let refused: string | undefined;

function open(target: RawTarget, isSampled: boolean, marker: string): Promise<void> {
  const scanner = new NumberScanner(marker, (tsNs) => {
    sampledEvents++;
    const latencyUs = nowUs - usOfStamp(tsNs);
    if (latencyUs < LATENCY_US_MAX) latenciesUs.push(latencyUs);
  });
  const count = (part: Buffer) => {
    bytes += part.length;
  };
  const look = (part: Buffer) => {
    count(part);
    sampledBytes += part.length;
    nowUs = monotonicUs();
    scanner.push(part);
  };
  return openRaw(target, isSampled ? look : count, (socket) => {
    socket.on('close', () => {
      refused ??= 'a client was disconnected by the server';
    });
    sockets.push(socket);
  });
}

async function connectAll({ paths, clients, perConnection = 1, marker = STAMP, ...rest }: Aim): Promise<void> {
  refused = undefined;
  const connections = SAMPLED + Math.ceil((clients - SAMPLED) / perConnection);
  const late = sleep(CONNECT_MS_MAX, undefined, { ref: false }).then(() => {
    throw new Error(`only ${sockets.length} of ${connections} connections could be made`);
  });
  late.catch(() => {});
  const apart = Math.max(1, Math.floor(connections / SAMPLED));
  let unsampled = clients - SAMPLED;
  while (sockets.length < connections) {
    const first = sockets.length;
    const some = Array.from({ length: Math.min(CONNECT_AT_ONCE, connections - first) }, (_, k) => {
      const i = first + k;
      const isSampled = i % apart === apart >> 1 && i < SAMPLED * apart;
      const streams = isSampled ? 1 : Math.min(perConnection, unsampled);
      if (!isSampled) unsampled -= streams;
      return open({ ...rest, path: paths[i % paths.length] as string, streams }, isSampled, marker);
    });
    await Promise.race([Promise.all(some), late]);
  }
}

async function measure(ms: number, pids: readonly number[]): Promise<Load> {
  const cpuBefore = pids.map(processCpuUs);
  const ownBefore = process.cpuUsage();
  const startedUs = monotonicUs();
  bytes = sampledBytes = sampledEvents = 0;
  latenciesUs = [];
  await sleep(ms);
  const elapsedUs = monotonicUs() - startedUs;
  const cpuUs = pids.map((pid, i) => processCpuUs(pid) - (cpuBefore[i] as number));
  const own = process.cpuUsage(ownBefore);
  if (refused) throw new Error(refused);
  const events = sampledEvents > 0 ? bytes / (sampledBytes / sampledEvents) : 0;
  const perSecond = 1e6 / elapsedUs;
  return {
    eventsPerSecond: events * perSecond,
    bytesPerSecond: bytes * perSecond,
    p50Ms: quantile(latenciesUs, 0.5) / 1_000,
    p99Ms: quantile(latenciesUs, 0.99) / 1_000,
    cpuUs,
    ownCpuUs: own.user + own.system,
    elapsedUs,
    events,
  };
}

async function disconnectAll(): Promise<void> {
  const ends = sockets.map((socket) => new Promise((resolve) => socket.once('close', resolve)));
  for (const socket of sockets) socket.destroy();
  await Promise.all(ends);
  sockets = [];
}

serveParent<LoadAsk>(async (ask) => {
  switch (ask.kind) {
    case 'connect':
      await connectAll(ask);
      return {};
    case 'measure':
      return measure(ask.ms, ask.pids);
    case 'disconnect':
      await disconnectAll();
      return {};
  }
});
