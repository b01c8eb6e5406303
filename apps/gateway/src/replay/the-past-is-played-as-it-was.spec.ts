import { afterEach, describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { Filter } from '../fanout/filter.ts';
import type { Gateway } from '../gateway.ts';
import { Partitions } from '../partitions/partitions.ts';
import { BookFeed, BookFollower } from '../testing/book-feed.ts';
import { connect, connectStreams, eventsOf, gatewayOf, idOf, newLog, PLAIN, TINY } from '../testing/memory-gateway.ts';
import { MemoryJournal } from '../testing/memory-journal.ts';
import type { MemoryLog } from '../testing/memory-log.ts';
import { type Frame, MemorySink, settle } from '../testing/memory-sink.ts';
import { OrderFeed } from '../testing/order-feed.ts';
import { parseStreamSubscription } from '../transports/stream-params.ts';
import { ReplayDesk } from './replay-desk.ts';
import type { ReplayWanted } from './replay-session.ts';
import { wantedOf } from './replay-session.ts';

const closing: (() => unknown)[] = [];

afterEach(async () => {
  for (const close of closing.splice(0)) await close();
});

/** A gateway whose Redis has the last `held` entries, and a journal that has all of them. */
async function start(log: MemoryLog, held: number, replaysMax = 10) {
  const warnings: string[] = [];
  const journal = new MemoryJournal(log).record();
  log.trim(held);
  const gateway = gatewayOf(log, TINY, warnings, { journal });
  const onWarn = (message: string, error: Error) => warnings.push(`${message} ${error.stack}`);
  closing.push(() => gateway.stop());
  await settle(100);
  return {
    gateway,
    journal,
    warnings,
    desk: new ReplayDesk({ partitions: new Partitions([gateway]), replaysMax, onWarn }),
  };
}

interface Started {
  readonly gateway: Gateway;
  readonly desk: ReplayDesk;
}

/** A replay of views and log-type streams, or (without any) of the whole log. */
async function replay({ gateway, desk }: Started, query: Record<string, string>, sink = new MemorySink()) {
  const { state, topics } = gateway;
  const subscription = parseStreamSubscription({ interval: '0', ...query }, undefined, {
    symbols: state.symbols,
    kindOf: (symbol) => state.book(symbol)?.kind,
    intervalMsDefault: 0,
    streamsMax: 10,
  });
  const log = { filter: new Filter(topics), format: { ...PLAIN, chain: true }, fresh: 'tail' } as const;
  const wanted: ReplayWanted = query.streams ? wantedOf(subscription, gateway, 'chunks') : { log, views: undefined };
  const symbols = query.streams
    ? [...new Set([...subscription.views, ...subscription.logStreams].map((s) => s.symbol))]
    : [];
  const plan = await desk.plan(query, undefined, undefined, symbols);
  const session = plan && desk.open(sink, 'chunks', plan, wanted);
  if (!session) throw new Error('no replay');
  closing.push(() => session.close());
  void session.start('');
  const isLive = () => sink.frames().some((f) => f.event === 'replay' && f.data?.includes('"live":true'));
  return { sink, session, isLive };
}

async function until(done: () => boolean): Promise<void> {
  for (const deadlineMs = Date.now() + 8_000; !done() && Date.now() < deadlineMs; ) await settle(10);
  await settle();
}

const isEvent = (frame: Frame) => frame.data !== undefined && frame.event !== 'replay';
const framesOf = (sink: MemorySink) => sink.frames().filter(isEvent);

/** A log of one symbol's orders, with a clock each second and other events between. */
function marketLog(count: number, seed = 1): { log: MemoryLog; feed: OrderFeed } {
  const log = newLog(0);
  const feed = new OrderFeed('A');
  for (const { topic, payload } of feed.begin()) log.append(topic, payload);
  for (let n = 0; n < count; n++) {
    for (const { topic, payload } of feed.change(n * seed)) log.append(topic, payload);
    if (n % 4 === 0) log.append('clock', `{"type":"clock","ts_ns":${feed.tsUs}000}`);
    if (n % 7 === 0) log.append('market:B', `{"type":"market","symbol":"B","ts_ns":${feed.tsUs}000,"price":${n}}`);
  }
  return { log, feed };
}

describe('the log of the past', () => {
  it('is played in the frames, ids and chain it had live, and goes on live', async () => {
    const { log } = marketLog(800);
    const started = await start(log, 100);
    const all = [...started.journal.entries];
    const { sink, isLive } = await replay(started, { from: idOf(30), speed: 'max' });
    await until(isLive);
    all.push(log.append('market:B', '{"live":1}'));
    await settle();
    const frames = framesOf(sink);
    expect(frames.map(({ prev: _, ...frame }) => frame)).toEqual(
      all.slice(31).map((it) => ({ id: idOf(it.offset), event: it.topic.split(':')[0], data: it.payload.toString() })),
    );
    expect(frames.map((f) => f.prev)).toEqual([idOf(30), ...frames.slice(0, -1).map((f) => f.id)]);
    expect(started.desk.running).toBe(0);
    expect(started.warnings).toEqual([]);
  });

  it('is resumed by its ids like any other when its client drops in the middle', async () => {
    const { log } = marketLog(800);
    const started = await start(log, 100);
    const { sink, session } = await replay(started, { from: idOf(30), speed: 'max' }, stalledSink());
    await until(() => sink.writableLength > 0);
    session.close();
    sink.resume();
    const first = framesOf(sink);
    const lastId = first.at(-1)?.id as string;
    const client = connect(started.gateway, { lastId });
    await until(() => client.session.state === 'head');
    const ids = [...first, ...eventsOf(client)].map((f) => f.id);
    expect(ids).toEqual(started.journal.entries.slice(31).map(({ offset }) => idOf(offset)));
    expect(
      await started.desk.plan({ from: idOf(30) }, { text: lastId, fromHeader: true }, undefined, []),
    ).toBeUndefined();
  });

  it('waits for a client that does not read', async () => {
    const log = newLog(1);
    for (let i = 0; i < 3_000; i++) log.append('market:A', `{"pad":"${'x'.repeat(1_000)}"}`);
    const started = await start(log, 100);
    const { sink, isLive } = await replay(started, { from: idOf(1), speed: 'max' }, stalledSink());
    await until(() => sink.writableLength > 0);
    await settle(100);
    expect(sink.writableLength).toBeLessThan(300 << 10);
    sink.resume();
    await until(isLive);
    expect(framesOf(sink)).toHaveLength(3_000);
  });

  it('begins at a moment, and comes in its own time', async () => {
    const { log, feed } = marketLog(40);
    const started = await start(log, 100);
    // Two seconds of event time, a thousand times as fast.
    const from = String(feed.tsUs / 1_000 - 2_000);
    const { sink, isLive } = await replay(started, { from, speed: '1000' });
    await until(isLive);
    const first = log.entries.find(
      ({ payload }) => /"ts_ns":(\d+)/.exec(payload.toString()) && timeOf(payload) > Number(from),
    );
    expect(framesOf(sink)[0]?.id).toBe(idOf(first?.offset ?? -1));
    const slow = await replay(started, { from, speed: '1' });
    await settle(50);
    expect(slow.isLive()).toBe(false);
    expect(framesOf(slow.sink).length).toBeLessThan(framesOf(sink).length / 2);
  });

  it('says how far it is each second, with the id that moved silently', async () => {
    const { log, feed } = marketLog(40);
    const started = await start(log, 1_000);
    const query = { from: String(feed.tsUs / 1_000 - 5_000), streams: 'B:TRADES', speed: '1' };
    const { sink } = await replay(started, query);
    await until(() => sink.frames().some((f) => f.event === 'replay'));
    const [progress, moved] = sink.frames().slice(-2);
    const { position, at, tail, live } = JSON.parse(progress?.data ?? '');
    expect({ tail, live }).toEqual({ tail: idOf(log.last?.offset ?? 0), live: false });
    expect(Date.parse(at) * 1_000 - (feed.tsUs - 5_000_000)).toBeLessThanOrEqual(1_500_000);
    expect(moved).toEqual({ id: position });
  }, 10_000);

  it('that has a hole is reset there, and not skipped', async () => {
    const log = newLog(20_000);
    const started = await start(log, 100);
    const { sink, isLive } = await replay(started, { from: idOf(1), speed: 'max' }, stalledSink());
    await until(() => sink.writableLength > 0);
    started.journal.drop(500);
    sink.resume();
    await until(() => framesOf(sink).some((f) => f.event === 'reset'));
    log.append('market:A', '{"live":1}');
    await settle();
    const frames = framesOf(sink);
    const reset = frames.findIndex((f) => f.event === 'reset');
    expect(frames.slice(0, reset).map((f) => f.id)).toEqual(Array.from({ length: reset }, (_, i) => idOf(2 + i)));
    expect(JSON.parse(frames[reset]?.data ?? '')).toMatchObject({
      reason: 'trimmed',
      requested: frames[reset - 1]?.id,
    });
    expect(frames.at(-1)).toMatchObject({ data: '{"live":1}' });
    expect(isLive()).toBe(false);
  });
});

describe('the books of the past', () => {
  it('are shown, at any cursor and in any view, as they were shown live at it', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.integer({ min: 5, max: 60 }),
        fc.integer({ min: 1, max: 6 }),
        fc.nat(999),
        async (count, seed, place) => {
          const { log } = marketLog(0);
          const live = gatewayOf(log, { ...TINY, bytesMax: 1 << 22, entriesMax: 10_000 });
          closing.push(() => live.stop());
          await settle();
          const streams = 'A:MBP:3,A:MBO:5';
          const watcher = connectStreams(live, streams);
          const feed = new OrderFeed('A');
          feed.begin();
          for (let n = 0; n < count; n++) {
            for (const { topic, payload } of feed.change(n * seed)) log.append(topic, payload);
            if (n % 4 === 0) log.append('clock', `{"type":"clock","ts_ns":${feed.tsUs}000}`);
            await settle(2);
          }
          await settle();
          const shownLive = new Set(watcher.sink.frames().map(keyOf));
          const started = await start(log, 3);
          // Within what one input has changed, no book is shown.
          const places = started.journal.entries.filter(({ topic, offset }) => topic === 'book_change:A' && offset > 4);
          const from = idOf((places[Math.floor((place * places.length) / 1_000)] as { offset: number }).offset);
          const { sink, isLive } = await replay(started, { from, speed: 'max', streams });
          await until(isLive);
          const shown = sink.frames().filter((f) => f.event === 'market_data');
          expect(started.warnings).toEqual([]);
          expect(shown.length).toBeGreaterThan(0);
          // What it begins with is as of the cursor that was asked for, and was shown live as of the last change before.
          const first = shown.slice(0, 2);
          const bodies = new Set([...shownLive].map(bodyOf));
          for (const frame of first) expect(bodies).toContain(bodyOf(keyOf(frame)));
          for (const frame of shown.slice(2)) expect(shownLive).toContain(keyOf(frame));
          const lastShown = new Map(shown.map((f) => [JSON.parse(f.data as string).stream_id, keyOf(f)]));
          const lastLive = new Map(
            watcher.sink
              .frames()
              .filter(isEvent)
              .map((f) => [JSON.parse(f.data as string).stream_id, keyOf(f)]),
          );
          for (const [stream, key] of lastLive) expect(bodyOf(lastShown.get(stream) ?? '')).toBe(bodyOf(key));
        },
      ),
      { numRuns: 30 },
    );
  }, 60_000);

  it('come whole before their changes, so that a client can follow them into the present', async () => {
    const log = newLog(0);
    const feed = new BookFeed('A');
    const append = (...events: { topic: string; payload: string }[]) => {
      for (const { topic, payload } of events) log.append(topic, payload);
    };
    append(feed.begin(), feed.status('synced'));
    for (let n = 0; n < 500; n++) append(feed.change(n));
    const started = await start(log, 50);
    const { sink, isLive } = await replay(started, { from: idOf(100), speed: 'max', streams: 'A:L2' });
    await until(isLive);
    append(feed.change(501));
    await settle();
    const follower = new BookFollower();
    for (const { event, data } of sink.frames()) if (event === 'book_change') follower.apply(data as string);
    expect(follower.book?.checksum()).toBe(feed.book.checksum());
    expect(follower.checksums).toBeGreaterThan(200);
  });

  it('of all symbols go on into the present with those that came later', async () => {
    const { log } = marketLog(100);
    const started = await start(log, 20);
    const { sink, isLive } = await replay(started, { from: idOf(20), speed: 'max', streams: 'A:MBP:2' });
    await until(isLive);
    const before = sink.frames().length;
    const feed = new OrderFeed('A');
    for (const { topic, payload } of feed.begin()) log.append(topic, payload);
    await settle();
    expect(sink.frames().length).toBeGreaterThan(before);
    expect(started.gateway.views.sessions.size).toBe(1);
  });
});

describe('a replay', () => {
  it('is one of a few, and its place is free again when it is live or closed', async () => {
    const { log } = marketLog(100);
    const started = await start(log, 20, 1);
    const { session } = await replay(started, { from: idOf(20), speed: '1' });
    await expect(started.desk.plan({ from: idOf(20) }, undefined, undefined, [])).rejects.toMatchObject({
      code: 'OVERLOADED',
    });
    session.close();
    session.close();
    expect(started.desk.running).toBe(0);
    const { isLive } = await replay(started, { from: idOf(20), speed: 'max' });
    await until(isLive);
    expect(started.desk.running).toBe(0);
    expect(started.gateway.fanout.sessions.size).toBe(1);
  });

  it('whose client has left before it begins leaves nothing behind', async () => {
    const { log } = marketLog(100);
    const { gateway, desk } = await start(log, 20, 1);
    const plan = await desk.plan({ from: idOf(20) }, undefined, undefined, []);
    const format = PLAIN;
    const wanted = { log: { filter: new Filter(gateway.topics), format, fresh: 'tail' }, views: undefined } as const;
    const session = plan && desk.open(new MemorySink(), 'chunks', plan, wanted);
    session?.close();
    await session?.start('');
    expect([desk.running, gateway.fanout.sessions.size]).toEqual([0, 0]);
  });

  it.each([
    [{ from: idOf(5) }, 'HISTORY_MISSING'],
    [{ from: '1000' }, 'HISTORY_MISSING'],
    [{ from: idOf(9_999) }, 'PARAMETER_INVALID'],
    [{ from: '12-12' }, 'PARAMETER_INVALID'],
    [{ from: '2999-01-01T00:00:00Z' }, 'PARAMETER_INVALID'],
  ])('of %j is refused with %s', async (query, code) => {
    const { log } = marketLog(100);
    const started = await start(log, 20);
    started.journal.drop(50);
    started.gateway.history.clear();
    await expect(started.desk.plan(query, undefined, undefined, [])).rejects.toMatchObject({ code });
  });
});

/** What a client sees of a view's book at a cursor. */
function keyOf({ id, data }: Frame): string {
  const { stale: _, ...shown } = JSON.parse(data ?? '{}');
  return JSON.stringify([id, shown]);
}

function bodyOf(key: string): string {
  return key.replace(/^\["[^"]*"/, '').replace(/"sequence":\d+,/, '');
}

function timeOf(payload: Buffer): number {
  return Number(/"ts_ns":(\d+)/.exec(payload.toString())?.[1]) / 1e6;
}

function stalledSink(): MemorySink {
  const sink = new MemorySink();
  sink.stalled = true;
  return sink;
}
