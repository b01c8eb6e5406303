import { afterEach, describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import type { Gateway } from './gateway.ts';
import { BookFeed, BookFollower } from './testing/book-feed.ts';
import { connectStreams, EPOCH, gatewayOf, idOf, TINY } from './testing/memory-gateway.ts';
import { MemoryLog } from './testing/memory-log.ts';
import { type Frame, settle } from './testing/memory-sink.ts';

/** A log with one symbol's book, trades and klines, and gateways over it. */
class Bench {
  readonly log = new MemoryLog();
  readonly feed = new BookFeed('A');
  readonly gateways: Gateway[] = [];
  readonly warnings: string[] = [];
  #n = 0;

  constructor(window = TINY, gateways = 1) {
    open.push(this);
    this.log.openEpoch(EPOCH);
    const { topic, payload } = this.feed.begin();
    this.log.append(topic, payload);
    this.log.append('book_status:A', this.feed.status('synced').payload);
    for (let i = 0; i < gateways; i++) this.gateways.push(gatewayOf(this.log, window, this.warnings));
  }

  get gateway(): Gateway {
    return this.gateways[0] as Gateway;
  }

  change(): void {
    const { topic, payload } = this.feed.change(++this.#n);
    this.log.append(topic, payload);
  }

  trade(): void {
    this.log.append('trade:A', `{"trade_id":${++this.#n}}`);
  }

  kline(interval: string): void {
    this.log.append('kline:A', `{"type":"kline","symbol":"A","interval":"${interval}","n":${++this.#n}}`);
  }

  expected(matches: (topic: string, payload: string) => boolean): Frame[] {
    return this.log.entries
      .map(({ epoch, offset, topic, payload }) => ({ id: `${epoch}-${offset}`, topic, data: payload.toString() }))
      .filter(({ topic, data }) => matches(topic, data))
      .map(({ id, topic, data }) => ({ id, event: topic.split(':')[0] as string, data }));
  }
}
const open: Bench[] = [];

afterEach(async () => {
  for (const bench of open.splice(0)) for (const gateway of bench.gateways) await gateway.stop();
});

const isView = (frame: Frame) => frame.event === 'market_data';
const sequenceOf = (frame: Frame) => JSON.parse(frame.data ?? '{}').sequence;

describe('a view and streams of the log on one connection', () => {
  it('begin with the view, the book, a cursor, and go on with every event, the views without ids', async () => {
    const bench = new Bench();
    bench.change();
    await settle();
    const { sink } = connectStreams(bench.gateway, 'A:MBP:1,A:L2,A:TRADES');
    await settle();
    bench.trade();
    bench.change();
    await settle();
    const frames = sink.frames();
    expect(frames.map(({ event, id }) => [event, id])).toEqual([
      ['market_data', undefined],
      ['book_status', undefined],
      ['book_change', undefined],
      [undefined, idOf(3)],
      ['trade', idOf(4)],
      ['book_change', idOf(5)],
      ['market_data', undefined],
    ]);
    expect(JSON.parse(frames[2]?.data ?? '')).toMatchObject({ is_snapshot: true, last: 2 });
    expect(sequenceOf(frames[0] as Frame)).toBe(3);
    expect(sequenceOf(frames[6] as Frame)).toBe(5);
  });

  it('leave views their ids where there is nothing else', async () => {
    const bench = new Bench();
    await settle();
    const { sink } = connectStreams(bench.gateway, 'A:MBP:1');
    await settle();
    expect(sink.frames().map(({ id }) => id)).toEqual([idOf(1)]);
    expect(bench.gateway.fanout.sessions.size).toBe(0);
  });

  it('are encoded once for all who have the same streams, whatever their views', async () => {
    const bench = new Bench();
    await settle();
    const clients = ['A:TRADES,A:MBP:1', 'A:MBP:7,A:TRADES', 'A:TRADES'].map((it) => connectStreams(bench.gateway, it));
    await settle();
    expect(bench.gateway.fanout.groups.size).toBe(1);
    bench.trade();
    await settle();
    for (const { sink } of clients) expect(sink.frames().at(-1)).toMatchObject({ event: 'trade', id: idOf(3) });
  });

  it('are shown again after a reset, with the book before them', async () => {
    const bench = new Bench();
    for (let i = 0; i < 5; i++) bench.change();
    await settle();
    const { sink } = connectStreams(bench.gateway, 'A:MBP:1,A:L2', { lastId: `${EPOCH}-999` });
    await settle(60);
    const frames = sink.frames();
    expect(frames.map(({ event, id }) => event ?? id)).toEqual([
      'market_data',
      'reset',
      'book_status',
      'book_change',
      idOf(7),
      'market_data',
    ]);
    expect(JSON.parse(frames[1]?.data ?? '')).toMatchObject({ reason: 'ahead', tail: idOf(7) });
    expect(JSON.parse(frames[3]?.data ?? '')).toMatchObject({ is_snapshot: true, last: bench.feed.last });
    bench.change();
    await settle();
    expect(
      sink
        .frames()
        .slice(6)
        .map(({ event, id }) => [event, id]),
    ).toEqual([
      ['book_change', idOf(8)],
      ['market_data', undefined],
    ]);
  });

  it('resume with the events after the cursor alone', async () => {
    const bench = new Bench();
    for (let i = 0; i < 100; i++) bench.change();
    await settle(60);
    const { sink } = connectStreams(bench.gateway, 'A:L2,A:KLINE_1m', { lastId: idOf(40) });
    await settle(60);
    expect(sink.frames()).toEqual(bench.expected((topic) => topic.startsWith('book_')).slice(40));
  });

  it('wait for a socket together: a slow client costs a bounded write, then gets every event and the newest view', async () => {
    const bench = new Bench();
    await settle();
    const [slow, fast] = [0, 1].map(() => connectStreams(bench.gateway, 'A:MBP:5,A:L2,A:TRADES'));
    if (!slow || !fast) throw new Error('no clients');
    await settle();
    slow.sink.stalled = true;
    for (let i = 0; i < 300; i++) {
      bench.change();
      bench.trade();
      await settle(2);
    }
    expect(slow.sink.writableLength).toBeLessThan(4 * TINY.segmentBytes);
    slow.sink.resume();
    await settle(300);
    const ofLog = (frames: Frame[]) => frames.filter((frame) => frame.id !== undefined && frame.data !== undefined);
    expect(ofLog(fast.sink.frames())).toHaveLength(600);
    expect(ofLog(slow.sink.frames())).toEqual(ofLog(fast.sink.frames()));
    const views = slow.sink.frames().filter(isView);
    // The one it came for, and the newest: none was written behind what its socket had not taken.
    expect(views).toHaveLength(2);
    expect(views.at(-1)).toEqual(fast.sink.frames().filter(isView).at(-1));
    const follower = new BookFollower();
    for (const { event, data } of slow.sink.frames()) if (event === 'book_change') follower.apply(data ?? '');
    expect(follower.book?.checksum()).toBe(bench.feed.book.checksum());
  });

  it.each([
    ['at the head', undefined],
    ['since it came back', idOf(1)],
  ])('both get on where a client is slower than either, %s', async (_, lastId) => {
    const bench = new Bench({ ...TINY, bytesMax: 1 << 26, entriesMax: 100_000 });
    for (let i = 0; i < 100; i++) bench.change();
    await settle(50);
    const { sink } = connectStreams(bench.gateway, 'A:MBP:20,A:L2', { lastId, stalled: true });
    const counts: [views: number, events: number][] = [];
    for (let i = 1; i <= 1_500; i++) {
      bench.change();
      await settle(1);
      sink.take(150);
      if (i % 500 !== 0) continue;
      const text = sink.received.toString();
      counts.push([text.split('event: market_data').length, text.split('event: book_change').length]);
    }
    for (let i = 1; i < counts.length; i++) {
      expect(counts[i]?.[0]).toBeGreaterThan((counts[i - 1]?.[0] as number) + 5);
      expect(counts[i]?.[1]).toBeGreaterThan((counts[i - 1]?.[1] as number) + 5);
    }
    sink.resume();
    await settle(1_000);
    const events = sink.frames().filter(({ event, id }) => event === 'book_change' && id !== undefined);
    const all = bench.expected((topic) => topic === 'book_change:A');
    expect(events).toEqual(all.slice(-events.length));
    expect(events.length).toBe(lastId === undefined ? 1_500 : 1_600);
  });

  it('are forgotten together', async () => {
    const bench = new Bench();
    await settle();
    const client = connectStreams(bench.gateway, 'A:MBP:1,A:TRADES');
    await settle();
    client.sink.stalled = true;
    bench.change();
    bench.trade();
    await settle();
    client.close();
    client.close();
    expect([bench.gateway.fanout.sessions.size, bench.gateway.views.sessions.size]).toEqual([0, 0]);
    const { writes } = client.sink;
    client.sink.resume();
    bench.trade();
    await settle();
    expect(client.sink.writes).toBe(writes);
  });
});

describe('streams of the log', () => {
  const WANTED: Record<string, (topic: string, payload: string) => boolean> = {
    'A:L2': (topic) => topic === 'book_change:A' || topic === 'book_status:A',
    'A:TRADES': (topic) => topic === 'trade:A',
    'A:KLINE_1m': (topic, payload) => topic === 'kline:A' && payload.includes('"1m"'),
    'A:KLINE_1h': (topic, payload) => topic === 'kline:A' && payload.includes('"1h"'),
  };
  const step = fc.oneof(
    { weight: 5, arbitrary: fc.record({ do: fc.constant('append' as const), count: fc.integer({ min: 1, max: 30 }) }) },
    {
      weight: 4,
      arbitrary: fc.record({
        do: fc.constantFrom('stall' as const, 'resume' as const, 'reconnect' as const, 'keepAlive' as const),
        client: fc.nat(2),
      }),
    },
  );

  it('lose nothing and give nothing twice, beside views, through slowness, reconnects and gateways; books agree', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.subarray(Object.keys(WANTED), { minLength: 1 }), { minLength: 3, maxLength: 3 }),
        fc.array(step, { maxLength: 30 }),
        async (wants, steps) => {
          const bench = new Bench(TINY, 2);
          await settle();
          const clients = wants.map((names) => new Client(bench, names));
          await settle();
          let n = 0;
          for (const [i, action] of steps.entries()) {
            if (action.do === 'append') {
              for (let j = 0; j < action.count; j++) {
                const kind = n++ % 5;
                if (kind === 0) bench.trade();
                else if (kind === 1) bench.kline('1m');
                else if (kind === 2) bench.kline('1h');
                else bench.change();
              }
            } else if (action.do === 'keepAlive') for (const gateway of bench.gateways) gateway.fanout.keepAlive(0);
            else (clients[action.client] as Client)[action.do](bench.gateways[i % 2] as Gateway);
            if (i % 2 === 0) await settle(3);
          }
          bench.change();
          for (const client of clients) client.resume();
          await settle(120);
          expect(bench.warnings).toEqual([]);
          for (const client of clients)
            client.check((topic, data) => client.names.some((name) => WANTED[name]?.(topic, data)));
          for (const gateway of bench.gateways.splice(0)) await gateway.stop();
        },
      ),
      { numRuns: 80 },
    );
  }, 120_000);
});

/** An EventSource on a view and some streams of the log, which comes back to any gateway. */
class Client {
  readonly names: readonly string[];
  readonly #bench: Bench;
  readonly #got: Frame[] = [];
  #connection: ReturnType<typeof connectStreams>;
  #lastId: string | undefined;

  constructor(bench: Bench, names: readonly string[]) {
    this.names = names;
    this.#bench = bench;
    this.#connection = this.#connect(bench.gateway);
  }

  reconnect(gateway: Gateway): void {
    this.#take();
    this.#connection.close();
    if (this.#lastId === undefined) this.#got.length = 0;
    this.#connection = this.#connect(gateway);
  }

  stall(): void {
    this.#connection.sink.stalled = true;
  }

  resume(): void {
    this.#connection.sink.resume();
  }

  check(matches: (topic: string, payload: string) => boolean): void {
    this.#take();
    const { log, feed } = this.#bench;
    const start = this.#got.findIndex((frame) => frame.id !== undefined);
    const first = this.#got[start]?.id;
    const events = this.#got.slice(start).filter((frame) => frame.data !== undefined && !isView(frame));
    const position = log.entries.findIndex(({ epoch, offset }) => `${epoch}-${offset}` === first);
    expect(events).toEqual(
      this.#bench
        .expected(matches)
        .filter(({ id }) => Number(id?.split('-')[1]) > (log.entries[position]?.offset ?? -1)),
    );
    expect(this.#got.some((frame) => isView(frame) && frame.id !== undefined)).toBe(false);
    expect(sequenceOf(this.#got.filter(isView).at(-1) as Frame)).toBe(log.last?.offset);
    if (!this.names.includes('A:L2')) return;
    const follower = new BookFollower();
    for (const { event, data } of this.#got) if (event === 'book_change') follower.apply(data ?? '');
    expect(follower.last).toBe(feed.last);
    expect(follower.book?.checksum()).toBe(feed.book.checksum());
  }

  #connect(gateway: Gateway) {
    return connectStreams(gateway, [...this.names, 'A:MBP:3'].join(','), { lastId: this.#lastId });
  }

  #take(): void {
    const { sink } = this.#connection;
    const frames = sink.frames();
    sink.clear();
    this.#got.push(...frames);
    this.#lastId = frames.findLast((frame) => frame.id !== undefined)?.id ?? this.#lastId;
  }
}
