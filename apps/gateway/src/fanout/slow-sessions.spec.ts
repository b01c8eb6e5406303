import { until } from '@depthcast/testing';
import { afterEach, describe, expect, it } from '@jest/globals';
import type { Gateway } from '../gateway.ts';
import { BookFeed } from '../testing/book-feed.ts';
import { connect, connectStreams, eventsOf, gatewayOf, idOf, newLog, PLAIN } from '../testing/memory-gateway.ts';
import type { MemoryLog } from '../testing/memory-log.ts';
import { settle } from '../testing/memory-sink.ts';
import { type RateBudget, Rates } from './rates.ts';
import type { LogSession } from './session.ts';
import { WINDOW_LIMITS } from './window.ts';

const BUFFER = 4_000;
const ROOMY = { ...WINDOW_LIMITS, segmentBytes: 2_000 };
const TEXT = 'x'.repeat(300);

let gateway: Gateway;

async function append(log: MemoryLog, count: number, text = TEXT): Promise<void> {
  for (let i = 0; i < count; i++) log.append('market:A', `{"f":"${text}"}`);
  await settle(8);
}

describe('a session whose client does not read', () => {
  afterEach(() => gateway.stop());

  it.each([
    ['at the head', undefined],
    ['catching up from the window', idOf(0)],
    ['coming back from Redis', idOf(0)],
  ])('%s holds no more than its buffer, and is sent everything when it reads', async (where, lastId) => {
    const log = newLog(200);
    const window = where.includes('Redis') ? { ...ROOMY, bytesMax: 9_000 } : ROOMY;
    gateway = gatewayOf(log, window, [], { sessionBufferBytesMax: BUFFER });
    await settle();
    const format = { ...PLAIN, chain: true };
    const { sink, session } = connect(gateway, { format, ...(lastId === undefined ? {} : { lastId }) });
    if (where.includes('head')) await settle();
    sink.stalled = true;
    let unsent = 0;
    for (let i = 0; i < 60; i++) {
      await append(log, 20);
      unsent = Math.max(unsent, sink.writableLength);
      sink.take(150 * i);
    }
    expect(unsent).toBeGreaterThan(BUFFER / 3);
    expect(unsent).toBeLessThanOrEqual(BUFFER);
    sink.resume();
    await settle(400);
    expect(session.state).toBe('head');
    const ids = eventsOf({ sink, session }).map(({ id }) => Number(id?.split('-')[1]));
    expect(ids).toEqual(Array.from({ length: ids.length }, (_, i) => (ids[0] as number) + i));
    expect(ids.at(-1)).toBe(log.last?.offset);
    expect(ids[0]).toBe(lastId === undefined ? 201 : 1);
  });

  it('is sent one event that is more than its buffer, alone', async () => {
    const log = newLog(1);
    gateway = gatewayOf(log, ROOMY, [], { sessionBufferBytesMax: BUFFER });
    await settle();
    const { sink, session } = connect(gateway, { lastId: idOf(0) });
    await settle();
    sink.stalled = true;
    await append(log, 1, 'y'.repeat(3 * BUFFER));
    await append(log, 3);
    expect(sink.writableLength).toBeGreaterThan(3 * BUFFER);
    expect(sink.waitedMax).toBe(0);
    sink.resume();
    await settle();
    expect(eventsOf({ sink, session })).toHaveLength(5);
  });

  it('holds no more of views and of the log beside them, and ends with the newest book and every event', async () => {
    const log = newLog();
    const feed = new BookFeed('A');
    const add = ({ topic, payload }: { topic: string; payload: string }) => log.append(topic, payload);
    add(feed.begin());
    gateway = gatewayOf(log, ROOMY, [], { sessionBufferBytesMax: 1.5 * BUFFER });
    await settle();
    const { sink, close } = connectStreams(gateway, 'A:MBP:5,A:MBP:10,A:MBP:20,A:L2');
    await settle();
    sink.clear();
    sink.stalled = true;
    let unsent = 0;
    for (let i = 0; i < 300; i++) {
      add(feed.change(i));
      if (i % 4 === 0) await settle(2);
      unsent = Math.max(unsent, sink.writableLength);
      if (i % 20 === 0) sink.take(2_500);
    }
    expect(unsent).toBeGreaterThan(BUFFER);
    expect(unsent).toBeLessThanOrEqual(1.5 * BUFFER);
    sink.resume();
    await settle(200);
    const frames = sink.frames();
    const changes = frames.filter(({ event }) => event === 'book_change').map(({ data }) => JSON.parse(data as string));
    expect(changes.map(({ last }) => last)).toEqual(Array.from({ length: 300 }, (_, i) => i + 2));
    for (const levels of [5, 10, 20]) {
      const views = frames.filter(({ data }) => data?.includes(`"A_MBP_${levels}"`));
      expect(views.length).toBeLessThan(150);
      expect(JSON.parse(views.at(-1)?.data as string).sequence).toBe(log.last?.offset);
    }
    close();
  });

  it('is not given a batch of the log on top of a frame that leaves no room for it, but afterwards, in parts', async () => {
    const log = newLog();
    const feed = new BookFeed('A');
    const add = ({ topic, payload }: { topic: string; payload: string }) => log.append(topic, payload);
    add(feed.begin());
    gateway = gatewayOf(log, ROOMY, [], { sessionBufferBytesMax: BUFFER });
    await settle();
    const { sink, close } = connectStreams(gateway, 'A:MBP:10,A:TRADES');
    for (let i = 0; i < 20; i++) add(feed.change(i));
    await settle();
    sink.clear();
    sink.stalled = true;
    add(feed.change(20));
    await settle();
    const frame = sink.writableLength;
    expect(frame).toBeGreaterThan(BUFFER / 2);
    for (let i = 0; i < 8; i++) log.append('trade:A', `{"n":${i},"f":"${TEXT}"}`);
    await settle();
    expect(sink.writableLength).toBe(frame);
    sink.resume();
    await settle();
    const trades = sink.frames().filter(({ event }) => event === 'trade');
    expect(trades.map(({ data }) => JSON.parse(data as string).n)).toEqual([0, 1, 2, 3, 4, 5, 6, 7]);
    close();
  });
});

describe('sessions that fall behind', () => {
  const tooSlow: { session: LogSession; lag: number }[] = [];

  const start = async (count: number) => {
    const log = newLog(count);
    gateway = gatewayOf(log, ROOMY, [], { sessionLagMax: 100 });
    gateway.lags.onTooSlow = (session, lag) => {
      tooSlow.push({ session, lag });
      gateway.fanout.close(session);
    };
    tooSlow.length = 0;
    await settle();
    return log;
  };

  /** As time passes: so many events at a time, each followed by a look. */
  const pass = async (log: MemoryLog, steps: number, count: number, each?: () => void) => {
    for (let i = 0; i < steps; i++) {
      await append(log, count);
      each?.();
      await settle(8);
      gateway.lags.check();
    }
  };

  afterEach(() => gateway.stop());

  it('by more than the limit, because they do not take what they are sent, are found, once', async () => {
    const log = await start(1);
    const { sink, session } = connect(gateway);
    await settle();
    sink.stalled = true;
    await pass(log, 10, 10);
    expect(tooSlow).toEqual([]);
    await pass(log, 5, 10);
    expect(tooSlow.map(({ session: found }) => found)).toEqual([session]);
    expect(tooSlow[0]?.lag).toBeGreaterThan(100);
    expect(tooSlow[0]?.lag).toBeLessThanOrEqual(110);
  });

  it('are not, when they have come back from far and get on, however slowly', async () => {
    const log = await start(3_000);
    const { sink, session } = connect(gateway, { lastId: idOf(0) });
    sink.stalled = true;
    // It takes some 13 events while 10 come.
    await pass(log, 200, 10, () => sink.take(4_800));
    expect(tooSlow).toEqual([]);
    expect(session.state).not.toBe('head');
    sink.stalled = true;
    await pass(log, 200, 10);
    expect(tooSlow.map(({ session: found }) => found)).toEqual([session]);
  });

  it('are not, when it is their rate that holds them', async () => {
    const log = await start(1);
    let nowMs = 0;
    const rates = new Rates({ nowMs: () => nowMs });
    const { sink, session } = connect(gateway, { lastId: idOf(0), budget: rates.open(5, '') as RateBudget });
    await pass(log, 30, 10);
    expect(session.state).toBe('held');
    expect(eventsOf({ sink, session })).toHaveLength(5);
    // It goes on, and its client does not take that at once.
    sink.stalled = true;
    nowMs = 1_000;
    await until(() => session.state === 'draining');
    gateway.lags.check();
    expect(tooSlow).toEqual([]);
    await pass(log, 12, 10);
    expect(tooSlow.map(({ session: found }) => found)).toEqual([session]);
    rates.stop();
  });

  it('are let be where there is no limit', async () => {
    const log = newLog(1);
    gateway = gatewayOf(log, ROOMY, [], { sessionLagMax: 0 });
    await settle();
    const { sink } = connect(gateway);
    await settle();
    sink.stalled = true;
    await pass(log, 30, 10);
    expect(sink.destroyed).toBe(false);
  });
});
