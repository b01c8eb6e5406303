import { afterEach, describe, expect, it } from '@jest/globals';
import { Rates } from '../fanout/rates.ts';
import type { Gateway } from '../gateway.ts';
import { Partitions } from '../partitions/partitions.ts';
import { BookFeed } from '../testing/book-feed.ts';
import { gatewayOf, newLog } from '../testing/memory-gateway.ts';
import { MemorySink, settle } from '../testing/memory-sink.ts';
import { parseStreamSubscription } from '../transports/stream-params.ts';
import { StreamSession } from '../transports/stream-session.ts';

const TICK_MS = 25;

describe('a connection to views that has a rate', () => {
  let gateway: Gateway;
  let nowMs = 0;
  const rates = new Rates({ nowMs: () => nowMs });

  afterEach(async () => {
    rates.stop();
    await gateway.stop();
  });

  const start = async (streams: string, perSecond: number) => {
    const log = newLog();
    const feeds = ['A', 'B', 'C'].map((symbol) => new BookFeed(symbol));
    const add = ({ topic, payload }: { topic: string; payload: string }) => log.append(topic, payload);
    for (const feed of feeds) add(feed.begin());
    gateway = gatewayOf(log);
    await settle();
    const sink = new MemorySink();
    const query = { streams, interval: '0' };
    const known = { symbols: gateway.state.symbols, kindOf: () => 'levels' as const };
    const subscription = parseStreamSubscription(query, undefined, { ...known, intervalMsDefault: 0, streamsMax: 9 });
    const session = new StreamSession(
      new Partitions([gateway]),
      sink,
      'chunks',
      subscription,
      rates.open(perSecond, ''),
    );
    await session.start('');
    await settle();
    sink.clear();
    /** So many changes of each book, and the time that they took. */
    const change = async (changes: number, ms: number) => {
      for (let i = 0; i < changes; i++) {
        for (const feed of feeds) add(feed.change(i));
        await settle(4);
        nowMs += ms / changes;
        // The timer that wakes who waits is a real one.
        await new Promise((resolve) => setTimeout(resolve, TICK_MS));
      }
    };
    return { log, sink, change };
  };

  it('is sent no more frames than that, each view in its turn, and the newest of each in the end', async () => {
    const { log, sink, change } = await start('A:MBP:5,B:MBP:5,C:MBP:5', 3);
    await change(30, 5_000);
    const symbols = sink.frames().map(({ data }) => JSON.parse(data as string).symbol);
    // A burst of 3, and 3 a second.
    expect(symbols.length).toBeGreaterThanOrEqual(15);
    expect(symbols.length).toBeLessThanOrEqual(18);
    for (const symbol of ['A', 'B', 'C'])
      expect(symbols.filter((of) => of === symbol).length).toBeGreaterThanOrEqual(5);
    sink.clear();
    await change(1, 0);
    for (let i = 0; i < 4; i++) {
      nowMs += 1_000;
      await new Promise((resolve) => setTimeout(resolve, TICK_MS));
    }
    const last = new Map(
      sink.frames().map(({ data }) => [JSON.parse(data as string).symbol, JSON.parse(data as string)]),
    );
    const end = log.last?.offset as number;
    expect(['A', 'B', 'C'].map((symbol) => last.get(symbol)?.sequence)).toEqual([end - 2, end - 1, end]);
    expect(rates.held.view).toBeGreaterThan(0);
  });

  it('shares it with the log beside them: both go on, and of the log nothing is missing', async () => {
    const { sink, change } = await start('A:MBP:5,A:L2', 6);
    // Ten a second of each.
    await change(40, 4_000);
    const early = sink.frames().map(({ event }) => event);
    expect(early.length).toBeLessThanOrEqual(6 + 4 * 6);
    expect(early.filter((event) => event === 'market_data').length).toBeGreaterThanOrEqual(5);
    expect(early.filter((event) => event === 'book_change').length).toBeGreaterThanOrEqual(5);
    for (let i = 0; i < 20; i++) {
      nowMs += 1_000;
      await new Promise((resolve) => setTimeout(resolve, TICK_MS));
    }
    const changes = sink.frames().filter(({ event }) => event === 'book_change');
    expect(changes.map(({ data }) => JSON.parse(data as string).last)).toEqual(
      Array.from({ length: 40 }, (_, i) => i + 2),
    );
    expect(rates.held.log).toBeGreaterThan(0);
  });
});
