import { SseClient, type SseFrame, startRedis, type TestRedis } from '@depthcast/testing';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { EventSource } from 'eventsource';
import { LogFeeder } from './testing/log-feeder.ts';
import { TestGateway } from './testing/test-gateway.ts';

const TS = 1_704_067_200_000_000_000n;

/** The seed's own examples, with `{ts}` for the time. */
const SEED_EVENTS: readonly (readonly [topic: string, payload: string])[] = [
  ['market:BTCUSDT', '{"type":"market","symbol":"BTCUSDT","ts_ns":{ts},"price":50000.0}'],
  ['error', '{"type":"error","ts_ns":{ts},"message":"market_source_error"}'],
];

/** The VeloZ seed, field by field, over HTTP. */
describe('GET /api/stream', () => {
  let redis: TestRedis;
  let feeder: LogFeeder;
  let gateway: TestGateway;

  beforeAll(async () => {
    redis = await startRedis();
    feeder = await LogFeeder.open(redis.url);
    await feeder.book('BTCUSDT', [['50000.0', '1']], [['50001.0', '1']]);
    const id = await feeder.market('ETHUSDT', 3000);
    gateway = await TestGateway.start(redis.url, { KEEPALIVE_MS: '300', SESSIONS_MAX: '12' });
    await gateway.reaches(id);
  });

  afterAll(async () => {
    await TestGateway.stopAll();
    LogFeeder.closeAll();
    await redis?.stop();
  });

  const connect = (query = '', lastEventId?: string) =>
    SseClient.connect(`${gateway.url}/api/stream${query}`, lastEventId === undefined ? {} : { lastEventId });
  const dispatched = (frame: SseFrame) => frame.dispatched;

  it('is an event stream that no proxy buffers, open to every origin', async () => {
    const client = await connect();
    expect(client.headers).toMatchObject({
      'content-type': 'text/event-stream; charset=utf-8',
      'cache-control': 'no-cache, no-transform',
      connection: 'keep-alive',
      'x-accel-buffering': 'no',
      'access-control-allow-origin': '*',
    });
    client.close();
  });

  it("gives a real EventSource the log's own bytes under their types and ids", async () => {
    const source = new EventSource(`${gateway.url}/api/stream`);
    await new Promise((resolve) => source.addEventListener('open', resolve));
    const got: { type: string; data: string; id: string }[] = [];
    const all = new Promise<void>((resolve) => {
      for (const type of ['market', 'error', 'book_change', 'clock']) {
        source.addEventListener(type, (event) => {
          got.push({ type, data: (event as MessageEvent).data, id: (event as MessageEvent).lastEventId });
          if (got.length === 2) resolve();
        });
      }
    });
    const before = feeder.cursor.offset;
    await feeder.clock();
    await feeder.append(...SEED_EVENTS);
    await all;
    source.close();
    const ts = TS + BigInt(feeder.tsUs - 1_704_067_200_000_000) * 1000n;
    expect(got).toEqual([
      {
        type: 'market',
        id: `${feeder.cursor.epoch}-${before + 2}`,
        data: `{"type":"market","symbol":"BTCUSDT","ts_ns":${ts - 250_000_000n},"price":50000.0}`,
      },
      { type: 'error', id: feeder.id, data: `{"type":"error","ts_ns":${ts},"message":"market_source_error"}` },
    ]);
  });

  it('writes frames exactly as the seed does: id, event, data, a blank line', async () => {
    const client = await connect('?ids=int');
    await client.next((frame) => frame.id !== undefined);
    await feeder.market('BTCUSDT', 50_000);
    const frame = await client.next('market');
    expect(frame.raw).toBe(
      `id: ${feeder.cursor.offset}\nevent: market\ndata: {"type":"market","symbol":"BTCUSDT","ts_ns":${feeder.tsUs}000,"price":50000}\n\n`,
    );
    client.close();
  });

  it('gives types=all everything, and types= and symbols= what they name', async () => {
    const all = await connect('?types=all');
    const some = await connect('?types=book_change,clock&symbols=eth/usdt');
    for (const client of [all, some]) await client.next((frame) => frame.id !== undefined);
    await feeder.append(
      ['market:BTCUSDT', '{"n":1}'],
      [
        'book_change:ETHUSDT',
        '{"type":"book_change","symbol":"ETHUSDT","ts_ns":1,"is_snapshot":false,"first":1,"last":2,"bids":[],"asks":[]}',
      ],
      ['clock', '{"type":"clock","ts_ns":{ts},"second":2}'],
      ['trade:ETHUSDT', '{"n":2}'],
    );
    const offset = feeder.cursor.offset;
    expect((await all.collect(4)).map((f) => [f.id, f.event])).toEqual(
      ['market', 'book_change', 'clock', 'trade'].map((type, i) => [`${feeder.cursor.epoch}-${offset - 3 + i}`, type]),
    );
    expect((await some.collect(2)).map((f) => f.event)).toEqual(['book_change', 'clock']);
    all.close();
    some.close();
  });

  it('chains every frame to the one before it in the same subscription', async () => {
    const client = await connect('?chain=1&symbols=BTCUSDT', feeder.id);
    const start = feeder.id;
    const first = await feeder.market('BTCUSDT', 1);
    await feeder.market('ETHUSDT', 2);
    const second = await feeder.market('BTCUSDT', 3);
    const frames = await client.collect(2, 'market');
    expect(frames.map((f) => [f.id, f.fields.prev])).toEqual([
      [first, start],
      [second, first],
    ]);
    client.close();
  });

  it('resumes after last_id, as a cursor and as an integer, and Last-Event-ID wins over it', async () => {
    const from = feeder.cursor;
    for (let i = 1; i <= 3; i++) await feeder.market('BTCUSDT', i);
    const id = (offset: number) => `${from.epoch}-${offset}`;
    const firstOf = async (query: string, header?: string) => {
      const client = await connect(query, header);
      const frame = await client.next(dispatched);
      client.close();
      return frame.id;
    };
    expect(await firstOf(`?last_id=${id(from.offset)}`)).toBe(id(from.offset + 1));
    expect(await firstOf(`?last_id=${from.offset + 1}`)).toBe(id(from.offset + 2));
    expect(await firstOf(`?last_id=${from.offset}`, id(from.offset + 2))).toBe(id(from.offset + 3));
    expect(await firstOf(`?types=all&last_id=0`)).toBe(id(0));
  });

  it.each([
    ['types=nope', 'types'],
    ['types=', 'types'],
    ['symbols=NOPE', 'symbols'],
    ['ids=float', 'ids'],
    ['chain=yes', 'chain'],
    ['ids=int&ids=cursor', 'ids'],
  ])('answers %s with a 400 that names the parameter, what came and what is allowed', async (query, name) => {
    const { status, body } = await gateway.json(`/api/stream?${query}`);
    expect(status).toBe(400);
    expect(body).toMatchObject({ code: 400, message: expect.stringMatching(new RegExp(`^${name} .*(takes|choose)`)) });
  });

  it('accepts the types of the design that nothing publishes yet', async () => {
    const client = await connect(
      '?types=order_update,fill,order_state,account,position,kline,analytics,anomaly,ticker,book_order',
    );
    expect(client.status).toBe(200);
    client.close();
  });

  it('keeps a quiet stream alive with a comment, and its cursor fresh with an id', async () => {
    const client = await connect('?types=fill');
    await client.next((frame) => frame.id !== undefined);
    await client.next((frame) => frame.comments.includes(' keep-alive'));
    await feeder.market('BTCUSDT', 1);
    const moved = await client.next((frame) => frame.id === feeder.id);
    expect(moved.raw).toBe(`id: ${feeder.id}\n\n`);
    expect(client.lastEventId).toBe(feeder.id);
    client.close();
  });

  it('refuses what is too much with a 200, a retry and an error, which an EventSource survives', async () => {
    const clients = await Promise.all(Array.from({ length: 12 }, () => connect()));
    const refused = await connect();
    expect(refused.status).toBe(200);
    const error = await refused.next('error');
    expect(JSON.parse(error.data)).toMatchObject({ code: 503, message: expect.stringContaining('12') });
    await refused.closed;
    expect(refused.retryMs).toBeGreaterThanOrEqual(5_000);
    for (const client of clients) client.close();
    while (gateway.gateway.fanout.sessions.size > 0) await new Promise((resolve) => setTimeout(resolve, 5));
  });

  it('tells its subscribers when no clock event comes any more, and how things stand when they come again', async () => {
    const watched = await TestGateway.start(redis.url, { CLOCK_STALE_MS: '300' });
    await watched.reaches(feeder.id);
    const client = await SseClient.connect(`${watched.url}/api/stream?symbols=BTCUSDT`);
    const view = await SseClient.connect(`${watched.url}/stream?streams=BTCUSDT:MBP:1&interval=0`);
    await view.next('market_data');
    await feeder.clock(5);
    const stale = await client.next('book_status');
    expect(JSON.parse(stale.data)).toMatchObject({ type: 'book_status', symbol: 'BTCUSDT', status: 'stale' });
    expect(stale.id).toBeUndefined();
    expect(JSON.parse((await view.next('market_data')).data).stale).toBe(true);
    expect(await watched.text('/metrics')).toMatch(/depthcast_gateway_stale\{.*\} 1/);
    await feeder.clock(6);
    const again = await client.next('book_status');
    expect(JSON.parse(again.data)).toMatchObject({ symbol: 'BTCUSDT', status: 'synced' });
    expect(JSON.parse((await view.next('market_data')).data).stale).toBeUndefined();
    client.close();
    view.close();
    await watched.stop();
  });
});
