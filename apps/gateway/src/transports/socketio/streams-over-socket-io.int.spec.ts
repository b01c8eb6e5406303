import type { Socket } from 'node:net';
import { startRedis, type TestRedis } from '@depthcast/testing';
import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { BookFeed, BookFollower } from '../../testing/book-feed.ts';
import { LogFeeder } from '../../testing/log-feeder.ts';
import { SocketClient, type SocketClientOptions } from '../../testing/socket-client.ts';
import { TestGateway } from '../../testing/test-gateway.ts';

const trade = (n: number, pad = '') =>
  ['trade:BTCUSD', `{"type":"trade","symbol":"BTCUSD","trade_id":${n},"pad":"${pad}"}`] as const;

/** Subscriptions, and what becomes of them when connections break, over one Redis and two gateways. */
describe('streams over Socket.IO', () => {
  let redis: TestRedis;
  let feeder: LogFeeder;
  let gateways: [TestGateway, TestGateway];
  const feed = new BookFeed('BTCUSD');
  let n = 0;

  beforeAll(async () => {
    redis = await startRedis();
    feeder = await LogFeeder.open(redis.url);
    await appendBook(feed.begin(), feed.status('synced'));
    await feeder.book('ETHUSD', [['10.0', '1']], [['11.0', '1']]);
    gateways = [await TestGateway.start(redis.url), await TestGateway.start(redis.url, { WINDOW_BYTES: '1048576' })];
    await reached();
  });

  afterEach(() => SocketClient.closeAll());

  afterAll(async () => {
    await TestGateway.stopAll();
    LogFeeder.closeAll();
    await redis?.stop();
  });

  const appendBook = (...events: { topic: string; payload: string }[]) =>
    feeder.append(...events.map(({ topic, payload }) => [topic, payload] as const));
  const trades = (count: number, pad = '') => feeder.append(...Array.from({ length: count }, () => trade(++n, pad)));
  const reached = async () => {
    for (const gateway of gateways) await gateway.reaches(feeder.id);
  };
  const connect = (options: SocketClientOptions = {}, gateway = gateways[0]) => new SocketClient(gateway.url, options);
  const idsOf = (client: SocketClient) => client.of('trade').map(({ trade_id }) => trade_id as number);
  const numbers = (from: number, to: number) => Array.from({ length: to - from + 1 }, (_, i) => from + i);

  it('gives views and streams of the log, acknowledged, in one connection', async () => {
    const client = connect();
    const answer = await client.ask('subscribe', ['BTCUSD:MBP:2', 'btcusd:trades'], { interval: 0 });
    expect(answer).toEqual({ ok: true, streams: ['BTCUSD:MBP:2', 'BTCUSD:TRADES'], resumed: false, errors: [] });
    const view = await client.next('market_data');
    expect(view).toMatchObject({ event: 'market_data', stream_id: 'BTCUSD_MBP_2', symbol: 'BTCUSD' });
    await client.until(() => client.lastId !== undefined);
    const id = await trades(1);
    expect(await client.next('trade')).toEqual({ type: 'trade', symbol: 'BTCUSD', trade_id: n, pad: '', cursor: id });
    await appendBook(feed.change(1));
    expect(await client.next('market_data')).toMatchObject({ sequence: feeder.cursor.offset });
  });

  it('gives views alone their cursor', async () => {
    const client = connect();
    await client.ask('subscribe', 'BTCUSD:MBP:1');
    const { sequence, cursor } = await client.next('market_data');
    expect(cursor).toBe(`${feeder.cursor.epoch}-${sequence}`);
    await client.ask('subscribe', 'BTCUSD:TRADES');
    await appendBook(feed.change(3));
    expect((await client.next('market_data')).cursor).toBeUndefined();
  });

  it('shows a book that is asked for later as it stands, and then each change of it', async () => {
    const client = connect({ onConnect: (socket) => socket.emit('subscribe', 'BTCUSD:TRADES') });
    await client.until(() => client.lastId !== undefined);
    await client.ask('subscribe', 'BTCUSD:L2');
    await client.next(([event, data]) => event === 'book_change' && data.is_snapshot === true);
    const follower = new BookFollower();
    for (let i = 0; i < 20; i++) await appendBook(feed.change(i));
    await trades(1);
    await client.next('trade');
    for (const data of client.of('book_change')) follower.apply(JSON.stringify(data));
    expect(follower.book?.wireLevels('bid')).toEqual(feed.book.wireLevels('bid'));
    expect(follower.checksums).toBeGreaterThan(5);
  });

  it('stops what is unsubscribed, and goes on with the rest', async () => {
    const client = connect();
    await client.ask('subscribe', ['BTCUSD:TRADES', 'BTCUSD:L2', 'BTCUSD:MBP:1', 'ETHUSD:MBP:1'], { interval: 0 });
    await client.until(() => client.lastId !== undefined && client.of('market_data').length === 2);
    const answer = await client.ask('unsubscribe', ['BTCUSD:L2', 'BTCUSD:MBP:1', 'ETHUSD:L2']);
    expect(answer).toMatchObject({ ok: false, streams: ['BTCUSD:TRADES', 'ETHUSD:MBP:1'] });
    expect(answer.errors).toEqual([
      {
        event: 'error',
        code: 400,
        error: 'STREAM_INVALID',
        message: '"ETHUSD:L2" is not subscribed',
        stream_id: 'ETHUSD:L2',
      },
    ]);
    const before = client.messages.length;
    await appendBook(feed.change(5));
    await trades(1);
    await client.next('trade');
    expect(client.messages.slice(before).map(([event]) => event)).toEqual(['trade']);
    await client.ask('unsubscribe', ['BTCUSD:TRADES']);
    await trades(1);
    expect(await client.ask('subscribe', 'BTCUSD:TRADES')).toMatchObject({ ok: true });
    await trades(1);
    await client.next('trade');
    expect(idsOf(client)).toEqual([n - 2, n]);
  });

  it('takes an interval a subscription, and another for a stream that is asked for again', async () => {
    const client = connect();
    await client.ask('subscribe', 'BTCUSD:MBP:1', { interval: 60_000 });
    await client.ask('subscribe', 'BTCUSD:MBP:2', { interval: 0 });
    await client.until(() => client.of('market_data').length === 2);
    for (let i = 0; i < 3; i++) {
      await appendBook(feed.change(10 + i));
      await reached();
    }
    await client.until(() => client.of('market_data').length === 5);
    expect(
      client
        .of('market_data')
        .slice(2)
        .map(({ stream_id }) => stream_id),
    ).toEqual(Array(3).fill('BTCUSD_MBP_2'));
    await client.ask('subscribe', 'BTCUSD:MBP:1', { interval: 0 });
    await appendBook(feed.change(14));
    const ofTheFirst = () => client.of('market_data').filter(({ stream_id }) => stream_id === 'BTCUSD_MBP_1');
    await client.until(() => ofTheFirst().length >= 3);
  });

  it('names the message before each one where the client wants a chain', async () => {
    const client = connect({ auth: { chain: true, streams: ['BTCUSD:TRADES'] } });
    await client.until(() => client.lastId !== undefined);
    let before = client.lastId;
    await feeder.market('BTCUSD', 1);
    await trades(2);
    await feeder.market('BTCUSD', 1);
    await trades(1);
    await client.until(() => client.of('trade').length === 3);
    for (const { cursor, prev_cursor } of client.of('trade')) {
      expect(prev_cursor).toBe(before);
      before = cursor as string;
    }
  });

  it.each([
    ['what is said with the handshake', { auth: { streams: ['BTCUSD:TRADES'] } }],
    [
      'what is said when it is there again',
      {
        onConnect: (socket: SocketClient['socket']) => {
          socket.emit('ready');
          socket.emit('subscribe', ['BTCUSD:TRADES', 'BTCUSD:MBP:1']);
        },
      },
    ],
  ])('goes on from lastId on any gateway: %s', async (_name, options) => {
    const first = connect(options);
    await first.until(() => first.lastId !== undefined);
    await trades(10);
    await first.until(() => idsOf(first).length === 10);
    first.close();
    const from = n + 1;
    await trades(700, 'x'.repeat(2_000));
    await reached();
    // The second gateway's window is too small for that.
    for (const gateway of gateways) {
      const auth = { ...('auth' in options ? options.auth : {}), lastId: first.lastId };
      const second = connect({ ...options, auth }, gateway);
      await second.until(() => idsOf(second).length === n - from + 1);
      await trades(1);
      await second.until(() => idsOf(second).length === n - from + 1);
      expect(idsOf(second)).toEqual(numbers(from, n));
      second.close();
    }
  });

  it.each([
    ['unknown', 'nonsense'],
    ['unknown', '1-1'],
    ['ahead', undefined],
  ])('resets what cannot be gone on from: %s', async (reason, lastId) => {
    const requested = lastId ?? `${feeder.cursor.epoch}-${feeder.cursor.offset + 1_000}`;
    const client = connect({ auth: { lastId: requested, streams: ['BTCUSD:L2'], ready: true } });
    const reset = await client.next('reset');
    expect(reset).toMatchObject({ reason, requested, tail: feeder.id });
    expect(await client.next('book_change')).toMatchObject({ is_snapshot: true });
    expect(await client.next('cursor')).toEqual({ cursor: feeder.id });
  });

  it('tells who watches views alone what has become of the cursor', async () => {
    const client = connect({ auth: { lastId: '1-1', streams: ['BTCUSD:MBP:1'] } });
    expect(await client.next('reset')).toMatchObject({ reason: 'unknown' });
    expect(await client.next('market_data')).toMatchObject({ stream_id: 'BTCUSD_MBP_1' });
    const known = connect({ auth: { lastId: feeder.id, streams: ['BTCUSD:MBP:1'] } });
    await known.next('market_data');
    await known.ask('ping');
    expect(known.of('reset')).toEqual([]);
  });

  it('says so when a stream is asked for too late to be gone on with', async () => {
    const client = connect({ auth: { lastId: feeder.id, streams: ['BTCUSD:TRADES'] } });
    await trades(1);
    await client.next('trade');
    expect(await client.ask('subscribe', 'BTCUSD:L2')).toMatchObject({ resumed: false });
    expect(await client.next('book_change')).toMatchObject({ is_snapshot: true });
  });

  it('moves the cursor of a quiet stream on', async () => {
    const quiet = await TestGateway.start(redis.url, { KEEPALIVE_MS: '100' });
    await quiet.reaches(feeder.id);
    const client = connect({ auth: { streams: ['ETHUSD:TRADES'] } }, quiet);
    await client.next('cursor');
    const id = await trades(5);
    await client.next(([event, data]) => event === 'cursor' && data.cursor === id);
    await quiet.stop();
  });

  it('loses nothing and repeats nothing for clients that roam between gateways under load', async () => {
    const from = n + 1;
    const until = n + 6_000;
    const kinds = [['websocket'], ['polling'], ['polling', 'websocket']];
    const clients = kinds.flatMap((transports, k) =>
      [0, 1].map((i) => ({ transports, at: i, got: [] as number[], lastId: feeder.id, stop: false, k })),
    );
    const roam = async (client: (typeof clients)[number]) => {
      while (!client.stop) {
        const gateway = gateways[client.at++ % 2] as TestGateway;
        const socket = connect(
          { transports: client.transports, auth: { lastId: client.lastId, streams: ['BTCUSD:TRADES'] } },
          gateway,
        );
        await new Promise((resolve) => setTimeout(resolve, 100 + Math.random() * 400));
        const isLast = () => (idsOf(socket).at(-1) ?? client.got.at(-1) ?? 0) >= until;
        if (n >= until) await socket.until(isLast, 20_000);
        client.stop = isLast();
        socket.break();
        expect(socket.of('reset')).toEqual([]);
        client.got.push(...idsOf(socket));
        client.lastId = socket.lastId ?? client.lastId;
        socket.close();
      }
    };
    const load = async () => {
      while (n < until) {
        await trades(20, 'y'.repeat(300));
        await new Promise((resolve) => setTimeout(resolve, 10));
      }
    };
    await Promise.all([load(), ...clients.map(roam)]);
    for (const { got } of clients) expect(got).toEqual(numbers(from, until));
  }, 60_000);

  it('gives a client that does not read for a while everything when it does, and holds little for it', async () => {
    const client = connect({ auth: { streams: ['BTCUSD:TRADES'] } });
    const other = connect({ auth: { streams: ['BTCUSD:TRADES'] } });
    for (const each of [client, other]) await each.until(() => each.lastId !== undefined);
    const { ws } = client.socket.io.engine.transport as unknown as { ws: { _socket: Socket } };
    ws._socket.pause();
    const from = n + 1;
    for (let i = 0; i < 30; i++) {
      await trades(400, 'z'.repeat(1_500));
    }
    await other.until(() => idsOf(other).length === n - from + 1, 20_000);
    const [session] = [...gateways[0].gateway.fanout.sessions].filter(({ state }) => state === 'draining');
    expect(session?.sink.writableLength).toBeGreaterThan(0);
    expect(session?.sink.writableLength).toBeLessThan(3 << 20);
    ws._socket.resume();
    await client.until(() => idsOf(client).length === n - from + 1, 20_000);
    expect(idsOf(client)).toEqual(numbers(from, n));
  }, 60_000);

  it('says when to come back before it goes away, and the client comes back to another and goes on', async () => {
    const going = await (await TestGateway.start(redis.url)).reaches(feeder.id);
    const client = connect({ auth: { streams: ['BTCUSD:TRADES'] } }, going);
    const polling = connect({ auth: { streams: ['BTCUSD:TRADES'] }, transports: ['polling'] }, going);
    for (const each of [client, polling]) await each.until(() => each.lastId !== undefined);
    await trades(1);
    for (const each of [client, polling]) await each.next('trade');
    const startedMs = Date.now();
    await going.stop();
    expect(Date.now() - startedMs).toBeLessThan(4_000);
    for (const each of [client, polling]) {
      expect(await each.next('drain')).toEqual({ retry_ms: expect.any(Number) });
      await each.next('disconnect');
      // Whoever is let go like this tries again by itself.
      expect(each.socket.active).toBe(true);
    }
    await trades(1);
    const back = connect({ auth: { streams: ['BTCUSD:TRADES'], lastId: client.lastId } }, gateways[1]);
    expect(await back.next('trade')).toMatchObject({ trade_id: n });
  });
});
