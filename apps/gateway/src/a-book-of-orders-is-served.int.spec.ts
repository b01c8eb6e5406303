import type { LogEvent } from '@depthcast/protocol';
import { SseClient, type SseFrame, startRedis, type TestRedis } from '@depthcast/testing';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { EventSource } from 'eventsource';
import { LogFeeder } from './testing/log-feeder.ts';
import { OrderFeed, OrderFollower } from './testing/order-feed.ts';
import { TestGateway } from './testing/test-gateway.ts';

const TRADING = {
  base_asset: 'BTC',
  quote_asset: 'USD',
  lot: '0.1',
  min_qty: '0.1',
  max_qty: '100.0',
  min_notional: '10',
};

/** A symbol whose book is of orders beside one of price levels, over HTTP, one Redis and gateways that come and go. */
describe('a book of orders', () => {
  let redis: TestRedis;
  let feeder: LogFeeder;
  let gateway: TestGateway;
  const feed = new OrderFeed('BTCUSD');
  let n = 0;

  beforeAll(async () => {
    redis = await startRedis();
    feeder = await LogFeeder.open(redis.url);
    const [definition, ...rest] = feed.begin() as [LogEvent, ...LogEvent[]];
    const rules = `,"trading":${JSON.stringify(TRADING)}}`;
    await append({ ...definition, payload: definition.payload.slice(0, -1) + rules }, ...rest);
    await feeder.book('ETHUSD', [['10.00', '1']], [['11.00', '1']]);
    gateway = await TestGateway.start(redis.url);
    await gateway.reaches(feeder.id);
  });

  afterAll(async () => {
    await TestGateway.stopAll();
    LogFeeder.closeAll();
    await redis?.stop();
  });

  const append = (...events: readonly LogEvent[]) =>
    feeder.append(...events.map(({ topic, payload }) => [topic, payload] as const));
  const change = (count = 1) => append(...Array.from({ length: count }, () => feed.change(++n)).flat());
  const store = () =>
    feeder.storeBooks([
      { symbol: 'BTCUSD', state: JSON.parse(feed.stored()) },
      {
        symbol: 'ETHUSD',
        state: {
          ...{ symbol: 'ETHUSD', venue: 'binance', book: 'levels', tick: '0.01', step: '1', status: 'synced' },
          ...{ last: 1, tsEventUs: 1, bids: [['10.00', '1']], asks: [['11.00', '1']] },
        },
      },
    ]);
  const connect = (streams: string, lastEventId?: string, to = gateway) =>
    SseClient.connect(
      `${to.url}/stream?interval=0&streams=${encodeURIComponent(streams)}`,
      lastEventId === undefined ? {} : { lastEventId },
    );

  it("is given as the seed's MBO to a real EventSource, at once and with every change", async () => {
    const source = new EventSource(`${gateway.url}/stream?interval=0&streams=BTCUSD:MBO:1`);
    const got: { data: Record<string, unknown>; id: string }[] = [];
    source.addEventListener('market_data', (event) => {
      const { data, lastEventId } = event as MessageEvent;
      got.push({ data: JSON.parse(data), id: lastEventId });
    });
    const until = async (count: number) => {
      while (got.length < count) await new Promise((resolve) => setTimeout(resolve, 2));
    };
    await until(1);
    expect(got[0]?.data).toEqual({
      event: 'market_data',
      stream_id: 'BTCUSD_MBO_1',
      symbol: 'BTCUSD',
      data: {
        format: 'MBO',
        bids: [
          {
            order_id: 'f-0._x',
            price: 100,
            quantity: 15,
            side: 'Bid',
            timestamp: '2024-01-01T00:00:00Z',
            age_ms: 0,
          },
        ],
        asks: [
          {
            order_id: 'f-1._x',
            price: 101,
            quantity: 20,
            side: 'Ask',
            timestamp: '2024-01-01T00:00:00Z',
            age_ms: 0,
          },
        ],
      },
      sequence: 4,
      timestamp: '2024-01-01T00:00:00Z',
    });
    const id = await change();
    await until(2);
    source.close();
    expect(got[1]).toMatchObject({ id, data: { sequence: feeder.cursor.offset } });
  });

  it('is listed in /symbols with its rules, and so is one of levels', async () => {
    await gateway.reaches(feeder.id);
    const { body } = await gateway.json('/symbols');
    expect(body).toEqual({
      symbols: ['BTCUSD', 'ETHUSD'],
      details: [
        {
          symbol: 'BTCUSD',
          venue: 'test',
          status: 'synced',
          data_types: ['MBP', 'MBO'],
          tick: '0.1',
          step: '0.1',
          bid_levels: feed.book.bids.length,
          ask_levels: feed.book.asks.length,
          order_count: feed.book.orderCount,
          trading: TRADING,
          sequence: feeder.cursor.offset,
          timestamp: '2024-01-01T00:00:00.250Z',
        },
        {
          symbol: 'ETHUSD',
          status: 'synced',
          data_types: ['MBP'],
          tick: '0.01',
          step: '1',
          bid_levels: 1,
          ask_levels: 1,
          sequence: 6,
          timestamp: expect.any(String),
        },
      ],
    });
  });

  it.each(['MBO:5', 'MBO', 'L3'])(
    'is not there where the venue says levels: %s is refused, the others flow',
    async (type) => {
      const error = {
        event: 'error',
        code: 400,
        message: expect.stringContaining(`${type.split(':')[0]} is not available`),
        stream_id: `ETHUSD:${type}`,
      };
      const { status, body } = await gateway.json(`/stream?streams=ETHUSD:${type}`);
      expect([status, body]).toEqual([400, error]);
      const client = await connect(`ETHUSD:${type},BTCUSD:MBO:1`);
      expect(JSON.parse((await client.next('error')).data)).toEqual(error);
      expect(JSON.parse((await client.next('market_data')).data).stream_id).toBe('BTCUSD_MBO_1');
      client.close();
      const all = await SseClient.connect(`${gateway.url}/stream?data_type=MBO`);
      expect(JSON.parse((await all.next('error')).data)).toMatchObject({ code: 400, stream_id: 'ETHUSD' });
      expect(JSON.parse((await all.next('market_data')).data).stream_id).toBe('BTCUSD_MBO_20');
      all.close();
    },
  );

  it('is rebuilt from L3, checksum by checksum, over gateways that start from stored books in the middle', async () => {
    const follower = new OrderFollower();
    let lastId: string | undefined;
    let stop = false;
    const feeding = (async () => {
      for (let round = 0; !stop; round++) {
        await change(10);
        if (round % 10 === 0) await store();
        await new Promise((resolve) => setTimeout(resolve, 1));
      }
    })();
    const take = (frame: SseFrame) => {
      lastId = frame.id ?? lastId;
      if (frame.dispatched) follower.apply(frame.event, frame.data);
    };
    const join = async () => {
      const late = await TestGateway.start(redis.url);
      while (!late.gateway.hasStarted) await new Promise((resolve) => setTimeout(resolve, 2));
      return late;
    };
    try {
      for (let round = 0; round < 12; round++) {
        const late = await join();
        const client = await connect('BTCUSD:L3,BTCUSD:MBO:3', lastId, late);
        for (const frame of await client.collect(100, () => true)) take(frame);
        client.close();
        await late.stop();
      }
    } finally {
      stop = true;
      await feeding;
    }
    const late = await join();
    const client = await connect('BTCUSD:L3', lastId, late);
    while (lastId !== idOfLastOrder()) take(await client.next(() => true));
    client.close();
    expect(late.gateway.stats.mismatches).toBe(0);
    expect(follower.wholes).toBe(1);
    expect(follower.checksums).toBeGreaterThan(100);
    const { priceScale, sizeScale } = feed.book;
    for (const [side, wire] of [
      ['bid', 'BUY'],
      ['ask', 'SELL'],
    ] as const) {
      const orders = [...feed.book.orders(side)].map(
        ({ id, price, size }) => `${id} ${priceScale.format(price)} ${sizeScale.format(size)}`,
      );
      expect(follower.side(wire)).toEqual(orders);
    }
    const { body } = await late.json('/symbols');
    expect(body).toMatchObject({
      details: [{ data_types: ['MBP', 'MBO'] }, { data_types: ['MBP'], venue: 'binance' }],
    });
  });

  /** Each input of the feed ends with its book_change. */
  const idOfLastOrder = () => `${feeder.cursor.epoch}-${feeder.cursor.offset - 1}`;
});
