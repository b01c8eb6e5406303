import { SseClient, startRedis, type TestRedis } from '@depthcast/testing';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { LogFeeder } from '../testing/log-feeder.ts';
import { SocketClient } from '../testing/socket-client.ts';
import { TestGateway } from '../testing/test-gateway.ts';

const RATE = 20;
const EVENTS = 60;

describe('a client that wants fewer messages a second', () => {
  let redis: TestRedis;
  let feeder: LogFeeder;
  let gateway: TestGateway;

  beforeAll(async () => {
    redis = await startRedis();
    feeder = await LogFeeder.open(redis.url);
    await feeder.book('BTCUSD', [['100.0', '1']], [['101.0', '1']]);
    gateway = await (await TestGateway.start(redis.url)).reaches(feeder.id);
  });

  afterAll(async () => {
    SocketClient.closeAll();
    await TestGateway.stopAll();
    LogFeeder.closeAll();
    await redis?.stop();
  });

  const trades = () =>
    feeder.append(
      ...Array.from({ length: EVENTS }, (_, i) => ['trade:BTCUSD', `{"symbol":"BTCUSD","trade_id":${i}}`] as const),
    );
  const inOrder = Array.from({ length: EVENTS }, (_, i) => i);

  it('gets every event of the log over SSE, no faster than that', async () => {
    const client = await SseClient.connect(`${gateway.url}/api/stream?types=trade&max_rate=${RATE}`);
    await client.next(({ id }) => id !== undefined);
    const startMs = performance.now();
    await trades();
    const got = await client.collect(EVENTS, ({ dispatched }) => dispatched);
    expect(got.map(({ data }) => JSON.parse(data).trade_id)).toEqual(inOrder);
    // The first second's come at once.
    expect(performance.now() - startMs).toBeGreaterThan(((EVENTS - RATE) / RATE) * 1_000 * 0.9);
    client.close();
  }, 15_000);

  it('gets them over Socket.IO, and of views the newest', async () => {
    const auth = { streams: ['BTCUSD:TRADES', 'BTCUSD:MBP:1'], interval: 0, maxRate: RATE };
    const client = new SocketClient(gateway.url, { auth });
    await client.until(() => client.of('market_data').length > 0 && client.lastId !== undefined);
    const startMs = performance.now();
    await trades();
    for (let i = 2; i < 40; i++) await feeder.change('BTCUSD', [['100.0', String(i)]], [], i);
    const isNewest = () => JSON.stringify(client.of('market_data').at(-1)).includes('"quantity":39');
    await client.until(() => client.of('trade').length === EVENTS && isNewest(), 12_000);
    expect(client.of('trade').map(({ trade_id: id }) => id)).toEqual(inOrder);
    expect(performance.now() - startMs).toBeGreaterThan(1_500);
    expect(client.of('market_data').length).toBeLessThan(39);
    expect(await gateway.text('/metrics')).toMatch(/rate_limited_total\{[^}]*kind="log"[^}]*\} [1-9]/);
    client.close();
  }, 20_000);

  it.each([
    ['/api/stream?max_rate=0', 'max_rate'],
    ['/stream?max_rate=fast', 'max_rate'],
  ])('%s is refused, by name', async (path, name) => {
    const { status, body } = await gateway.json(path);
    expect([status, (body as { error: string }).error]).toEqual([400, 'PARAMETER_INVALID']);
    expect((body as { message: string }).message).toContain(name);
  });
});
