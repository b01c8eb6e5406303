import { connect, type Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { monotonicUs, usOfStamp } from '../clock.ts';
import { NumberScanner } from '../number-scanner.ts';
import { processCpuUs } from '../process-cpu.ts';
import { serveParent } from '../script-side.ts';
import { quantile } from '../statistics.ts';

export type LoadAsk =
  | { readonly kind: 'connect'; readonly port: number; readonly path: string; readonly clients: number }
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
 * A thousand clients that must cost less than the server under test: every socket reads into one shared buffer and
 * adds to one byte count. {@link SAMPLED} of them, spread over the order in which they came (a server may write to the
 * first of them first), also look at every event; events delivered to all are all bytes divided by the sampled bytes an
 * event.
 */
const SAMPLED = 4;
const READ_BYTES = 256 << 10;
const CONNECT_AT_ONCE = 100;
const CONNECT_MS_MAX = 15_000;
const OK = 'HTTP/1.1 200';

const shared = Buffer.allocUnsafeSlow(READ_BYTES);
let sockets: Socket[] = [];
let bytes = 0;
let sampledBytes = 0;
let sampledEvents = 0;
let latenciesUs: number[] = [];
let nowUs = 0;
let refused: string | undefined;

function open(port: number, path: string, isSampled: boolean): Promise<void> {
  return new Promise((resolve, reject) => {
    let isAnswered = false;
    const scanner = new NumberScanner('"ts_ns":', (tsNs) => {
      sampledEvents++;
      latenciesUs.push(nowUs - usOfStamp(tsNs));
    });
    const onRead = (count: number): boolean => {
      if (!isAnswered) {
        isAnswered = true;
        const head = shared.toString('latin1', 0, Math.min(count, 400));
        if (!head.startsWith(OK)) reject(new Error(`${path} answered ${head}`));
        resolve();
      }
      bytes += count;
      if (isSampled) {
        sampledBytes += count;
        nowUs = monotonicUs();
        scanner.push(shared.subarray(0, count));
      }
      return true;
    };
    const socket = connect({ port, host: '127.0.0.1', onread: { buffer: shared, callback: onRead } }, () => {
      socket.write(`GET ${path} HTTP/1.1\r\nHost: 127.0.0.1:${port}\r\nAccept: text/event-stream\r\n\r\n`);
    });
    socket.on('error', reject);
    socket.on('close', () => {
      refused ??= 'a client was disconnected by the server';
    });
    sockets.push(socket);
  });
}

async function connectAll(port: number, path: string, clients: number): Promise<void> {
  refused = undefined;
  const late = sleep(CONNECT_MS_MAX, undefined, { ref: false }).then(() => {
    throw new Error(`only ${sockets.length} of ${clients} clients could connect`);
  });
  late.catch(() => {});
  const apart = Math.max(1, Math.floor(clients / SAMPLED));
  while (sockets.length < clients) {
    const count = Math.min(CONNECT_AT_ONCE, clients - sockets.length);
    const isSampled = (i: number) => i % apart === apart >> 1;
    const some = Array.from({ length: count }, (_, i) => isSampled(sockets.length + i));
    await Promise.race([Promise.all(some.map((sampled) => open(port, path, sampled))), late]);
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
      await connectAll(ask.port, ask.path, ask.clients);
      return {};
    case 'measure':
      return measure(ask.ms, ask.pids);
    case 'disconnect':
      await disconnectAll();
      return {};
  }
});
