import { Timeline } from '@depthcast/log';
import { afterEach, describe, expect, it } from '@jest/globals';
import { Gateway } from './gateway.ts';
import {
  connect,
  EPOCH,
  eventsOf,
  gatewayOf,
  idOf,
  type MemoryClient,
  newLog,
  PLAIN,
  TINY,
} from './testing/memory-gateway.ts';
import type { MemoryLog } from './testing/memory-log.ts';
import { type Frame, settle } from './testing/memory-sink.ts';

const gateways: Gateway[] = [];

afterEach(async () => {
  for (const gateway of gateways.splice(0)) await gateway.stop();
});

function start(log: MemoryLog, window = TINY): Gateway {
  const gateway = gatewayOf(log, window);
  gateways.push(gateway);
  return gateway;
}

describe('a log session', () => {
  it('without a cursor gets an id first, then what comes after it', async () => {
    const log = newLog(3);
    const gateway = start(log);
    await settle();
    const client = connect(gateway);
    await settle();
    log.append('market:A', '{"n":4}');
    await settle();
    expect(client.sink.frames()).toEqual([{ id: idOf(3) }, { id: idOf(4), event: 'market', data: '{"n":4}' }]);
  });

  it.each([
    ['the window', 10],
    ['Redis', 2_000],
  ])('resumes out of %s with every event after its cursor, once', async (_, behind) => {
    const log = newLog(behind + 5);
    const gateway = start(log);
    await settle(200);
    const client = connect(gateway, { lastId: idOf(5) });
    await settle(200);
    expect(eventsOf(client).map((f) => f.id)).toEqual(Array.from({ length: behind }, (__, i) => idOf(6 + i)));
    expect(client.session.state).toBe('head');
    expect(gateway.window.end - gateway.window.first).toBeLessThan(100);
  });

  it('that comes before this gateway knows how things stand waits for it, and begins at the very tail', async () => {
    const log = newLog(5_000);
    const gateway = start(log);
    const client = connect(gateway);
    expect(gateway.isCaughtUp).toBe(false);
    await settle(200);
    expect(client.sink.frames()).toEqual([{ id: idOf(5_000) }]);
  });

  it('shares pages of Redis with those who come from elsewhere', async () => {
    const log = newLog(2_500);
    const gateway = start(log);
    await settle(100);
    const before = log.ranges;
    const clients = Array.from({ length: 20 }, (_, i) => connect(gateway, { lastId: idOf(5 + i) }));
    await settle(400);
    for (const [i, client] of clients.entries()) expect(eventsOf(client)).toHaveLength(2_495 - i);
    expect(log.ranges - before).toBeLessThan(20 + 10);
  });

  it('is given a huge batch in writes of bounded size', async () => {
    const log = newLog(1);
    const gateway = start(log, { ...TINY, bytesMax: 1 << 24, segmentBytes: 1 << 16 });
    await settle();
    const client = connect(gateway);
    await settle();
    const writes = client.sink.writes;
    const pad = 'x'.repeat(10_000);
    for (let i = 0; i < 200; i++) log.append('market:A', `{"pad":"${pad}"}`);
    await settle();
    expect(eventsOf(client)).toHaveLength(200);
    expect(client.sink.writes - writes).toBeGreaterThanOrEqual(4);
  });

  it('is never served the chain of another', async () => {
    const log = newLog(40);
    const gateway = start(log, { ...TINY, bytesMax: 1 << 20 });
    log.append('trade:A', '{}');
    await settle();
    for (const from of [7, 5]) {
      const client = connect(gateway, { types: ['trade'], format: { ...PLAIN, chain: true }, lastId: idOf(from) });
      await settle();
      expect(eventsOf(client)).toEqual([{ id: idOf(41), prev: idOf(from), event: 'trade', data: '{}' }]);
    }
  });

  it('gets everything held from last_id=0, the first entry included', async () => {
    const log = newLog(3);
    const gateway = start(log);
    await settle();
    const client = connect(gateway, { lastId: '0', fromHeader: false });
    await settle();
    expect(eventsOf(client).map((f) => f.id)).toEqual([idOf(0), idOf(1), idOf(2), idOf(3)]);
  });

  it('takes a Last-Event-ID of 0 for the id of the first entry, which it has', async () => {
    const gateway = start(newLog(2));
    await settle();
    const client = connect(gateway, { lastId: '0', format: { ...PLAIN, ids: 'int' } });
    await settle();
    expect(eventsOf(client).map((f) => f.id)).toEqual(['1', '2']);
  });

  it('is one read of Redis for all who ask the same', async () => {
    const log = newLog(900);
    const gateway = start(log);
    await settle(100);
    const before = log.ranges;
    const clients = Array.from({ length: 20 }, () => connect(gateway, { lastId: idOf(5) }));
    await settle(200);
    for (const client of clients) expect(eventsOf(client)).toHaveLength(895);
    expect(log.ranges - before).toBeLessThanOrEqual(2);
  });

  it('that stops reading is not written to, holds up nobody, and gets all of it when it reads again', async () => {
    const log = newLog(1);
    const gateway = start(log);
    await settle();
    const [slow, fast] = [connect(gateway), connect(gateway)];
    await settle();
    slow.sink.stalled = true;
    for (let i = 2; i <= 500; i++) {
      log.append('market:A', `{"n":${i}}`);
      await settle(2);
    }
    await settle(100);
    expect(slow.sink.writes).toBeLessThan(6);
    expect(eventsOf(fast)).toHaveLength(499);
    slow.sink.resume();
    await settle(200);
    expect(eventsOf(slow)).toEqual(eventsOf(fast));
    expect(slow.session.state).toBe('head');
  });

  it('that does not read while it catches up is written one segment, not all of it', async () => {
    const log = newLog(60);
    const gateway = start(log, { ...TINY, bytesMax: 1 << 20, entriesMax: 1_000 });
    await settle(50);
    const client = connect(gateway, { lastId: idOf(1) });
    client.sink.stalled = true;
    await settle(50);
    expect(client.sink.writableLength).toBeLessThan(2 * TINY.segmentBytes);
    client.sink.resume();
    await settle(50);
    expect(eventsOf(client)).toHaveLength(59);
  });

  it('that was slow shares what it missed with others, each up to its own moment', async () => {
    const log = newLog(1);
    const gateway = start(log, { ...TINY, segmentBytes: 10_000 });
    await settle();
    const clients = [connect(gateway), connect(gateway)];
    await settle();
    for (const { sink } of clients) sink.stalled = true;
    log.append('market:A', '{}');
    await settle();
    for (const { sink } of clients) {
      for (let i = 0; i < 5; i++) log.append('market:A', '{}');
      await settle();
      sink.resume();
      await settle();
    }
    const ids = Array.from({ length: 11 }, (_, i) => idOf(2 + i));
    for (const client of clients) expect(eventsOf(client).map((f) => f.id)).toEqual(ids);
  });

  it('is forgotten when it closes, in whatever state', async () => {
    const log = newLog(1);
    const gateway = start(log);
    await settle();
    const clients = [connect(gateway), connect(gateway), connect(gateway, { lastId: '9-9' })];
    await settle();
    (clients[1] as MemoryClient).sink.stalled = true;
    log.append('market:A', '{}');
    await settle();
    for (const { session } of clients) {
      gateway.fanout.close(session);
      gateway.fanout.close(session);
    }
    expect(gateway.fanout.sessions.size).toBe(0);
    expect(gateway.fanout.groups.size).toBe(0);
    const writes = clients.map(({ sink }) => sink.writes);
    log.append('market:A', '{}');
    for (const { sink } of clients) sink.resume();
    await settle();
    expect(clients.map(({ sink }) => sink.writes)).toEqual(writes);
  });

  it('of nobody private: events of an account reach nobody who has not proved to be it', async () => {
    const log = newLog(1);
    const gateway = start(log);
    await settle();
    const client = connect(gateway);
    await settle();
    log.append('fill:A:alice', '{"secret":1}');
    log.append('market:A', '{}');
    await settle();
    expect(eventsOf(client).map((f) => f.event)).toEqual(['market']);
  });
});

describe('a reset', () => {
  async function resetOf(log: MemoryLog, lastId: string, fromHeader = true): Promise<Frame[]> {
    const gateway = start(log);
    await settle(100);
    const client = connect(gateway, { lastId, fromHeader, types: ['market', 'book_status', 'book_change'] });
    await new Promise((resolve) => setTimeout(resolve, 120));
    await settle();
    log.append('market:A', '{"live":1}');
    await settle();
    return client.sink.frames();
  }

  it.each([
    ['rubbish', 'unknown'],
    [`${EPOCH - 5}-3`, 'unknown'],
    [`${EPOCH}-999`, 'ahead'],
    ['5000000000001', 'ahead'],
  ])('answers %s with %s, a snapshot, the tail, and goes on live', async (lastId, reason) => {
    const frames = await resetOf(newLog(4), lastId);
    expect(frames[0]).toEqual({
      event: 'reset',
      data: JSON.stringify({ reason, requested: lastId, earliest: idOf(0), tail: idOf(4) }),
    });
    expect(frames.slice(1)).toEqual([
      { event: 'book_status', data: expect.stringContaining('"status":"buffering"') },
      { event: 'market', data: '{"n":4}' },
      { id: idOf(4) },
      { id: idOf(5), event: 'market', data: '{"live":1}' },
    ]);
  });

  it('says trimmed when what follows the cursor is held no more', async () => {
    const log = newLog(200);
    log.trim(100);
    const [reset] = await resetOf(log, idOf(50));
    expect(JSON.parse(reset?.data ?? '')).toEqual({
      reason: 'trimmed',
      requested: idOf(50),
      earliest: idOf(101),
      tail: idOf(200),
    });
  });

  it('is not needed at the very edge of what is held', async () => {
    const log = newLog(200);
    log.trim(100);
    const frames = await resetOf(log, idOf(100));
    expect(frames[0]).toEqual({ id: idOf(101), event: 'market', data: '{"n":101}' });
  });

  it('says forked to a cursor that saw what Redis lost, and nothing to one that did not', async () => {
    const log = newLog(10);
    log.lose(3);
    log.openEpoch(EPOCH + 1);
    const [forked] = await resetOf(log, idOf(8));
    expect(JSON.parse(forked?.data ?? '').reason).toBe('forked');
    const silent = await resetOf(log, idOf(7));
    expect(silent[0]).toEqual({ id: `${EPOCH + 1}-1`, event: 'market', data: '{"live":1}' });
  });

  it('reaches the sessions of a running gateway that saw what Redis lost, and only those', async () => {
    const log = newLog(10);
    const gateway = start(log);
    await settle(100);
    const all = connect(gateway);
    const sparse = connect(gateway, { types: ['trade'], lastId: idOf(2) });
    await settle();
    log.append('market:A', '{"n":11}');
    await settle();
    log.lose(1);
    log.openEpoch(EPOCH + 1);
    log.append('trade:A', '{"t":1}');
    await new Promise((resolve) => setTimeout(resolve, 300));
    await settle(100);
    const reasons = eventsOf(all).filter((f) => f.event === 'reset');
    expect(reasons.map((f) => JSON.parse(f.data ?? '').reason)).toEqual(['forked']);
    expect(eventsOf(sparse).map((f) => f.event)).toEqual(['trade']);
  });
});

describe('a reset while nothing comes', () => {
  it('says stale once more after its snapshot, which has the status that the log had last', async () => {
    let nowMs = 1_000;
    const log = newLog(10);
    log.append('book_status:A', '{"type":"book_status","symbol":"A","ts_ns":1,"status":"synced"}');
    const options = { source: log, flushMs: 0, clockStaleMs: 1_000, window: TINY, onWarn: () => {} };
    const gateway = new Gateway({ ...options, nowMs: () => nowMs });
    gateways.push(gateway);
    gateway.start();
    await settle();
    const client = connect(gateway);
    await settle();
    log.append('market:A', '{"lost":1}');
    await settle();
    nowMs += 5_000;
    gateway.watch.check();
    const statuses = () =>
      eventsOf(client)
        .filter((f) => f.event === 'book_status')
        .map((f) => JSON.parse(f.data ?? '').status);
    expect(statuses()).toEqual(['stale']);
    log.lose(1);
    log.openEpoch(EPOCH + 1);
    log.append('market:A', '{"n":1}');
    await new Promise((resolve) => setTimeout(resolve, 300));
    await settle(100);
    expect(eventsOf(client).filter((f) => f.event === 'reset')).toHaveLength(1);
    expect(statuses()).toEqual(['stale', 'synced', 'stale']);
    log.append('clock', '{"ts_ns":1}');
    await settle();
    expect(statuses().at(-1)).toBe('synced');
  });
});

describe('a reset of a client that has views alone', () => {
  async function reasonOf(log: MemoryLog, text: string, fromHeader = true): Promise<string | undefined> {
    const gateway = start(log);
    await settle(100);
    const frame = await gateway.ladder.viewReset({ text, fromHeader });
    if (frame === '') return undefined;
    expect(frame).toMatch(/^event: reset\ndata: .*\n\n$/);
    const { reason, requested, earliest, tail } = JSON.parse(frame.split('\n')[1]?.slice(6) ?? '');
    const [first] = log.entries;
    expect({ requested, earliest }).toEqual({ requested: text, earliest: `${first?.epoch}-${first?.offset}` });
    expect(tail).toBe(`${log.last?.epoch}-${log.last?.offset}`);
    return reason;
  }

  it.each([
    ['rubbish', 'unknown'],
    ['12-12', 'unknown'],
    [idOf(999), 'ahead'],
    [idOf(50), 'trimmed'],
    [idOf(99), 'trimmed'],
    [idOf(100), undefined],
    [idOf(199), undefined],
    [idOf(200), undefined],
  ])('is for %s: %s', async (text, reason) => {
    const log = newLog(200);
    log.trim(100);
    expect(await reasonOf(log, text)).toBe(reason);
  });

  it('knows the one cursor of an epoch before that the log still follows', async () => {
    const log = newLog(10);
    log.lose(3);
    log.openEpoch(EPOCH + 1);
    for (let i = 0; i < 200; i++) log.append('market:A', '{}');
    log.trim(201);
    expect(await reasonOf(log, idOf(8))).toBe('forked');
    expect(await reasonOf(log, idOf(7))).toBeUndefined();
    expect(await reasonOf(log, idOf(6))).toBe('trimmed');
    log.trim(200);
    expect(await reasonOf(log, idOf(7))).toBe('trimmed');
  });

  it('is none for last_id=0, which asks for whatever there is', async () => {
    expect(await reasonOf(newLog(5), '0', false)).toBeUndefined();
  });
});

describe('another gateway', () => {
  it('that is ahead costs its clients a moment here, not a reset', async () => {
    const log = newLog(5);
    const gateway = start(log);
    await settle();
    // Redis has two more than this gateway has been given.
    const held = log.entries.length;
    log.entries.push(
      { epoch: EPOCH, offset: 6, topic: 'market:A', payload: Buffer.from('{"n":6}') },
      { epoch: EPOCH, offset: 7, topic: 'market:A', payload: Buffer.from('{"n":7}') },
    );
    expect(log.entries.length).toBe(held + 2);
    const client = connect(gateway, { lastId: idOf(7) });
    await settle();
    expect(client.session.state).toBe('waiting');
    log.wake();
    await settle();
    expect(client.session.state).toBe('head');
    expect(client.sink.frames()).toEqual([]);
    log.append('market:A', '{"n":8}');
    await settle();
    expect(client.sink.frames()).toEqual([{ id: idOf(8), event: 'market', data: '{"n":8}' }]);
  });
});

describe('a tail that comes there while Redis is asked', () => {
  it('is not waited for, since nothing may come after that', async () => {
    const log = newLog(5);
    const gateway = start(log);
    await settle();
    log.entries.push({ epoch: EPOCH, offset: 6, topic: 'market:A', payload: Buffer.from('{"n":6}') });
    // The answer takes as long as the tail takes to get there.
    const tip = log.tip.bind(log);
    log.tip = async () => {
      const end = await tip();
      log.wake();
      await settle();
      return end;
    };
    const client = connect(gateway, { lastId: idOf(6) });
    await settle(100);
    expect(client.session.state).toBe('head');
    expect(client.sink.frames()).toEqual([]);
  });
});

describe('an epoch that this gateway has not met yet', () => {
  it('is looked up before its cursor is called unknown', async () => {
    const log = newLog(5);
    const gateway = start(log);
    await settle();
    log.openEpoch(EPOCH + 1);
    const client = connect(gateway, { lastId: `${EPOCH + 1}-0` });
    await settle();
    log.append('market:A', '{"n":1}');
    await settle();
    expect(client.sink.frames()).toEqual([{ id: `${EPOCH + 1}-1`, event: 'market', data: '{"n":1}' }]);
  });
});

describe('integer ids', () => {
  it('never go back when an older timeline is read than the tail has seen', async () => {
    const log = newLog(5);
    const gateway = start(log);
    await settle();
    const running = connect(gateway, { format: { ...PLAIN, ids: 'int' } });
    let answer: () => void = () => {};
    log.timeline = async () => {
      const old = new Timeline(log.spans);
      await new Promise<void>((resolve) => {
        answer = resolve;
      });
      return old;
    };
    // Another gateway has met the epoch, and its client comes here.
    const moved = connect(gateway, { lastId: `${EPOCH + 1}-0`, format: { ...PLAIN, ids: 'int' } });
    await settle();
    log.openEpoch(EPOCH + 1);
    log.append('market:A', '{}');
    await settle();
    answer();
    await settle();
    // More than a segment of the window.
    for (let i = 0; i < 40; i++) log.append('market:A', '{}');
    await settle();
    const ids = Array.from({ length: 41 }, (_, i) => String(1_000_000_000_001 + i));
    expect(eventsOf(moved).map((f) => f.id)).toEqual(ids);
    expect(eventsOf(running).map((f) => f.id)).toEqual(['1000000000000', ...ids]);
  });

  it('are made up for no epoch: the tail would rather begin anew', async () => {
    const gateway = start(newLog(5));
    await settle();
    const foreign = { epoch: EPOCH - 5, offset: 3, topic: 'market:A', payload: Buffer.from('{}') };
    expect(() => gateway.onBatch([foreign])).toThrow('not on this timeline');
  });

  it('are left out of a reset where a timeline that is no more had them', async () => {
    const log = newLog(5);
    const gateway = start(log);
    await settle();
    const client = connect(gateway, { format: { ...PLAIN, ids: 'int' } });
    await settle();
    // Redis has been emptied, and a new log begun.
    log.entries = [];
    log.spans = [];
    log.openEpoch(EPOCH + 100);
    log.append('market:A', '{}');
    await new Promise((resolve) => setTimeout(resolve, 300));
    await settle(100);
    const [reset] = eventsOf(client);
    expect(JSON.parse(reset?.data ?? '')).toEqual({ reason: 'unknown', requested: idOf(5), earliest: '0', tail: '1' });
    expect(client.sink.destroyed).toBe(false);
  });
});

describe('keep-alive', () => {
  it('is a comment when nothing came, with the id when the cursor moved silently', async () => {
    const log = newLog(1);
    const gateway = start(log);
    await settle();
    const client = connect(gateway, { types: ['fill'], format: { ...PLAIN, chain: true } });
    await settle();
    client.sink.clear();
    gateway.fanout.keepAlive(60_000);
    expect(client.sink.received).toHaveLength(0);
    log.append('market:A', '{}');
    await settle();
    gateway.fanout.keepAlive(0);
    expect(client.sink.received.toString()).toContain(`: keep-alive\n\nid: ${idOf(2)}\n\n`);
    client.sink.clear();
    gateway.fanout.keepAlive(0);
    expect(client.sink.received.toString()).toBe('e\r\n: keep-alive\n\n\r\n');
  });
});
