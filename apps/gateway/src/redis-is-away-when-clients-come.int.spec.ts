import { SseClient, startRedis, type TestRedis } from '@depthcast/testing';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { LogFeeder } from './testing/log-feeder.ts';
import { TestGateway } from './testing/test-gateway.ts';

const HELD_BACK_MS_MAX = 2_000;

describe('a client that comes with a cursor only Redis knows, while Redis answers nothing', () => {
  let redis: TestRedis;
  let feeder: LogFeeder;
  let gateway: TestGateway;

  beforeAll(async () => {
    redis = await startRedis();
    feeder = await LogFeeder.open(redis.url);
    await feeder.book('BTCUSD', [['1.0', '1']], [['2.0', '1']]);
    const id = await feeder.clock();
    gateway = await TestGateway.start(redis.url, { CLOCK_STALE_MS: '300', HEARTBEAT_MS: '300', KEEPALIVE_MS: '300' });
    await gateway.reaches(id);
    await redis.pause();
    while (!gateway.gateway.watch.isStale) await new Promise((resolve) => setTimeout(resolve, 10));
  });

  afterAll(async () => {
    await redis?.resume();
    await TestGateway.stopAll();
    LogFeeder.closeAll();
    await redis?.stop();
  });

  it('is greeted, shown the stale book, kept alive, and told what has become of its cursor when that is known', async () => {
    const view = await SseClient.connect(`${gateway.url}/stream?streams=BTCUSD:MBP:1&last_id=123-10`);
    expect((await view.next(undefined, 500)).event).toBe('connection_info');
    expect(JSON.parse((await view.next('market_data', HELD_BACK_MS_MAX)).data)).toMatchObject({ stale: true });
    await view.next('heartbeat', HELD_BACK_MS_MAX);
    const mixed = await SseClient.connect(`${gateway.url}/stream?streams=BTCUSD:MBP:1,BTCUSD:L2&last_id=123-10`);
    expect((await mixed.next(undefined, 500)).event).toBe('connection_info');
    expect((await mixed.next(undefined, 500)).event).toBe('market_data');
    const log = await SseClient.connect(`${gateway.url}/api/stream?last_id=123-10`);
    for (const client of [log, mixed]) {
      expect(JSON.parse((await client.next('book_status', HELD_BACK_MS_MAX)).data).status).toBe('stale');
    }
    await log.next((frame) => frame.comments.includes(' keep-alive'), HELD_BACK_MS_MAX);
    await redis.resume();
    for (const client of [view, mixed, log]) {
      expect(JSON.parse((await client.next('reset')).data)).toMatchObject({ reason: 'unknown', requested: '123-10' });
    }
    for (const client of [view, mixed]) await client.next('market_data');
    for (const client of [view, mixed, log]) client.close();
  });
});
