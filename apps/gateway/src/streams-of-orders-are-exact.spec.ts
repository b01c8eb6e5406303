import { afterEach, describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import type { Gateway } from './gateway.ts';
import { BookFeed, BookFollower } from './testing/book-feed.ts';
import { connect, connectStreams, EPOCH, gatewayOf, idOf, TINY } from './testing/memory-gateway.ts';
import { MemoryLog } from './testing/memory-log.ts';
import { type Frame, type MemorySink, settle } from './testing/memory-sink.ts';
import { OrderFeed, OrderFollower } from './testing/order-feed.ts';

/** A log with a book of orders, A, and one of levels, B, and gateways over it. */
class Bench {
  readonly log = new MemoryLog();
  readonly feed = new OrderFeed('A');
  readonly levels = new BookFeed('B');
  readonly gateways: Gateway[] = [];
  readonly warnings: string[] = [];
  #n = 0;

  constructor(gateways = 1) {
    open.push(this);
    this.log.openEpoch(EPOCH);
    this.append(...this.feed.begin(), this.levels.begin(), this.levels.status('synced'));
    for (let i = 0; i < gateways; i++) this.join();
  }

  get gateway(): Gateway {
    return this.gateways[0] as Gateway;
  }

  get tail(): string {
    return idOf(this.log.last?.offset as number);
  }

  join(): Gateway {
    const gateway = gatewayOf(this.log, TINY, this.warnings);
    this.gateways.push(gateway);
    return gateway;
  }

  append(...events: readonly { topic: string; payload: string }[]): void {
    for (const { topic, payload } of events) this.log.append(topic, payload);
  }

  change(count = 1): void {
    for (let i = 0; i < count; i++) this.append(...this.feed.change(++this.#n));
  }

  /** As the engine does now and then: whoever starts later begins here. */
  store(): void {
    const { log, feed, levels } = this;
    const cursor = log.last as { epoch: number; offset: number };
    const { book, last } = levels;
    const state = {
      ...{ tick: '0.1', step: '0.1', status: 'synced', last, tsEventUs: 1 },
      ...{ bids: book.wireLevels('bid'), asks: book.wireLevels('ask') },
    };
    log.storedBooks = [
      { symbol: 'A', cursor, state: feed.stored() },
      { symbol: 'B', cursor, state: JSON.stringify(state) },
    ];
  }

  /** The log's entries of some types of A, from an offset on, as frames. */
  expected(types: readonly string[], after: number): Frame[] {
    return this.log.entries
      .filter(({ topic, offset }) => types.some((type) => topic === `${type}:A`) && offset > after)
      .map(({ epoch, offset, topic, payload }) => ({
        id: `${epoch}-${offset}`,
        event: topic.slice(0, -2),
        data: payload.toString(),
      }));
  }
}
const open: Bench[] = [];

afterEach(async () => {
  for (const bench of open.splice(0)) for (const gateway of bench.gateways) await gateway.stop();
});

const L3 = ['book_order', 'book_orders', 'book_status'];
const clock = (second: number) => ({
  topic: 'clock',
  payload: `{"type":"clock","ts_ns":${second}000000000,"second":${second}}`,
});
const dataOf = (sink: MemorySink, at: number) => JSON.parse(sink.frames().at(at)?.data ?? '{}');
const fieldsOf = (json: string | undefined, name: string) =>
  new RegExp(`"${name}":\\[(\\{[^}]*\\})`).exec(json ?? '')?.[1];

/** A client's book, by every frame that it was given. */
function followed(frames: readonly Frame[]): OrderFollower {
  const follower = new OrderFollower();
  for (const { event, data } of frames) follower.apply(event, data ?? '');
  return follower;
}

function expectSame(follower: OrderFollower, { book }: OrderFeed): void {
  for (const [side, wire] of [
    ['bid', 'BUY'],
    ['ask', 'SELL'],
  ] as const) {
    const { priceScale, sizeScale } = book;
    const orders = [...book.orders(side)].map(
      ({ id, price, size }) => `${id} ${priceScale.format(price)} ${sizeScale.format(size)}`,
    );
    expect(follower.side(wire)).toEqual(orders);
  }
}

describe('a view of orders', () => {
  it("has the market-depth seed's fields in the seed's order, the offset of its book, and ages by event time", async () => {
    const bench = new Bench();
    await settle();
    const { sink } = connectStreams(bench.gateway, 'A:MBO:1,A:MBP:2');
    await settle();
    const [mbo, mbp] = sink.frames();
    expect(mbo).toEqual({
      id: idOf(4),
      event: 'market_data',
      data:
        '{"event":"market_data","stream_id":"A_MBO_1","symbol":"A","data":{"format":"MBO",' +
        '"bids":[{"order_id":"f-0._x","price":100.0,"quantity":15.0,"side":"Bid","timestamp":"2024-01-01T00:00:00Z","age_ms":0}],' +
        '"asks":[{"order_id":"f-1._x","price":101.0,"quantity":20.0,"side":"Ask","timestamp":"2024-01-01T00:00:00Z","age_ms":0}]},' +
        '"sequence":4,"timestamp":"2024-01-01T00:00:00Z"}',
    });
    expect(fieldsOf(mbp?.data, 'bids')).toBe(
      '{"price":100.0,"quantity":15.0,"order_count":1,"side":"Bid","total_quantity":15.0,"avg_age_ms":0}',
    );
    // The clock is ahead of the symbol's own events: ages are by the newer of the two.
    bench.append(clock(1_704_067_202));
    bench.change(2);
    await settle();
    const { data, sequence, timestamp } = dataOf(sink, -2);
    expect(data.bids[0]).toMatchObject({ order_id: 'f-0._x', age_ms: 2_000 });
    expect([sequence, timestamp]).toEqual([bench.log.last?.offset, '2024-01-01T00:00:00.500Z']);
    expect(dataOf(sink, -1).data.bids[0]).toMatchObject({ order_count: 1, avg_age_ms: 2_000 });
  });

  it('counts orders a side, by priority, the older first at a price', async () => {
    const bench = new Bench();
    bench.change(40);
    await settle(60);
    const { sink } = connectStreams(bench.gateway, 'A:MBO:7,A:MBO:1000');
    await settle();
    const ids = (side: 'bid' | 'ask', n?: number) => [...bench.feed.book.orders(side, n)].map(({ id }) => id);
    const shown = sink.frames().map((frame) => JSON.parse(frame.data ?? '').data);
    expect(shown.map(({ bids }) => bids.map((o: { order_id: string }) => o.order_id))).toEqual([
      ids('bid'),
      ids('bid', 7),
    ]);
    expect(shown.map(({ asks }) => asks.map((o: { order_id: string }) => o.order_id))).toEqual([
      ids('ask'),
      ids('ask', 7),
    ]);
  });

  it('is told to a client that every symbol was promised, when a symbol turns out to have none', async () => {
    const bench = new Bench();
    await settle();
    const { sink } = connectStreams(bench.gateway, '', { dataType: 'MBO' });
    await settle();
    expect(sink.frames().map(({ data }) => JSON.parse(data ?? '').stream_id)).toEqual(['A_MBO_20']);
    const late = new BookFeed('C');
    bench.append({ topic: 'market:C', payload: '{}' });
    await settle();
    expect(sink.frames()).toHaveLength(1);
    bench.append(late.begin(), late.change(1), late.change(2));
    bench.append(...new OrderFeed('D').begin());
    await settle();
    const frames = sink.frames().slice(1);
    expect(frames.filter(({ event }) => event === 'error')).toEqual([
      {
        event: 'error',
        data: '{"event":"error","code":400,"message":"C has price levels, no orders: MBO is not available, ask for C:MBP:20","stream_id":"C:MBO:20"}',
      },
    ]);
    expect(
      frames.filter(({ event }) => event !== 'error').map(({ data }) => JSON.parse(data ?? '').stream_id),
    ).toContain('D_MBO_20');
  });
});

describe('L3', () => {
  it('begins with the whole book and its cursor, and goes on with every order, without those of other types', async () => {
    const bench = new Bench();
    bench.change(20);
    await settle(40);
    const start = bench.log.last?.offset as number;
    const whole = JSON.parse(bench.feed.whole()[1]?.payload ?? '');
    const { sink } = connectStreams(bench.gateway, 'A:L3');
    await settle();
    bench.change(30);
    bench.append(bench.feed.status('stale'), ...bench.feed.whole(), bench.feed.status('synced'));
    bench.change(30);
    await settle(80);
    const frames = sink.frames();
    expect(frames.slice(0, 3).map(({ event, id }) => [event, id])).toEqual([
      ['book_status', undefined],
      ['book_orders', undefined],
      [undefined, idOf(start)],
    ]);
    expect(JSON.parse(frames[1]?.data ?? '')).toEqual(whole);
    expect(frames.slice(3)).toEqual(bench.expected(L3, start));
    expectSame(followed(frames), bench.feed);
    expect(bench.warnings).toEqual([]);
  });

  it('stands beside L2 of the same symbol, whose levels follow too', async () => {
    const bench = new Bench();
    await settle();
    const { sink } = connectStreams(bench.gateway, 'A:L3,A:L2');
    await settle();
    bench.change(60);
    await settle(80);
    const frames = sink.frames();
    expect(frames.slice(0, 3).map(({ event }) => event)).toEqual(['book_status', 'book_change', 'book_orders']);
    const levels = new BookFollower();
    for (const { event, data } of frames) if (event === 'book_change') levels.apply(data ?? '');
    expect(levels.last).toBe(bench.feed.last);
    expect(levels.book?.wireLevels('bid')).toEqual(bench.feed.book.wireLevels('bid'));
    expect(levels.book?.wireLevels('ask')).toEqual(bench.feed.book.wireLevels('ask'));
    expectSame(followed(frames), bench.feed);
  });

  it('is shown anew after a reset, and is exact from there', async () => {
    const bench = new Bench();
    bench.change(10);
    await settle(30);
    const { sink } = connectStreams(bench.gateway, 'A:L3,A:MBO:3', { lastId: '1-1' });
    await settle(60);
    bench.change(10);
    await settle(30);
    const frames = sink.frames();
    const at = frames.findIndex(({ event }) => event === 'reset');
    expect(frames.slice(at, at + 5).map(({ event }) => event)).toEqual([
      'reset',
      'book_status',
      'book_orders',
      undefined,
      'market_data',
    ]);
    expectSame(followed(frames.slice(at)), bench.feed);
  });

  it('of /api/stream is shown the book after a reset too, also where book_order alone was asked for', async () => {
    const bench = new Bench();
    bench.change(10);
    await settle(30);
    const client = connect(bench.gateway, { types: ['symbol', 'book_order'], symbols: ['A'], lastId: '1-1' });
    await settle(60);
    bench.change(10);
    await settle(30);
    const frames = client.sink.frames();
    expect(frames.slice(0, 4).map(({ event }) => event)).toEqual(['reset', 'symbol', 'book_orders', undefined]);
    expect(frames[1]?.data).toBe(bench.log.entries[1]?.payload.toString());
    expectSame(followed(frames), bench.feed);
  });

  it('has the symbol of a stored book, where the log’s own event was before', async () => {
    const bench = new Bench();
    await settle();
    bench.store();
    const late = bench.join();
    bench.append(clock(1));
    await settle();
    const { sink } = connect(late, { types: ['symbol'], symbols: ['A'], lastId: '1-1' });
    await settle(60);
    expect(sink.frames()[1]).toEqual({ event: 'symbol', data: bench.log.entries[1]?.payload.toString() });
  });

  it('rebuilds the book order by order, over slowness, reconnects, and gateways that start from stored books', async () => {
    const step = fc.record({
      do: fc.constantFrom('append', 'append', 'append', 'stall', 'resume', 'reconnect', 'restart', 'store'),
      count: fc.integer({ min: 1, max: 25 }),
    });
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 30 }), async (steps) => {
        const bench = new Bench(2);
        await settle();
        const got: Frame[] = [];
        let lastId: string | undefined;
        let client = connectStreams(bench.gateway, 'A:L3,A:MBO:3');
        const take = () => {
          const frames = client.sink.frames();
          client.sink.clear();
          lastId = frames.findLast(({ id }) => id !== undefined)?.id ?? lastId;
          got.push(...frames);
        };
        const move = (gateway: Gateway) => {
          take();
          client.close();
          // Without an id it begins anew, with another whole book.
          if (lastId === undefined) got.length = 0;
          client = connectStreams(gateway, 'A:L3,A:MBO:3', { lastId });
        };
        for (const [i, action] of steps.entries()) {
          if (action.do === 'append') bench.change(action.count);
          else if (action.do === 'store') bench.store();
          else if (action.do === 'stall') client.sink.stalled = true;
          else if (action.do === 'resume') client.sink.resume();
          else if (action.do === 'reconnect') move(bench.gateways[i % 2] as Gateway);
          else {
            await settle(30);
            const [gone] = bench.gateways.splice(0, 1);
            bench.join();
            await settle();
            move(bench.gateway);
            await gone?.stop();
          }
          if (i % 2 === 0) await settle(3);
        }
        bench.change(2);
        client.sink.resume();
        await settle(150);
        take();
        expect(bench.warnings).toEqual([]);
        const events = got.filter(({ event }) => event !== 'market_data');
        const follower = followed(events);
        expect(follower.wholes).toBe(1);
        expectSame(follower, bench.feed);
        const start = events.findIndex(({ id }) => id !== undefined);
        const first = Number(events[start]?.id?.split('-')[1]);
        const live = events.slice(start).filter(({ data }) => data !== undefined);
        expect(live).toEqual(bench.expected(L3, events[start]?.data === undefined ? first : first - 1));
        const view = got.findLast(({ event }) => event === 'market_data');
        expect(JSON.parse(view?.data ?? '').data.bids.map((o: { order_id: string }) => o.order_id)).toEqual(
          [...bench.feed.book.orders('bid', 3)].map(({ id }) => id),
        );
        for (const gateway of bench.gateways.splice(0)) await gateway.stop();
      }),
      { numRuns: 60 },
    );
  }, 120_000);
});
