import { logStreamTypes } from '@depthcast/protocol';
import { SseClient, type SseFrame, startRedis, type TestRedis } from '@depthcast/testing';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { EventSource } from 'eventsource';
import { BookFeed, BookFollower } from './testing/book-feed.ts';
import { LogFeeder } from './testing/log-feeder.ts';
import { TestGateway } from './testing/test-gateway.ts';

const kline = (interval: string, n = 1) =>
  [`kline:ETHUSD`, `{"type":"kline","symbol":"ETHUSD","interval":"${interval}","open_ts":${n}}`] as const;
const trade = (n: number, pad = '') =>
  ['trade:BTCUSD', `{"type":"trade","symbol":"BTCUSD","trade_id":${n},"pad":"${pad}"}`] as const;

/** Log-type streams of `/stream`, over HTTP, one Redis and two gateways. */
describe('GET /stream with streams of the log', () => {
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

  afterAll(async () => {
    await TestGateway.stopAll();
    LogFeeder.closeAll();
    await redis?.stop();
  });

  const appendBook = (...events: { topic: string; payload: string }[]) =>
    feeder.append(...events.map(({ topic, payload }) => [topic, payload] as const));
  const change = () => appendBook(feed.change(++n));
  const reached = async () => {
    for (const gateway of gateways) await gateway.reaches(feeder.id);
  };
  const connect = (streams: string, lastEventId?: string, gateway = gateways[0]) =>
    SseClient.connect(
      `${gateway.url}/stream?interval=0&streams=${encodeURIComponent(streams)}`,
      lastEventId === undefined ? {} : { lastEventId },
    );
  const shown = (frames: readonly SseFrame[]) => frames.map(({ event, id, data }) => [event, id, data]);
  const cursorOf = (client: SseClient) => client.next((frame) => frame.id !== undefined);

  it("gives a real EventSource views, and the log's own bytes under their types and ids, in one connection", async () => {
    const streams = 'BTCUSD:MBP:1,BTCUSD:TRADES,ETHUSD:KLINE_1m,BTCUSD:L2';
    const source = new EventSource(`${gateways[0].url}/stream?interval=0&streams=${streams}`);
    const got: { type: string; data: string; id: string }[] = [];
    for (const type of ['market_data', 'trade', 'kline', 'book_change', 'book_status', 'error']) {
      source.addEventListener(type, (event) => {
        const { data, lastEventId } = event as MessageEvent;
        got.push({ type, data, id: lastEventId });
      });
    }
    const until = async (count: number) => {
      while (got.length < count) await new Promise((resolve) => setTimeout(resolve, 2));
    };
    await until(4);
    expect(got.map(({ type, id }) => [type, id])).toEqual([
      ['market_data', ''],
      ['book_status', ''],
      ['book_change', ''],
      ['book_status', ''],
    ]);
    expect(JSON.parse(got[2]?.data ?? '')).toMatchObject({ is_snapshot: true, last: feed.last });
    expect(got.map(({ data }) => JSON.parse(data).symbol)).toEqual(['BTCUSD', 'BTCUSD', 'BTCUSD', 'ETHUSD']);
    const tradeId = await feeder.append(trade(1));
    await until(5);
    await feeder.append(kline('5m'), trade(2), kline('1m'));
    await until(7);
    const klineId = feeder.id;
    const changeId = await change();
    await until(9);
    source.close();
    expect(got.slice(4).map(({ type, id }) => [type, id])).toEqual([
      ['trade', tradeId],
      ['trade', `${feeder.cursor.epoch}-${feeder.cursor.offset - 2}`],
      ['kline', klineId],
      ['book_change', changeId],
      // The client's own id still: the view's frame has none.
      ['market_data', changeId],
    ]);
    expect(got[4]?.data).toBe(trade(1)[1]);
    expect(got[6]?.data).toBe(kline('1m')[1]);
  });

  it('begins with how the books stand and the last values, for trades with none, then the cursor of that moment', async () => {
    const events = [
      ['bbo:ETHUSD', '{"symbol":"ETHUSD","bidPrice":"10.0"}'],
      ['ticker:ETHUSD', '{"type":"ticker","symbol":"ETHUSD","price":10.5}'],
      ['analytics:ETHUSD', '{"type":"analytics","symbol":"ETHUSD","ts_ns":{ts}}'],
    ] as const;
    await feeder.append(...events.map(([topic]) => [topic, '{"old":1}'] as const), kline('1m', 7), kline('1h', 8));
    await feeder.append(...events);
    const ts = `${feeder.tsUs}000`;
    await feeder.append(kline('1m', 9), trade(3));
    await reached();
    const client = await connect(
      'ETHUSD:TICKER,ETHUSD:BBO,ETHUSD:ANALYTICS,ETHUSD:KLINE_1m,ETHUSD:KLINE_1d,BTCUSD:TRADES',
    );
    const frames = await client.collect(8, () => true);
    expect(frames[0]?.event).toBe('connection_info');
    expect(shown(frames.slice(1, 7))).toEqual([
      ['book_status', undefined, expect.stringContaining('"symbol":"BTCUSD"')],
      ['book_status', undefined, expect.stringContaining('"symbol":"ETHUSD"')],
      ['bbo', undefined, events[0][1]],
      ['ticker', undefined, events[1][1]],
      ['analytics', undefined, events[2][1].replace('{ts}', ts)],
      ['kline', undefined, kline('1m', 9)[1]],
    ]);
    expect(frames[7]?.raw).toBe(`id: ${feeder.id}\n\n`);
    const next = await feeder.append(kline('1h', 10), trade(4));
    expect(shown([await client.next()])).toEqual([['trade', next, trade(4)[1]]]);
    client.close();
  });

  it('tells the intervals of klines apart, also out of Redis', async () => {
    const start = feeder.id;
    await feeder.append(kline('1m', 1), kline('5m', 2), kline('1m', 3), kline('1d', 4), [
      'kline:BTCUSD',
      kline('5m', 5)[1],
    ]);
    const pad = 'x'.repeat(1_000);
    for (let i = 0; i < 3; i++) await feeder.append(...Array.from({ length: 1_000 }, (_, j) => trade(j, pad)));
    await reached();
    for (const gateway of gateways) {
      const client = await connect('ETHUSD:KLINE_5m,ETHUSD:kline_1D', start, gateway);
      const frames = (await client.collect(3)).slice(1);
      expect(frames.map(({ data }) => data)).toEqual([kline('5m', 2)[1], kline('1d', 4)[1]]);
      client.close();
    }
    expect(gateways[1].gateway.ladder.stats.outcomes.redis).toBeGreaterThan(0);
  });

  it('rebuilds a book from L2 over two gateways and twenty connections, with every checksum', async () => {
    const follower = new BookFollower();
    let lastId: string | undefined;
    let stop = false;
    const feeding = (async () => {
      while (!stop) {
        await appendBook(...Array.from({ length: 20 }, () => feed.change(++n)));
        await feeder.append(trade(n));
        await new Promise((resolve) => setTimeout(resolve, 1));
      }
      await change();
    })();
    let snapshots = 0;
    const take = (frame: SseFrame) => {
      lastId = frame.id ?? lastId;
      if (frame.event !== 'book_change' || !frame.dispatched) return;
      if (JSON.parse(frame.data).is_snapshot) snapshots++;
      follower.apply(frame.data);
    };
    for (let round = 0; round < 20; round++) {
      const client = await connect('BTCUSD:L2,BTCUSD:MBP:3', lastId, gateways[round % 2] as TestGateway);
      for (const frame of await client.collect(100, () => true)) take(frame);
      client.close();
    }
    stop = true;
    await feeding;
    const client = await connect('BTCUSD:L2', lastId, gateways[1]);
    while (follower.last < feed.last) take(await client.next(() => true));
    client.close();
    expect(snapshots).toBe(1);
    expect(follower.book?.checksum()).toBe(feed.book.checksum());
    expect(follower.book?.wireLevels('bid')).toEqual(feed.book.wireLevels('bid'));
    expect(follower.book?.wireLevels('ask')).toEqual(feed.book.wireLevels('ask'));
    expect(follower.checksums).toBeGreaterThan(100);
  });

  it('answers a cursor that cannot be resumed with reset, snapshot, id, and the views once more', async () => {
    await reached();
    const client = await connect('BTCUSD:L2,BTCUSD:MBP:1', '1-1');
    const frames = await client.collect(7, () => true);
    expect(frames.map(({ event, id, dispatched }) => (dispatched ? event : id))).toEqual([
      'connection_info',
      'market_data',
      'reset',
      'book_status',
      'book_change',
      feeder.id,
      'market_data',
    ]);
    expect(JSON.parse(frames[2]?.data ?? '')).toMatchObject({ reason: 'unknown', requested: '1-1', tail: feeder.id });
    const follower = new BookFollower();
    follower.apply(frames[4]?.data ?? '');
    await change();
    const live = await client.next('book_change');
    expect(live.id).toBe(feeder.id);
    follower.apply(live.data);
    expect(follower.book?.checksum()).toBe(feed.book.checksum());
    client.close();
  });

  it('gives a reader that stopped every event it missed and the newest view, and holds up nobody', async () => {
    await reached();
    const slow = await connect('BTCUSD:TRADES,BTCUSD:MBP:1');
    const fast = await connect('BTCUSD:TRADES,BTCUSD:MBP:1');
    for (const client of [slow, fast]) await cursorOf(client);
    slow.pause();
    const pad = 'x'.repeat(1_000);
    const isTrade = (frame: SseFrame) => frame.event === 'trade';
    for (let i = 0; i < 12; i++) {
      await feeder.append(...Array.from({ length: 999 }, (_, j) => trade(i * 999 + j, pad)));
      await change();
    }
    const all = await fast.collect(12 * 999, isTrade);
    await reached();
    const session = [...gateways[0].gateway.fanout.sessions].find((it) => it.state === 'draining');
    expect(session?.sink.writableLength).toBeLessThan(2 << 20);
    slow.resume();
    const got: SseFrame[] = [];
    let view: SseFrame | undefined;
    while (got.length < all.length || JSON.parse(view?.data ?? '{}').sequence !== feeder.cursor.offset) {
      const frame = await slow.next();
      if (isTrade(frame)) got.push(frame);
      else if (frame.event === 'market_data') view = frame;
    }
    expect(shown(got)).toEqual(shown(all));
    slow.close();
    fast.close();
  });

  it('beats, and moves the cursor of a quiet stream silently', async () => {
    const beating = await TestGateway.start(redis.url, { HEARTBEAT_MS: '300', KEEPALIVE_MS: '200' });
    await beating.reaches(feeder.id);
    const client = await connect('ETHUSD:KLINE_12h', undefined, beating);
    await cursorOf(client);
    expect((await client.next('heartbeat')).raw).not.toMatch(/^id:/m);
    const id = await feeder.append(trade(1));
    expect((await client.next((frame) => frame.id !== undefined)).raw).toBe(`id: ${id}\n\n`);
    client.close();
    await beating.stop();
  });

  it.each([
    ['BTCUSD:TRADES:5', 'TRADES takes no levels'],
    ['BTCUSD:KLINE_2m', `is not one of MBP, MBO, ${logStreamTypes.join(', ')}`],
    ['BTCUSD:L3', 'BTCUSD has price levels, no orders: L3 is not available, ask for BTCUSD:L2'],
    ['NOPE:L2', 'Unknown symbol "NOPE"'],
  ])('answers %s with an error of its own, and the valid ones flow', async (bad, message) => {
    const client = await connect(`${bad},ETHUSD:L2`);
    const error = { event: 'error', code: 400, message: expect.stringContaining(message), stream_id: bad };
    expect(JSON.parse((await client.next('error')).data)).toEqual(error);
    expect(JSON.parse((await client.next('book_change')).data).symbol).toBe('ETHUSD');
    client.close();
    const none = await gateways[0].json(`/stream?streams=${encodeURIComponent(bad)}`);
    expect(none).toEqual({ status: 400, body: error });
  });

  it('has views alone for defaults', async () => {
    const { status, body } = await gateways[0].json('/stream?symbols=BTCUSD&data_type=TRADES');
    expect(status).toBe(400);
    expect(body).toMatchObject({ message: 'data_type "TRADES" is not one of MBP, MBO' });
  });

  it('is said in /api, and counted as the one connection that it is', async () => {
    const { body } = await gateways[0].json('/api');
    expect(body).toMatchObject({
      stream: { log_types: { KLINE_1m: ['kline', 'book_status'], L2: ['book_change', 'book_status'] } },
    });
    const { fanout, views } = gateways[0].gateway;
    while (fanout.sessions.size + views.sessions.size > 0) await new Promise((resolve) => setTimeout(resolve, 2));
    const client = await connect('BTCUSD:TRADES');
    await cursorOf(client);
    const metrics = await gateways[0].text('/metrics');
    expect(metrics).toMatch(/depthcast_gateway_sessions\{[^}]*transport="stream"[^}]*\} 1\n/);
    expect(metrics).not.toMatch(/depthcast_gateway_sessions\{[^}]*transport="api_stream"/);
    client.close();
  });
});
