import { connect, type Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { monotonicUs, usOfStamp } from '../clock.ts';
import { NumberScanner } from '../number-scanner.ts';
import { processCpuUs } from '../process-cpu.ts';
import { serveParent } from '../script-side.ts';
import { quantile } from '../statistics.ts';

export type LoadAsk =
  | {
      readonly kind: 'connect';
      readonly port: number;
      readonly path: string;
      readonly clients: number;
      /** The path is a WebSocket's, and this the first thing that is said there. */
      readonly say?: string;
    }
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
const SWITCHED = 'HTTP/1.1 101';
const WEBSOCKET_HEADERS =
  'Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n';
/** FIN and opcode 1, and the bit that says masked: clients have to, and a mask of zeros changes nothing. */
const TEXT_FRAME = 0x81;
const MASKED = 0x80;
const MASK_BYTES = 4;
const SHORT_BYTES_MAX = 125;

const shared = Buffer.allocUnsafeSlow(READ_BYTES);
let sockets: Socket[] = [];
let bytes = 0;
let sampledBytes = 0;
let sampledEvents = 0;
let latenciesUs: number[] = [];
let nowUs = 0;
let refused: string | undefined;

function open(port: number, path: string, isSampled: boolean, say: string | undefined): Promise<void> {
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
        if (!head.startsWith(say === undefined ? OK : SWITCHED)) reject(new Error(`${path} answered ${head}`));
        if (say !== undefined) socket.write(frameOf(say));
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
      const headers = say === undefined ? 'Accept: text/event-stream\r\n' : WEBSOCKET_HEADERS;
      socket.write(`GET ${path} HTTP/1.1\r\nHost: 127.0.0.1:${port}\r\n${headers}\r\n`);
    });
    socket.on('error', reject);
    socket.on('close', () => {
      refused ??= 'a client was disconnected by the server';
    });
    sockets.push(socket);
  });
}

function frameOf(text: string): Buffer {
  if (text.length > SHORT_BYTES_MAX) throw new Error(`${text.length} characters do not fit a short frame`);
  return Buffer.concat([Buffer.from([TEXT_FRAME, MASKED | text.length]), Buffer.alloc(MASK_BYTES), Buffer.from(text)]);
}

async function connectAll(port: number, path: string, clients: number, say: string | undefined): Promise<void> {
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
    await Promise.race([Promise.all(some.map((sampled) => open(port, path, sampled, say))), late]);
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
      await connectAll(ask.port, ask.path, ask.clients, ask.say);
      return {};
    case 'measure':
      return measure(ask.ms, ask.pids);
    case 'disconnect':
      await disconnectAll();
      return {};
  }
});
