import { partitionOf } from '@depthcast/protocol';
import { SseClient, type SseFrame, startRedis, type TestRedis } from '@depthcast/testing';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { LogFeeder } from '../testing/log-feeder.ts';
import { SocketClient } from '../testing/socket-client.ts';
import { TestGateway } from '../testing/test-gateway.ts';

const COUNT = 4;
/** Of partitions 2, 0, 1; nothing is in 3. */
const SYMBOLS = ['BTCUSD', 'ETHUSD', 'SOLUSD'];
const dispatched = ({ dispatched: isEvent }: SseFrame) => isEvent;

let redis: TestRedis;
let feeders: LogFeeder[];
let pair: [TestGateway, TestGateway];

const feederOf = (symbol: string) => feeders[partitionOf(symbol, COUNT)] as LogFeeder;
const trade = (symbol: string, n: number) =>
  feederOf(symbol).append([`trade:${symbol}`, `{"type":"trade","symbol":"${symbol}","ts_ns":{ts},"trade_id":${n}}`]);

beforeAll(async () => {
  redis = await startRedis();
  feeders = [];
  for (let i = 0; i < COUNT; i++) feeders.push(await LogFeeder.open(redis.url, i, COUNT));
  for (const symbol of SYMBOLS) await feederOf(symbol).book(symbol, [['100.0', '1']], [['101.0', '1']]);
  for (const feeder of feeders) await feeder.clock();
  const env = { PARTITIONS: String(COUNT) };
  pair = [await TestGateway.start(redis.url, env), await TestGateway.start(redis.url, env)];
  for (const gateway of pair) await isReady(gateway);
});

afterAll(async () => {
  SocketClient.closeAll();
  await TestGateway.stopAll();
  LogFeeder.closeAll();
  await redis?.stop();
});

async function isReady(gateway: TestGateway): Promise<void> {
  for (let i = 0; i < 500; i++) {
    if ((await gateway.request('/ready')).status === 200) return;
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
  throw new Error('the gateway does not become ready');
}

describe('over four partitions and two gateways', () => {
  it('an SSE client follows all of them with one id, from gateway to gateway, and gets every event once', async () => {
    const got = new Map<string, number[]>(SYMBOLS.map((symbol) => [symbol, []]));
    let lastId: string | undefined;
    let sent = 0;
    for (let round = 0; round < 8; round++) {
      const { url } = pair[round % 2] as TestGateway;
      const client = await SseClient.connect(
        `${url}/api/stream?types=trade`,
        lastId === undefined ? {} : { lastEventId: lastId },
      );
      if (lastId === undefined) await client.next(({ id }) => id !== undefined);
      for (let i = 0; i < 30; i++) await trade(SYMBOLS[(i * 7 + round) % 3] as string, ++sent);
      const count = round === 7 ? sent - [...got.values()].flat().length : 20;
      for (const frame of await client.collect(count, dispatched)) {
        const { symbol, trade_id: id } = JSON.parse(frame.data) as { symbol: string; trade_id: number };
        got.get(symbol)?.push(id);
        expect(frame.id).toMatch(/^[0-9a-z]+-[0-9a-z]+(_[0-9a-z]+-[0-9a-z]+){3}$/);
        lastId = frame.id;
      }
      client.close();
    }
    const all = [...got.values()].flat();
    expect([...all].sort((a, b) => a - b)).toEqual(Array.from({ length: sent }, (_, i) => i + 1));
    for (const ids of got.values()) expect(ids).toEqual([...ids].sort((a, b) => a - b));
  });

  it('a client of Socket.IO comes back to another gateway with the same id', async () => {
    const streams = SYMBOLS.map((symbol) => `${symbol}:TRADES`);
    const first = new SocketClient(pair[0].url, { auth: { streams } });
    await first.next('cursor');
    await trade('BTCUSD', 1_001);
    await trade('SOLUSD', 1_002);
    await first.until(() => first.of('trade').length === 2);
    const { lastId } = first;
    first.close();
    await trade('ETHUSD', 1_003);
    await trade('BTCUSD', 1_004);
    const second = new SocketClient(pair[1].url, { auth: { streams, lastId } });
    second.lastId = lastId;
    await trade('SOLUSD', 1_005);
    await second.until(() => second.of('trade').length === 3);
    expect(second.of('reset')).toEqual([]);
    expect(
      second
        .of('trade')
        .map(({ trade_id }) => trade_id)
        .sort(),
    ).toEqual([1_003, 1_004, 1_005]);
    second.close();
  });

  it('a symbol of another partition joins a connection that is live, with its snapshot and what follows it', async () => {
    const client = new SocketClient(pair[0].url, { auth: { streams: ['BTCUSD:L2'], chain: true } });
    await client.until(() => client.of('book_change').length === 1);
    const answer = await client.socket.emitWithAck('subscribe', ['ETHUSD:L2', 'SOLUSD:MBP:5']);
    expect(answer).toMatchObject({ ok: true, streams: ['BTCUSD:L2', 'ETHUSD:L2', 'SOLUSD:MBP:5'] });
    await client.until(() => client.of('book_change').length === 2 && client.of('market_data').length === 1);
    await feederOf('BTCUSD').change('BTCUSD', [['100.0', '2']], []);
    await feederOf('ETHUSD').change('ETHUSD', [['100.0', '3']], []);
    await client.until(() => client.of('book_change').length === 4);
    expect(client.of('book_change').map(({ symbol, is_snapshot }) => [symbol, is_snapshot])).toEqual([
      ['BTCUSD', true],
      ['ETHUSD', true],
      ['BTCUSD', false],
      ['ETHUSD', false],
    ]);
    client.close();
  });

  it('views of several partitions share a connection and one heartbeat', async () => {
    const gateway = await TestGateway.start(redis.url, { PARTITIONS: String(COUNT), HEARTBEAT_MS: '100' });
    await isReady(gateway);
    const client = await SseClient.connect(`${gateway.url}/stream?interval=0`);
    const shown = await client.collect(3, ({ event }) => event === 'market_data');
    expect(shown.map(({ data }) => JSON.parse(data).symbol).sort()).toEqual([...SYMBOLS].sort());
    for (const { id } of shown) expect(id?.split('_')).toHaveLength(COUNT);
    const startMs = Date.now();
    await client.collect(5, ({ event }) => event === 'heartbeat');
    expect(Date.now() - startMs).toBeGreaterThan(300);
    client.close();
    await gateway.stop();
  });

  it('says that integers cannot name a place in several logs, and what it is that it has', async () => {
    expect(await pair[0].json('/api/stream?ids=int')).toMatchObject({
      status: 400,
      body: { error: 'PARAMETER_INVALID' },
    });
    const { body } = await pair[0].json('/symbols');
    expect((body as { symbols: string[] }).symbols).toEqual([...SYMBOLS].sort());
    expect(await pair[0].json('/api/account')).toMatchObject({ status: 400, body: { error: 'PARAMETER_INVALID' } });
  });

  it('a client that was made for another number of partitions is told so', async () => {
    const lastEventId = `${feeders[0]?.cursor.epoch}-1`;
    const client = await SseClient.connect(`${pair[0].url}/api/stream?types=trade`, { lastEventId });
    const reset = await client.next(({ event }) => event === 'reset');
    expect(JSON.parse(reset.data)).toMatchObject({ reason: 'repartitioned', requested: lastEventId });
    client.close();
  });
});

describe('TAIL=lazy', () => {
  it('follows the partitions that somebody is subscribed to, and no others', async () => {
    const gateway = await TestGateway.start(redis.url, { PARTITIONS: String(COUNT), TAIL: 'lazy' });
    await isReady(gateway);
    const followed = () => gateway.partitions.all.map(({ isFollowing }) => isFollowing);
    expect(followed()).toEqual([false, false, false, false]);
    const client = await SseClient.connect(`${gateway.url}/api/stream?types=trade&symbols=BTCUSD`);
    const { id } = await client.next((frame) => frame.id !== undefined);
    expect(followed()).toEqual([false, false, true, false]);
    await trade('BTCUSD', 2_001);
    expect(JSON.parse((await client.next(dispatched)).data)).toMatchObject({ trade_id: 2_001 });
    client.close();
    // The places of the others are in the id as well: who comes back for more has missed nothing of them.
    await trade('SOLUSD', 2_002);
    const more = await SseClient.connect(`${gateway.url}/api/stream?types=trade&symbols=BTCUSD,SOLUSD`, {
      lastEventId: id as string,
    });
    const events = await more.collect(2, dispatched);
    expect(events.map(({ data }) => JSON.parse(data).trade_id).sort()).toEqual([2_001, 2_002]);
    expect(followed()).toEqual([false, true, true, false]);
    more.close();
    await gateway.stop();
  });
});
