import { startRedis, type TestRedis, until } from '@depthcast/testing';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { Crowds } from './crowd/crowd.ts';
import { GatewayProcess } from './crowd/gateway-process.ts';
import { SteadyLog } from './crowd/steady-log.ts';

/**
 * STORM=full: 5,000 clients that are 10,000 events behind, 50 million events, for a machine that does nothing else
 * (40 GB of memory traffic). Without it a thousand, 2,000 events behind.
 */
const IS_FULL = process.env.STORM === 'full';
const CLIENTS = IS_FULL ? 5_000 : 1_000;
const BEHIND = IS_FULL ? 10_000 : 2_000;
const SECONDS_MAX = 60;
const GROWTH_MIB_MAX = 512;
/** Of events that are older than the window. */
const LITTLE = String(1 << 20);
const BLOCK_EVENTS = 512;
const LIVE_CLIENTS = 20;
const TICK_MS = 50;
const LIVE_PER_SECOND = IS_FULL ? 20 : 500;
/** They were cut off within so many events of each other, so that no two partial pages are the same. */
const SPREAD = 200;
const CHECK_EVERY = 50;
const PATH = '/api/stream?types=all';

let redis: TestRedis;
let gateway: GatewayProcess;
let log: SteadyLog;
let crowds: Crowds;

describe(`${CLIENTS} clients that come back at once, ${BEHIND} events behind`, () => {
  beforeAll(async () => {
    redis = await startRedis();
    log = await SteadyLog.open(redis.client());
  }, 60_000);
  afterAll(() => redis?.stop());

  beforeEach(() => {
    crowds = new Crowds();
  });
  afterEach(async () => {
    await log.stop();
    crowds.stop();
    await gateway?.app.stop();
  });

  /** How often Redis has been asked for a range of entries. */
  const ranges = async () => {
    const stats = await redis.client().info('commandstats');
    return Number(/cmdstat_xrange:calls=(\d+)/.exec(stats)?.[1] ?? 0);
  };

  it.each([
    ['in the window', {}],
    ['in Redis', { WINDOW_BYTES: LITTLE }],
  ])(
    'are served what is %s within a minute, with one read of a range at most, and without much memory',
    async (where, window) => {
      await log.fill(5_000);
      const first = log.offset;
      await log.fill(BEHIND);
      gateway = await GatewayProcess.start(redis.url, window);
      const [epoch] = log.lastId.split('-');
      const lastIds = Array.from({ length: SPREAD }, (_, i) => `${epoch}-${first - i}`);
      const ports = [gateway.port];
      await crowds.open('live', { ports, path: PATH, clients: LIVE_CLIENTS, reading: 'all', checkEvery: 1 });
      log.start(LIVE_PER_SECOND, TICK_MS);
      const end = first + BEHIND;

      const before = gateway.memoryMib().now;
      const rangesBefore = await ranges();
      const startedMs = performance.now();
      let most = before;
      const opened = crowds.open('storm', {
        ports,
        path: PATH,
        clients: CLIENTS,
        reading: 'all',
        lastIds,
        checkEvery: CHECK_EVERY,
      });
      await Promise.all([
        opened,
        until(
          async () => {
            most = Math.max(most, gateway.memoryMib().now);
            const { connected, offsets } = await crowds.report('storm');
            return connected === CLIENTS && offsets.min >= end;
          },
          2 * SECONDS_MAX * 1_000,
          'everybody being up to date',
        ),
      ]);
      const seconds = (performance.now() - startedMs) / 1_000;
      const reads = (await ranges()) - rangesBefore;
      await log.stop();
      await until(async () => (await crowds.report('storm')).offsets.min === log.offset, 30_000, 'the end of the log');
      const storm = await crowds.report('storm');
      const live = await crowds.report('live');

      const growth = most - before;
      console.log(
        `${where}: ${(CLIENTS * BEHIND) / 1e6} M events, ${(storm.bytes / 1e9).toFixed(1)} GB in ${seconds.toFixed(1)} s; ` +
          `memory ${before.toFixed(0)} MiB, then ${most.toFixed(0)}; ${reads} reads of ranges`,
      );
      expect(storm.problems).toEqual([]);
      expect(storm.checked).toBe(CLIENTS / CHECK_EVERY);
      expect(storm.events.min).toBeGreaterThanOrEqual(log.offset - first);
      expect(storm.events.max).toBeLessThan(log.offset - first + SPREAD);
      // One connection each, so that every byte of it came in order.
      expect(storm.endsMs).toEqual([]);
      expect(live.problems).toEqual([]);
      expect(live.offsets.min).toBe(log.offset);
      expect(seconds).toBeLessThan(SECONDS_MAX);
      expect(growth).toBeLessThan(GROWTH_MIB_MAX);
      // Of the live events, too, only what has left the window while somebody was behind.
      const blocks = Math.ceil((log.offset - first + SPREAD) / BLOCK_EVENTS) + 1;
      expect(reads).toBeLessThanOrEqual(where === 'in Redis' ? blocks : 0);
      const rung = where === 'in Redis' ? 'redis' : 'window';
      expect(await gateway.metric('depthcast_gateway_resumes_total', { rung })).toBe(CLIENTS);
      expect(await gateway.metric('depthcast_gateway_resets_total')).toBe(0);
    },
    240_000,
  );
});
