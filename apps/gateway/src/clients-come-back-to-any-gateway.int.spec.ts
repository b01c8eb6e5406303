import { type Socket, connect as tcp } from 'node:net';
import { partitionKeys } from '@depthcast/log';
import { SseClient, type SseFrame, startRedis, type TestRedis, type TestRedisOptions } from '@depthcast/testing';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { LogFeeder } from './testing/log-feeder.ts';
import { dechunk, parseFrames } from './testing/memory-sink.ts';
import { TestGateway } from './testing/test-gateway.ts';

const dispatched = (frame: SseFrame) => frame.dispatched;

describe('over one Redis and two gateways', () => {
  const redises: TestRedis[] = [];
  let redis: TestRedis;
  let feeder: LogFeeder;
  let gateways: [TestGateway, TestGateway];

  async function newRedis(options: TestRedisOptions = {}): Promise<TestRedis> {
    const server = await startRedis(options);
    redises.push(server);
    return server;
  }

  beforeAll(async () => {
    redis = await newRedis();
    feeder = await LogFeeder.open(redis.url);
    await feeder.book('BTCUSD', [['100.0', '1']], [['101.0', '1']]);
    await feeder.market('BTCUSD', 1);
    gateways = [await TestGateway.start(redis.url, { WINDOW_BYTES: '1048576' }), await TestGateway.start(redis.url)];
    for (const gateway of gateways) await gateway.reaches(feeder.id);
  });

  afterAll(async () => {
    await TestGateway.stopAll();
    LogFeeder.closeAll();
    for (const server of redises) await server.stop();
  });

  const open = (gateway: TestGateway, lastEventId?: string, query = '?types=all') =>
    SseClient.connect(`${gateway.url}/api/stream${query}`, lastEventId === undefined ? {} : { lastEventId });
  const markets = (count: number) =>
    feeder.append(...Array.from({ length: count }, (_, i) => ['market:BTCUSD', `{"n":${i}}`] as const));
  const offsets = (frames: readonly SseFrame[]) => frames.map((frame) => Number(frame.id?.split('-')[1]));
  const run = (from: number, count: number) => Array.from({ length: count }, (_, i) => from + i);

  it('a client that changes gateways ten times gets every event once', async () => {
    const first = feeder.cursor.offset + 1;
    let lastId = feeder.id;
    const got: number[] = [];
    const feeding = (async () => {
      for (let i = 0; i < 60; i++) {
        await markets(50);
        await new Promise((resolve) => setTimeout(resolve, 2));
      }
    })();
    for (let round = 0; round < 10; round++) {
      const client = await open(gateways[round % 2] as TestGateway, lastId);
      const frames = await client.collect(100, dispatched);
      got.push(...offsets(frames));
      lastId = frames.at(-1)?.id as string;
      client.close();
    }
    await feeding;
    expect(got).toEqual(run(first, 1_000));
  });

  it('what the window has let go comes out of Redis, all of it, then live', async () => {
    const start = feeder.cursor;
    const big = 'x'.repeat(1_000);
    for (let i = 0; i < 5; i++) {
      await feeder.append(...Array.from({ length: 1_000 }, () => ['market:BTCUSD', `{"pad":"${big}"}`] as const));
    }
    await gateways[0].reaches(feeder.id);
    expect(gateways[0].gateway.window.positionAfter(start)).toBeUndefined();
    const client = await open(gateways[0], `${start.epoch}-${start.offset}`);
    expect(offsets(await client.collect(5_000, dispatched))).toEqual(run(start.offset + 1, 5_000));
    await feeder.market('BTCUSD', 7);
    expect((await client.next('market')).id).toBe(feeder.id);
    expect(gateways[0].gateway.ladder.stats.outcomes.redis).toBeGreaterThan(0);
    client.close();
  });

  it('a client that stops reading and comes back gets all it missed, and held up nobody', async () => {
    const start = feeder.cursor.offset;
    const slow = await open(gateways[0]);
    const fast = await open(gateways[0]);
    await slow.next((frame) => frame.id !== undefined);
    await fast.next((frame) => frame.id !== undefined);
    slow.pause();
    const big = 'x'.repeat(1_000);
    for (let i = 0; i < 20; i++) {
      await feeder.append(...Array.from({ length: 1_000 }, () => ['market:BTCUSD', `{"pad":"${big}"}`] as const));
    }
    expect(offsets(await fast.collect(20_000, dispatched))).toEqual(run(start + 1, 20_000));
    // 20 MB were written to it; what this process holds for it is at most a write.
    const session = [...gateways[0].gateway.fanout.sessions].find((s) => s.state === 'draining');
    expect(session?.sink.writableLength).toBeLessThan(2 << 20);
    slow.resume();
    expect(offsets(await slow.collect(20_000, dispatched, 20_000))).toEqual(run(start + 1, 20_000));
    slow.close();
    fast.close();
  });

  it('a cursor is told trimmed, ahead, or unknown, shown how things stand, and goes on live', async () => {
    const trimmed = `${feeder.cursor.epoch}-3`;
    await feeder.trimTo(10_000);
    await markets(1_000);
    for (const gateway of gateways) await gateway.reaches(feeder.id);
    const far = `${feeder.cursor.epoch}-${feeder.cursor.offset + 1_000}`;
    for (const [cursor, reason] of [
      [trimmed, 'trimmed'],
      [far, 'ahead'],
      ['no-cursor', 'unknown'],
      ['1-1', 'unknown'],
    ]) {
      const client = await open(gateways[0], cursor);
      const [reset, status, book, market] = await client.collect(4, dispatched);
      expect(reset?.event).toBe('reset');
      expect(reset?.id).toBeUndefined();
      expect(JSON.parse(reset?.data ?? '')).toEqual({
        reason,
        requested: cursor,
        earliest: expect.stringMatching(/^\d+-\d+$/),
        tail: feeder.id,
      });
      expect(status?.event).toBe('book_status');
      expect(JSON.parse(book?.data ?? '')).toMatchObject({
        type: 'book_change',
        symbol: 'BTCUSD',
        is_snapshot: true,
        bids: [['100.0', '1']],
        asks: [['101.0', '1']],
      });
      expect(market?.event).toBe('market');
      for (const frame of [status, book, market]) expect(frame?.id).toBeUndefined();
      expect((await client.next((frame) => frame.id !== undefined)).raw).toBe(`id: ${feeder.id}\n\n`);
      await feeder.market('BTCUSD', 3);
      expect((await client.next('market')).id).toBe(feeder.id);
      client.close();
    }
  });

  it('a new epoch is crossed without notice; a cursor that saw what was lost is told forked', async () => {
    const before = feeder.cursor;
    const client = await open(gateways[1], `${before.epoch}-${before.offset}`);
    await feeder.openEpoch('test');
    const epoch = await client.next('epoch');
    expect(epoch.id).toBe(`${feeder.cursor.epoch}-0`);
    expect(JSON.parse(epoch.data).previous_tail).toBe(`${before.epoch}-${before.offset}`);
    client.close();
    const forked = await open(gateways[0], `${before.epoch}-${before.offset + 1}`);
    expect(JSON.parse((await forked.next()).data).reason).toBe('forked');
    forked.close();
    const integers = await open(gateways[0], `${before.epoch}-${before.offset}`, '?types=all&ids=int&chain=1');
    const frame = await integers.next('epoch');
    expect([frame.id, frame.fields.prev]).toEqual(['1000000000000', String(before.offset)]);
    await feeder.market('BTCUSD', 1);
    expect((await integers.next('market')).id).toBe('1000000000001');
    integers.close();
  });

  it('a gateway that starts now has the books at once, from where they were stored', async () => {
    await feeder.storeBooks([
      {
        symbol: 'BTCUSD',
        state: {
          symbol: 'BTCUSD',
          tick: '0.1',
          step: '1',
          status: 'synced',
          last: 9,
          tsEventUs: 1_704_067_200_000_000,
          bids: [['99.0', '5']],
          asks: [['99.5', '6']],
          market: '99.2',
        },
      },
    ]);
    const stored = feeder.cursor;
    await feeder.change('BTCUSD', [['99.1', '7']], []);
    const late = await TestGateway.start(redis.url);
    await late.reaches(feeder.id);
    expect(late.gateway.window.positionAfter(stored)).toBe(0);
    const client = await SseClient.connect(`${late.url}/stream?streams=BTCUSD:MBP:2`);
    const frame = JSON.parse((await client.next('market_data')).data);
    expect(frame.data.bids.map((level: { price: number }) => level.price)).toEqual([99.1, 99]);
    expect(frame.sequence).toBe(feeder.cursor.offset);
    client.close();
    const reset = await open(late, '1-1', '?types=market,book_status');
    expect((await reset.collect(3, dispatched)).map((f) => f.event)).toEqual(['reset', 'book_status', 'market']);
    reset.close();
    await late.stop();
  });

  it('HTTP/1.0 gets the frames bare, and a connection that is closed at the end', async () => {
    const { socket, read } = raw(gateways[0], 'GET /api/stream?types=all HTTP/1.0\r\n\r\n');
    await read((text) => text.includes(`id: ${feeder.id}\n\n`));
    await feeder.market('BTCUSD', 1);
    const text = await read((all) => all.includes('"price":1}\n\n'));
    const [head = '', body = ''] = text.split('\r\n\r\n');
    expect(head.toLowerCase()).not.toContain('chunked');
    expect(head).toContain('Connection: close');
    expect(parseFrames(body).at(-1)).toMatchObject({ id: feeder.id, event: 'market' });
    socket.destroy();
  });

  it('a request sent behind another on one connection waits for its turn', async () => {
    const { socket, read } = raw(
      gateways[0],
      'GET /metrics HTTP/1.1\r\nHost: a\r\n\r\nGET /api/stream?types=all HTTP/1.1\r\nHost: a\r\n\r\n',
    );
    const text = await read((all) => all.includes(`id: ${feeder.id}\n\n\r\n`));
    const parts = text.split('HTTP/1.1 200 OK');
    expect(parts).toHaveLength(3);
    expect(parts[1]).toContain('depthcast_gateway_sessions');
    const body = (parts[2] as string).slice((parts[2] as string).indexOf('\r\n\r\n') + 4);
    expect(parseFrames(dechunk(Buffer.from(body)))).toEqual([{ id: feeder.id }]);
    socket.destroy();
  });

  it('HEAD gives the headers, OPTIONS allows Last-Event-ID from elsewhere', async () => {
    const head = await gateways[0].request('/api/stream', { method: 'HEAD' });
    expect([head.status, head.headers['content-type'], head.text]).toEqual([
      200,
      'text/event-stream; charset=utf-8',
      '',
    ]);
    const preflight = await gateways[0].request('/api/stream', {
      method: 'OPTIONS',
      headers: {
        origin: 'http://x',
        'access-control-request-method': 'GET',
        'access-control-request-headers': 'last-event-id',
      },
    });
    expect(preflight.status).toBe(204);
    expect(preflight.headers['access-control-allow-origin']).toBe('*');
    expect(preflight.headers['access-control-allow-headers']?.toLowerCase()).toContain('last-event-id');
  });

  it('says what there is: /symbols, /api, /health, /ready, /metrics', async () => {
    const [gateway] = gateways;
    expect((await gateway.json('/symbols')).body).toMatchObject({
      symbols: ['BTCUSD'],
      details: [{ symbol: 'BTCUSD', status: 'synced', data_types: ['MBP'] }],
    });
    expect((await gateway.json('/api')).body).toMatchObject({
      endpoints: expect.any(Array),
      api_stream: { events: expect.arrayContaining(['market', 'book_change', 'kline']) },
    });
    expect((await gateway.json('/health')).body).toEqual({ status: 'ok' });
    expect((await gateway.json('/ready')).status).toBe(200);
    const metrics = await gateway.text('/metrics');
    for (const name of [
      'sessions',
      'frames_out_total',
      'resets_total',
      'resumes_total',
      'tail_lag_entries',
      'tail_batch_entries',
    ]) {
      expect(metrics).toContain(`depthcast_gateway_${name}`);
    }
  });

  it('when Redis goes away and comes back, clients stay, and go on where they were', async () => {
    const durable = await newRedis({ appendonly: true, config: ['--appendfsync', 'always'] });
    const writer = await LogFeeder.open(durable.url);
    await writer.book('BTCUSD', [['1.0', '1']], [['2.0', '1']]);
    await writer.clock(1);
    const gateway = await TestGateway.start(durable.url, { CLOCK_STALE_MS: '400' });
    await gateway.reaches(writer.id);
    await gateway.reaches(await writer.clock(2));
    const client = await open(gateway, writer.id);
    await durable.kill();
    expect(JSON.parse((await client.next('book_status')).data).status).toBe('stale');
    expect((await gateway.json('/ready')).status).toBe(200);
    await durable.start();
    writer.close();
    const again = await LogFeeder.open(durable.url);
    await again.clock(3);
    await again.market('BTCUSD', 5);
    const frames = await client.collect(3, (frame) => frame.dispatched && frame.id !== undefined);
    expect(frames.map((f) => f.event)).toEqual(['epoch', 'clock', 'market']);
    client.close();
    await gateway.stop();
    again.close();
  });

  it('a gateway that is stopped tells its clients when to come back, and ends their responses properly', async () => {
    const leaving = await TestGateway.start(redis.url);
    await leaving.reaches(feeder.id);
    const clients = [await open(leaving), await SseClient.connect(`${leaving.url}/stream`)];
    const { read } = raw(leaving, 'GET /api/stream HTTP/1.1\r\nHost: a\r\n\r\n');
    await read((text) => text.includes('id: '));
    await leaving.stop();
    for (const client of clients) {
      await client.closed;
      expect(client.retryMs).toBeGreaterThanOrEqual(500);
    }
    expect((await read(() => true)).endsWith('\r\n0\r\n\r\n')).toBe(true);
  });

  it('a gateway over an empty log is not ready, and tells clients to come back soon', async () => {
    const empty = await newRedis();
    const gateway = await TestGateway.start(empty.url);
    expect((await gateway.json('/ready')).status).toBe(503);
    const client = await SseClient.connect(`${gateway.url}/stream?streams=BTCUSD:MBP:5`);
    expect(client.status).toBe(200);
    expect(JSON.parse((await client.next('error')).data).code).toBe(503);
    await client.closed;
    const writer = await LogFeeder.open(empty.url);
    const id = await writer.book('BTCUSD', [['1.0', '1']], [['2.0', '1']]);
    await gateway.reaches(id);
    expect((await gateway.json('/ready')).status).toBe(200);
    expect(await writer.client.exists(partitionKeys().log)).toBe(1);
    writer.close();
    await gateway.stop();
  });
});

/** A connection that hides nothing. */
function raw(
  gateway: TestGateway,
  request: string,
): { socket: Socket; read: (until: (text: string) => boolean) => Promise<string> } {
  const socket = tcp(gateway.port, '127.0.0.1', () => socket.write(request));
  let text = '';
  socket.on('data', (bytes) => {
    text += bytes.toString('latin1');
  });
  socket.on('error', () => {});
  const read = async (until: (text: string) => boolean) => {
    const deadline = Date.now() + 5_000;
    while (!until(text)) {
      if (Date.now() > deadline) throw new Error(`only this came: ${text.slice(-500)}`);
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
    return text;
  };
  return { socket, read };
}
