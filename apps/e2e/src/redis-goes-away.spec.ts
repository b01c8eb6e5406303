import { SseClient, until } from '@depthcast/testing';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { expectWhole } from './log-checks.ts';
import { TestStack } from './stack.ts';

let stack: TestStack;

beforeAll(async () => {
  stack = await TestStack.start({
    appendonly: true,
    ingest: { SIMULATOR_RATE: '200' },
    gateway: { CLOCK_STALE_MS: '2000' },
  });
}, 60_000);
afterAll(() => stack?.stop());

describe('when Redis goes away and comes back with all it had', () => {
  it('apps live on, connected clients are told stale, and their streams continue without a hole', async () => {
    const log = await SseClient.connect(stack.url(0, '/api/stream?types=all'));
    const view = await SseClient.connect(stack.url(0, '/stream?streams=BTCUSD:MBP:5'));
    await log.next('book_change');
    await view.next('market_data');

    await stack.redis.kill();
    // Without an id: the log has some of its own, from when the books began.
    const stale = await log.next((frame) => frame.event === 'book_status' && frame.id === undefined, 15_000);
    expect(JSON.parse(stale.data)).toMatchObject({ type: 'book_status', status: 'stale' });
    const shown = await view.next(
      (frame) => frame.event === 'market_data' && frame.data.includes('"stale":true'),
      15_000,
    );
    expect(JSON.parse(shown.data)).toMatchObject({ event: 'market_data', stale: true });

    await stack.redis.restart();
    const ids: string[] = [];
    let last = stale.id;
    await until(() => log.queued > 500, 30_000);
    const frames = await log.collect(500);
    for (const frame of frames) if (frame.id !== undefined) ids.push(frame.id);
    last = ids.at(-1);
    expect(frames.some((frame) => frame.event === 'reset')).toBe(false);
    const fresh = await view.next((frame) => frame.event === 'market_data' && !frame.data.includes('"stale"'), 15_000);
    expect(JSON.parse(fresh.data).stream_id).toBe('BTCUSD_MBP_5');
    expect([stack.engine, stack.ingest, ...stack.gateways].every((app) => app.running)).toBe(true);

    const all = await stack.log();
    const from = all.findIndex(({ id }) => id === ids[0]);
    expect(all.slice(from, from + ids.length).map(({ id }) => id)).toEqual(ids);
    expect(last).toBeDefined();
    expect(new Set(all.map(({ id }) => id.split('-')[0])).size).toBe(1);
    expectWhole(all);
    log.close();
    view.close();
  }, 90_000);

  it('a client that was away over a restart of everything crosses into the new epoch without a reset', async () => {
    const before = await SseClient.connect(stack.url(0, '/api/stream?types=all'));
    const [first] = await before.collect(1, (frame) => frame.id !== undefined && frame.dispatched);
    before.close();
    const tail = (await stack.log()).at(-1)?.id;
    await stack.engine.stop();
    await stack.redis.restart();
    stack.startEngine();
    await stack.engine.ready();

    const after = await SseClient.connect(stack.url(0, '/api/stream?types=all'), { lastEventId: first?.id as string });
    const crossing = await after.next((frame) => frame.event === 'epoch' || frame.event === 'reset', 20_000);
    expect(crossing.event).toBe('epoch');
    expect(JSON.parse(crossing.data)).toMatchObject({ type: 'epoch', reason: 'redis_replaced' });
    expect(Number(JSON.parse(crossing.data).previous_tail.split('-')[1])).toBeGreaterThanOrEqual(
      Number(tail?.split('-')[1]),
    );
    after.close();
  }, 60_000);
});
