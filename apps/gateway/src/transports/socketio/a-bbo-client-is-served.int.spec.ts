import { startRedis, type TestRedis } from '@depthcast/testing';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { LogFeeder } from '../../testing/log-feeder.ts';
import { SocketClient, type SocketClientOptions } from '../../testing/socket-client.ts';
import { TestGateway } from '../../testing/test-gateway.ts';

const bbo = (symbol: string, n: number) => ({
  symbol,
  bidPrice: `28750.${n}`,
  bidQty: '1.2345',
  askPrice: '28755.00',
  askQty: '0.9876',
  timestamp: 1_677_721_200_000 + n,
  serverTimestamp: 1_677_721_200_100 + n,
  backendLatency: 100,
});

/** The contract of the BBO seed, as its README gives it, over each transport that its example names. */
describe('Socket.IO for the clients of a BBO stream', () => {
  let redis: TestRedis;
  let feeder: LogFeeder;
  let gateway: TestGateway;
  let n = 0;

  beforeAll(async () => {
    redis = await startRedis();
    feeder = await LogFeeder.open(redis.url);
    await feeder.book('BTCUSDT', [['100.0', '1']], [['101.0', '1']]);
    await feeder.book('ETHUSDT', [['10.0', '1']], [['11.0', '1']]);
    await append('ETHUSDT', 'BTCUSDT');
    gateway = await (await TestGateway.start(redis.url)).reaches(feeder.id);
  });

  afterAll(async () => {
    SocketClient.closeAll();
    await TestGateway.stopAll();
    LogFeeder.closeAll();
    await redis?.stop();
  });

  const append = (...symbols: string[]) =>
    feeder.append(...symbols.map((symbol) => [`bbo:${symbol}`, JSON.stringify(bbo(symbol, ++n))] as const));
  const connect = (options: SocketClientOptions = {}) => new SocketClient(gateway.url, options);
  const withoutCursor = ({ cursor: _, ...rest }: Record<string, unknown>) => rest;

  it.each([
    ['websocket', ['websocket']],
    ['polling', ['polling']],
    ['polling that becomes a WebSocket', ['polling', 'websocket']],
    ['a WebSocket, or polling', ['websocket', 'polling']],
  ])('welcomes, and sends updates from ready on, by %s', async (_name, transports) => {
    const client = connect({ transports, path: '/socket.io/', reconnectionAttempts: Number.POSITIVE_INFINITY });
    expect(await client.next('welcome')).toEqual({ message: 'Welcome to BBO Stream' });
    await append('BTCUSDT');
    await gateway.reaches(feeder.id);
    expect(client.of('bbo_update')).toEqual([]);
    client.socket.emit('ready');
    expect(await client.next('cursor')).toEqual({ cursor: feeder.id });
    const id = await append('BTCUSDT');
    expect(await client.next('bbo_update')).toEqual({ ...bbo('BTCUSDT', n), cursor: id });
    for (let i = 0; i < 50; i++) await append('ETHUSDT', 'BTCUSDT');
    await client.until(() => client.of('bbo_update').length === 101);
    const got = client.of('bbo_update');
    expect(got.slice(1).map(withoutCursor)).toEqual(
      Array.from({ length: 100 }, (_, i) => bbo(i % 2 ? 'BTCUSDT' : 'ETHUSDT', n - 99 + i)),
    );
    expect(new Set(got.map(({ cursor }) => cursor)).size).toBe(101);
    client.close();
  });

  it('gives each update as the one argument that the handlers of the seed take', async () => {
    const client = connect({ onConnect: (socket) => socket.emit('ready') });
    await client.next('cursor');
    await append('BTCUSDT');
    await client.next('bbo_update');
    expect(client.messages.at(-1)).toHaveLength(2);
    client.close();
  });

  it('answers request_initial_data with one bbo_update a symbol, the newest, before ready too', async () => {
    const client = connect();
    client.socket.on('welcome', () => client.socket.emit('request_initial_data'));
    await client.until(() => client.of('bbo_update').length === 2);
    const got = client.of('bbo_update');
    expect(got.map(({ symbol }) => symbol)).toEqual(['BTCUSDT', 'ETHUSDT']);
    expect(got[0]).toEqual(bbo('BTCUSDT', n));
    client.close();
  });

  it('answers it with the best prices of a book whose last update was before its time', async () => {
    // What a gateway begins with; nothing came since.
    await feeder.book('LTCUSDT', [['50.00', '3']], [['50.50', '4']]);
    const gateway = await (await TestGateway.start(redis.url)).reaches(feeder.id);
    const client = new SocketClient(gateway.url);
    client.socket.on('welcome', () => client.socket.emit('request_initial_data'));
    const update = await client.next(([event, { symbol }]) => event === 'bbo_update' && symbol === 'LTCUSDT');
    const { timestamp, serverTimestamp, backendLatency, ...prices } = update as Record<string, number>;
    expect(prices).toEqual({ symbol: 'LTCUSDT', bidPrice: '50.00', bidQty: '3', askPrice: '50.50', askQty: '4' });
    expect([timestamp, backendLatency].map(Number.isInteger)).toEqual([true, true]);
    expect(backendLatency).toBe((serverTimestamp as number) - (timestamp as number));
    client.close();
    await gateway.stop();
  });

  it('answers a ping event with a pong that has the time in ms', async () => {
    const client = connect();
    await client.next('welcome');
    const before = Date.now();
    client.socket.emit('ping');
    const { time } = await client.next('pong');
    expect(time).toBeGreaterThanOrEqual(before);
    expect(time).toBeLessThanOrEqual(Date.now());
    expect(await client.ask('ping')).toEqual({ time: expect.any(Number) });
    client.close();
  });

  it('keeps numbers as they stand in the log, whatever a Number would make of them', async () => {
    const client = connect({ onConnect: (socket) => socket.emit('ready') });
    await client.next('cursor');
    const raw: string[] = [];
    client.socket.io.engine.on('packet', ({ data }: { data?: string }) => raw.push(String(data)));
    const payload = '{"symbol":"BTCUSDT","bidPrice":"1","timestamp":1704067200000000001,"note":"ä€😀","big":1.50}';
    const id = await feeder.append(['bbo:BTCUSDT', payload]);
    await client.next('bbo_update');
    expect(raw).toContain(`2["bbo_update",${payload.slice(0, -1)},"cursor":"${id}"}]`);
    await append('BTCUSDT');
    client.close();
  });

  it('tells its subscribers of a symbol that the log names later', async () => {
    const client = connect({ onConnect: (socket) => socket.emit('ready') });
    await client.next('cursor');
    await append('NEWUSDT');
    expect(await client.next('bbo_update')).toMatchObject({ symbol: 'NEWUSDT' });
    client.close();
  });

  it('counts its connections by transport, with those of SSE', async () => {
    const clients = [connect(), connect({ transports: ['polling'] })];
    for (const client of clients) await client.next('welcome');
    const text = await gateway.text('/metrics');
    expect(text).toMatch(/depthcast_gateway_sessions\{transport="socketio_websocket",state="open",.*\} 1/);
    expect(text).toMatch(/depthcast_gateway_sessions\{transport="socketio_polling",state="open",.*\} 1/);
    for (const client of clients) client.close();
  });
});
