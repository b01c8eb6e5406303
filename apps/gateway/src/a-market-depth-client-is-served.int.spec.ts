import { SseClient, startRedis, type TestRedis } from '@depthcast/testing';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { EventSource } from 'eventsource';
import { LogFeeder } from './testing/log-feeder.ts';
import { TestGateway } from './testing/test-gateway.ts';

/** The market-depth seed, field by field, over HTTP. */
describe('GET /stream', () => {
  let redis: TestRedis;
  let feeder: LogFeeder;
  let gateway: TestGateway;

  beforeAll(async () => {
    redis = await startRedis();
    feeder = await LogFeeder.open(redis.url);
    await feeder.book(
      'BTCUSD',
      [
        ['45000.50', '1.500'],
        ['45000.00', '2.000'],
        ['44999.50', '3.000'],
      ],
      [['45001.00', '0.500']],
    );
    await feeder.book('ETHUSD', [['3000.25', '5']], [['3000.75', '7']]);
    const id = await feeder.book('ADAUSD', [['0.5000', '10']], [['0.5001', '20']]);
    gateway = await TestGateway.start(redis.url, { HEARTBEAT_MS: '300' });
    await gateway.reaches(id);
  });

  afterAll(async () => {
    await TestGateway.stopAll();
    LogFeeder.closeAll();
    await redis?.stop();
  });

  const connect = (query: string, headers: Record<string, string> = {}) =>
    SseClient.connect(`${gateway.url}/stream${query}`, { headers });

  it('is an event stream that no proxy buffers, open to every origin', async () => {
    const client = await connect('?streams=BTCUSD:MBP:2');
    expect(client.status).toBe(200);
    expect(client.headers).toMatchObject({
      'content-type': 'text/event-stream; charset=utf-8',
      'cache-control': 'no-cache, no-transform',
      connection: 'keep-alive',
      'x-accel-buffering': 'no',
      'access-control-allow-origin': '*',
    });
    expect(client.headers['access-control-allow-credentials']).toBeUndefined();
    client.close();
  });

  it('says connection_info first, then each book at once, then every change, to a real EventSource', async () => {
    const source = new EventSource(`${gateway.url}/stream?streams=BTCUSD:MBP:2&interval=50`);
    const got: { type: string; data: Record<string, unknown>; id: string }[] = [];
    let heard: () => void = () => {};
    for (const type of ['connection_info', 'market_data', 'heartbeat', 'error']) {
      source.addEventListener(type, (event) => {
        got.push({
          type,
          data: JSON.parse((event as MessageEvent).data ?? 'null'),
          id: (event as MessageEvent).lastEventId,
        });
        heard();
      });
    }
    const until = async (count: number) => {
      while (got.length < count) await new Promise<void>((resolve) => (heard = resolve));
    };
    await until(2);
    expect(got[0]).toEqual({
      type: 'connection_info',
      id: '',
      data: {
        event: 'connection_info',
        client_id: expect.stringMatching(/^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/),
        server_time: expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{3})?Z$/),
        supported_symbols: ['ADAUSD', 'BTCUSD', 'ETHUSD'],
      },
    });
    const level = { order_count: null, avg_age_ms: null };
    expect(got[1]?.data).toEqual({
      event: 'market_data',
      stream_id: 'BTCUSD_MBP_2',
      symbol: 'BTCUSD',
      data: {
        format: 'MBP',
        bids: [
          { price: 45000.5, quantity: 1.5, side: 'Bid', total_quantity: 1.5, ...level },
          { price: 45000, quantity: 2, side: 'Bid', total_quantity: 3.5, ...level },
        ],
        asks: [{ price: 45001, quantity: 0.5, side: 'Ask', total_quantity: 0.5, ...level }],
      },
      sequence: 1,
      timestamp: '2024-01-01T00:00:00.250Z',
    });
    const id = await feeder.change('BTCUSD', [['45000.50', '0.000']], [['45000.50', '9.000']]);
    await until(3);
    while (got.at(-1)?.type !== 'market_data') await until(got.length + 1);
    const last = got.at(-1);
    expect(last?.id).toBe(id);
    expect(last?.data).toMatchObject({ sequence: feeder.cursor.offset });
    expect(last?.data).toMatchObject({ data: { bids: [{ price: 45000 }, { price: 44999.5 }] } });
    source.close();
  });

  it('sends prices and quantities with all their decimals, as numbers', async () => {
    const client = await connect('?streams=ADAUSD:MBP:5');
    const frame = await client.next('market_data');
    expect(frame.data).toContain('"price":0.5000,"quantity":10,');
    client.close();
  });

  it('gives every symbol at 20 levels when nothing is asked for, and those that come later', async () => {
    const client = await connect('?interval=0');
    const frames = await client.collect(3, 'market_data');
    expect(frames.map((f) => JSON.parse(f.data).stream_id).sort()).toEqual([
      'ADAUSD_MBP_20',
      'BTCUSD_MBP_20',
      'ETHUSD_MBP_20',
    ]);
    await feeder.book('NEWUSD', [['1.0', '1']], [['2.0', '1']]);
    const late = await client.next('market_data');
    expect(JSON.parse(late.data)).toMatchObject({ stream_id: 'NEWUSD_MBP_20', symbol: 'NEWUSD' });
    await feeder.change('NEWUSD', [['1.5', '1']], [], 3);
    const changed = await client.next((f) => f.event === 'market_data' && f.data.includes('"price":1.5'));
    expect(JSON.parse(changed.data).symbol).toBe('NEWUSD');
    client.close();
  });

  it('takes symbols with data_type and max_levels, and collapses what is asked for twice', async () => {
    const client = await connect('?symbols=btcusd,ETH/USD,BTCUSD&data_type=mbp&max_levels=15');
    const frames = await client.collect(2, 'market_data');
    expect(frames.map((f) => JSON.parse(f.data).stream_id).sort()).toEqual(['BTCUSD_MBP_15', 'ETHUSD_MBP_15']);
    client.close();
  });

  it.each([
    ['NOPE:MBP:5', 'Unknown symbol "NOPE"'],
    ['BTCUSD:FOO:5', 'is not one of MBP, MBO'],
    ['BTCUSD:MBP:0', 'is not a whole number from 1 to 1000'],
    ['BTCUSD:MBP:-1', 'is not a whole number'],
    ['BTCUSD:MBP:ten', 'is not a whole number'],
    ['BTCUSD:MBP:1001', 'is not a whole number'],
    ['BTCUSD:MBP:5:6', 'Invalid stream definition'],
    ['BTCUSD:MBO:5', 'MBO is not available'],
  ])('answers %s with an error of its own, and the valid ones flow', async (bad, message) => {
    const client = await connect(`?streams=${encodeURIComponent(bad)},ETHUSD:MBP:1`);
    const error = await client.next('error');
    expect(JSON.parse(error.data)).toEqual({
      event: 'error',
      code: 400,
      message: expect.stringContaining(message),
      stream_id: bad,
    });
    expect(error.raw).not.toMatch(/^id:/m);
    expect(JSON.parse((await client.next('market_data')).data).stream_id).toBe('ETHUSD_MBP_1');
    client.close();
    const none = await gateway.json(`/stream?streams=${encodeURIComponent(bad)}`);
    expect(none.status).toBe(400);
    expect(none.body).toEqual({
      event: 'error',
      code: 400,
      message: expect.stringContaining(message),
      stream_id: bad,
    });
  });

  it('lists all errors when several streams are bad and none is good', async () => {
    const { status, body } = await gateway.json('/stream?streams=A:MBP:1,B:MBP:1');
    expect(status).toBe(400);
    expect(body).toMatchObject({
      event: 'error',
      stream_id: 'A:MBP:1',
      errors: [{ stream_id: 'A:MBP:1' }, { stream_id: 'B:MBP:1' }],
    });
  });

  it.each(['interval=10', 'interval=1e3', 'interval=60001', 'data_type=L2', 'max_levels=0', 'streams=', 'symbols=,'])(
    'answers %s with 400',
    async (query) => {
      const { status, body } = await gateway.json(`/stream?${query}`);
      expect(status).toBe(400);
      expect(body).toMatchObject({
        event: 'error',
        code: 400,
        message: expect.stringContaining(query.split('=')[0] ?? ''),
      });
    },
  );

  it('keeps what a client made up out of its frames', async () => {
    const client = await connect(`?streams=${encodeURIComponent('A\r\nid: 1\n\n\0:MBP:1')},BTCUSD:MBP:1`);
    const error = await client.next('error');
    expect(JSON.parse(error.data).stream_id).toBe('Aid: 1:MBP:1');
    await client.next('market_data');
    client.close();
  });

  it('beats', async () => {
    const client = await connect('?streams=BTCUSD:MBP:1');
    const beat = await client.next('heartbeat');
    expect(JSON.parse(beat.data)).toEqual({ event: 'heartbeat', timestamp: expect.stringMatching(/^\d{4}-.*Z$/) });
    expect(beat.raw).not.toMatch(/^id:/m);
    client.close();
  });

  it('sends a resuming client the newest frames, and says reset only for a cursor that is none of this log', async () => {
    const old = await SseClient.connect(`${gateway.url}/stream?streams=BTCUSD:MBP:1`, {
      lastEventId: `${feeder.cursor.epoch}-1`,
    });
    await old.next('connection_info');
    expect((await old.next()).event).toBe('market_data');
    old.close();
    const foreign = await SseClient.connect(`${gateway.url}/stream?streams=BTCUSD:MBP:1&last_id=${feeder.id}`, {
      lastEventId: '12-12',
    });
    await foreign.next('connection_info');
    const reset = await foreign.next();
    expect(reset.event).toBe('reset');
    expect(JSON.parse(reset.data)).toMatchObject({ reason: 'unknown', requested: '12-12' });
    expect((await foreign.next()).event).toBe('market_data');
    foreign.close();
  });

  it('flags a book whose own feed is not in sync', async () => {
    const client = await connect('?streams=ETHUSD:MBP:1&interval=0');
    expect(JSON.parse((await client.next('market_data')).data)).not.toHaveProperty('stale');
    await feeder.append(['book_status:ETHUSD', '{"type":"book_status","symbol":"ETHUSD","ts_ns":{ts},"status":"gap"}']);
    expect(JSON.parse((await client.next('market_data')).data)).toMatchObject({ stale: true });
    await feeder.append([
      'book_status:ETHUSD',
      '{"type":"book_status","symbol":"ETHUSD","ts_ns":{ts},"status":"synced"}',
    ]);
    expect(JSON.parse((await client.next('market_data')).data)).not.toHaveProperty('stale');
    client.close();
  });
});
