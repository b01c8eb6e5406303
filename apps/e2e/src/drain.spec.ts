import { startRedis, type TestRedis, until } from '@depthcast/testing';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { io, type Socket } from 'socket.io-client';
import { Crowds } from './crowd/crowd.ts';
import { GatewayProcess } from './crowd/gateway-process.ts';
import { SteadyLog } from './crowd/steady-log.ts';

const CLIENTS = 1_000;
const SOCKETS = 20;
const DRAIN_MS = 3_000;
const PER_SECOND = 300;
const TICK_MS = 50;
const CHECK_EVERY = 1;
const PATH = '/api/stream?types=all';
const SYMBOL = 'BTCUSD';

let redis: TestRedis;
let log: SteadyLog;
let gateways: GatewayProcess[] = [];
let crowds: Crowds;
const sockets: SocketClient[] = [];

/** A client of Socket.IO that goes on at the other gateway when it is sent away from the first. */
class SocketClient {
  readonly cursors: number[] = [];
  retryMs = Number.NaN;
  connections = 0;
  #socket: Socket | undefined;
  #lastId: string | undefined;
  readonly #urls: string[];

  constructor(urls: string[]) {
    this.#urls = urls;
    this.#connect();
  }

  close(): void {
    this.#socket?.close();
  }

  #connect(): void {
    const url = this.#urls[this.connections++ % this.#urls.length] as string;
    const lastId = this.#lastId === undefined ? {} : { lastId: this.#lastId };
    const socket = io(url, {
      transports: ['websocket'],
      reconnection: false,
      auth: { ...lastId, streams: [`${SYMBOL}:L2`] },
    });
    this.#socket = socket;
    const take = ({ cursor, is_snapshot: isSnapshot }: { cursor?: string; is_snapshot?: boolean }) => {
      if (cursor === undefined) return;
      this.#lastId = cursor;
      if (isSnapshot !== undefined && !isSnapshot) this.cursors.push(Number(cursor.split('-')[1]));
    };
    socket.on('book_change', take);
    socket.on('cursor', take);
    socket.on('drain', ({ retry_ms: retryMs }) => {
      this.retryMs = retryMs;
    });
    socket.on('disconnect', (reason) => {
      if (reason !== 'io client disconnect') setTimeout(() => this.#connect(), this.retryMs);
    });
  }
}

beforeEach(async () => {
  redis = await startRedis();
  log = await SteadyLog.open(redis.client());
  await log.fill(1_000);
  const env = { DRAIN_MS: String(DRAIN_MS) };
  gateways = [await GatewayProcess.start(redis.url, env), await GatewayProcess.start(redis.url, env)];
  crowds = new Crowds();
}, 60_000);
afterEach(async () => {
  for (const socket of sockets.splice(0)) socket.close();
  await log.stop();
  crowds.stop();
  await Promise.all(gateways.map(({ app }) => app.stop()));
  await redis?.stop();
});

describe('a gateway that is asked to go', () => {
  it(`sends ${CLIENTS} sessions to another one evenly over DRAIN_MS, and none of them misses anything`, async () => {
    const [first, second] = gateways as [GatewayProcess, GatewayProcess];
    const ports = [first.port, second.port];
    const began = log.offset;
    await crowds.open('all', { ports, path: PATH, clients: CLIENTS, reading: 'all', checkEvery: CHECK_EVERY });
    for (let i = 0; i < SOCKETS; i++) sockets.push(new SocketClient([first.url(''), second.url('')]));
    log.start(PER_SECOND, TICK_MS);
    await until(() => sockets.every(({ cursors }) => cursors.length > 100), 10_000, 'the clients of Socket.IO');

    const startedMs = performance.now();
    const exit = first.app.kill('SIGTERM');
    await until(async () => (await fetch(first.url('/ready'))).status === 503, 1_000, 'its being unready');
    // Who comes now is sent back, in words that do not end an EventSource for good.
    const late = await fetch(first.url(PATH));
    expect(late.status).toBe(200);
    expect(await late.text()).toMatch(/^retry: \d+\n\nevent: error\ndata: .*"code":503/);
    expect(await exit).toEqual({ code: 0, signal: null });
    const tookMs = performance.now() - startedMs;

    await until(async () => (await crowds.report('all')).connected === CLIENTS, 20_000, 'everybody being back');
    await until(() => sockets.every(({ connections }) => connections === 2), 10_000, 'the sockets being back');
    await log.stop();
    await until(async () => (await crowds.report('all')).offsets.min === log.offset, 20_000, 'everybody having it all');
    const { problems, events, endsMs, farewells } = await crowds.report('all');
    console.log(`${CLIENTS} sessions left within ${Math.round(tookMs)} ms, ${events.max} events`);
    expect(problems).toEqual([]);
    expect(events).toEqual({ min: log.offset - began, max: log.offset - began });
    expect(tookMs).toBeLessThan(DRAIN_MS + 3_000);
    expect(endsMs).toHaveLength(CLIENTS);
    for (const farewell of farewells) expect(farewell).toMatch(/retry: ([5-9]\d\d|1000)\n\n\r\n0\r\n\r\n$/);
    // The clients opened within a second, so that their times are a little apart from each other's.
    const times = endsMs.toSorted((a, b) => a - b);
    const spanMs = (times.at(-1) as number) - (times[0] as number);
    expect(spanMs).toBeGreaterThan(DRAIN_MS * 0.6);
    const [early, late10] = [times[Math.floor(CLIENTS * 0.1)] as number, times[Math.floor(CLIENTS * 0.9)] as number];
    expect(late10 - early).toBeGreaterThan(DRAIN_MS * 0.5);

    await until(
      () => sockets.every(({ cursors }) => (cursors.at(-1) as number) >= log.offset - 1),
      10_000,
      'the sockets',
    );
    for (const { cursors, retryMs } of sockets) {
      expect(retryMs).toBeGreaterThanOrEqual(500);
      expect(retryMs).toBeLessThanOrEqual(1_000);
      // Only the clock's seconds are not of the stream.
      const gaps = cursors.slice(1).filter((cursor, i) => cursor - (cursors[i] as number) > 2);
      expect(gaps).toEqual([]);
      expect(new Set(cursors).size).toBe(cursors.length);
    }
  }, 120_000);

  it('says goodbye at once to a few, so that Ctrl-C is quick', async () => {
    const [first, second] = gateways as [GatewayProcess, GatewayProcess];
    const ports = [first.port, second.port];
    await crowds.open('few', { ports, path: PATH, clients: 50, reading: 'all', checkEvery: 1 });
    const startedMs = performance.now();
    expect(await first.app.kill('SIGINT')).toEqual({ code: 0, signal: null });
    expect(performance.now() - startedMs).toBeLessThan(DRAIN_MS * 0.8);
    await until(async () => (await crowds.report('few')).connected === 50, 10_000, 'everybody being back');
    expect((await crowds.report('few')).problems).toEqual([]);
  }, 60_000);
});
