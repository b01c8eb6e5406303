import { SseClient, startRedis, type TestRedis, until } from '@depthcast/testing';
import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { Crowds } from './crowd/crowd.ts';
import { GatewayProcess } from './crowd/gateway-process.ts';
import { SteadyLog } from './crowd/steady-log.ts';

const PER_SECOND = 5_000;
const FLOW_MS = 8_000;
const FAST = 100;
const TRICKLING = 100;
const SILENT = 100;
const VIEWERS = 20;
const TRICKLE_BYTES_PER_SECOND = 1_024;
/** SESSION_BUFFER_BYTES_MAX by default. */
const BUFFER_BYTES_MAX = 1 << 20;
const WINDOW_MIB = 32;
/**
 * What the gateway may grow by while 200 clients do not take the 40,000 events of theirs: the window, and the work of
 * the others. What those clients have not taken is 3,600 MiB.
 */
const GROWTH_MIB_MAX = WINDOW_MIB + 200;
/** A book of 200 rows a side: frames that fill a socket's buffers within seconds. */
const VIEW = 'BTCUSD:MBP:200';
const PATH = '/api/stream?types=all';

let redis: TestRedis;
let log: SteadyLog;
let gateway: GatewayProcess;
let crowds: Crowds;

const start = async (env: Record<string, string>) => {
  gateway = await GatewayProcess.start(redis.url, env);
  crowds = new Crowds();
};

beforeAll(async () => {
  redis = await startRedis();
  log = await SteadyLog.open(redis.client());
}, 60_000);
afterEach(async () => {
  await log.stop();
  crowds.stop();
  await gateway.app.stop();
});
afterAll(() => redis?.stop());

describe('clients that read a KiB a second, or not at all', () => {
  it('cost the gateway no memory and the fast ones nothing, and get every event, or the newest frame, once they read', async () => {
    await start({ WINDOW_BYTES: String(WINDOW_MIB << 20) });
    await log.fill(1_000);
    const ports = [gateway.port];
    const open = (crowd: string, clients: number, reading: 'all' | 'none' | number, path = PATH) =>
      crowds.open(crowd, { ports, path, clients, reading, checkEvery: 1 });
    await open('fast', FAST, 'all');
    await open('trickling', TRICKLING, TRICKLE_BYTES_PER_SECOND);
    await open('silent', SILENT, 'none');
    const viewers = await Promise.all(
      Array.from({ length: VIEWERS }, async () => {
        const client = await SseClient.connect(gateway.url(`/stream?streams=${VIEW}&interval=50`));
        await client.next('market_data');
        client.pause();
        return client;
      }),
    );
    const viewer = await SseClient.connect(gateway.url(`/stream?streams=${VIEW}&interval=50`));
    let seen = 0;
    void (async () => {
      for await (const { event } of viewer) if (event === 'market_data') seen++;
    })();

    const before = gateway.memoryMib().now;
    const first = log.offset;
    log.start(PER_SECOND);
    await new Promise((resolve) => setTimeout(resolve, FLOW_MS));
    const behind = await gateway.metric('depthcast_gateway_sessions', { state: 'draining' });
    const unsent = await gateway.metric('depthcast_gateway_unsent_bytes');
    await log.stop();
    const growth = gateway.memoryMib().most - before;
    await until(async () => (await crowds.report('fast')).offsets.min === log.offset, 10_000, 'the fast ones');
    console.log(
      `${log.offset - first} events; ${behind} sessions wait for their sockets, with ${(unsent / 2 ** 20).toFixed(1)} MiB; ` +
        `memory ${before.toFixed(0)} MiB, and ${growth.toFixed(0)} more at most`,
    );
    expect(log.offset - first).toBeGreaterThan((PER_SECOND * FLOW_MS * 0.8) / 1_000);
    expect(behind).toBeGreaterThanOrEqual(TRICKLING + SILENT);
    expect(unsent / behind).toBeLessThan(BUFFER_BYTES_MAX);
    expect(growth).toBeLessThan(GROWTH_MIB_MAX);
    const fast = await crowds.report('fast');
    expect(fast.problems).toEqual([]);
    expect(fast.events).toEqual({ min: log.offset - first, max: log.offset - first });
    // They have been sent what their sockets hold, and no more.
    for (const crowd of ['trickling', 'silent'])
      expect((await crowds.report(crowd)).offsets.max).toBeLessThan(log.offset);

    for (const crowd of ['trickling', 'silent']) {
      await crowds.read(crowd, 'all');
      await until(async () => (await crowds.report(crowd)).offsets.min === log.offset, 60_000, `the ${crowd} ones`);
      const report = await crowds.report(crowd);
      expect(report.problems).toEqual([]);
      expect(report.events).toEqual({ min: log.offset - first, max: log.offset - first });
      expect(report.endsMs).toEqual([]);
    }
    expect(gateway.memoryMib().most - before).toBeLessThan(GROWTH_MIB_MAX);

    for (const client of viewers) {
      client.resume();
      let frames = 1;
      for (;;) {
        const { data } = await client.next('market_data');
        frames++;
        // The clock's second is the last event at times; the book shown is the last change's.
        if (JSON.parse(data).sequence >= log.offset - 1) break;
      }
      expect(frames).toBeLessThan(seen * 0.8);
      client.close();
    }
    viewer.close();
  }, 120_000);

  it('are closed with the reason when they fall back too far, resume with their last ids, and miss nothing', async () => {
    const max = 3_000;
    await start({ SESSION_LAG_MAX: String(max) });
    const ports = [gateway.port];
    const first = log.offset;
    await crowds.open('silent', { ports, path: PATH, clients: 20, reading: 'none', checkEvery: 1 });
    await crowds.open('fast', { ports, path: PATH, clients: 20, reading: 'all', checkEvery: 1 });
    log.start(PER_SECOND);
    const closed = () => gateway.metric('depthcast_gateway_sessions_closed_total', { reason: 'session_too_slow' });
    await until(async () => (await closed()) > 0, 30_000, 'a session being closed');
    // They have some seconds to read what there is, and why.
    await until(async () => (await closed()) === 20, 5_000, 'all of them being closed');
    await crowds.read('silent', 'all');
    await until(async () => (await crowds.report('silent')).endsMs.length >= 20, 10_000, 'the ends');
    await log.stop();
    await until(async () => (await crowds.report('silent')).offsets.min === log.offset, 30_000, 'their coming back');
    const silent = await crowds.report('silent');
    const fast = await crowds.report('fast');
    expect(silent.problems).toEqual([]);
    expect(silent.events.min).toBe(log.offset - first);
    expect(silent.endsMs).toHaveLength(20);
    for (const farewell of silent.farewells) {
      expect(farewell).toMatch(/retry: 1\d{3}\n\nevent: error\ndata: .*"error":"SESSION_TOO_SLOW"/);
    }
    expect(fast.problems).toEqual([]);
    expect(fast.endsMs).toEqual([]);
    const line = gateway.app.lines.find(({ msg }) => msg.startsWith('a client is too slow'));
    expect(line).toMatchObject({ level: 'info', sessionLagMax: max });
    expect(Number(line?.lag)).toBeGreaterThan(max);
  }, 120_000);
});
