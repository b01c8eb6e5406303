import { afterEach, describe, expect, it } from '@jest/globals';
import type { Gateway, GatewayOptions } from './gateway.ts';
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
import { MemoryJournal } from './testing/memory-journal.ts';
import type { MemoryLog } from './testing/memory-log.ts';
import { settle } from './testing/memory-sink.ts';

const gateways: Gateway[] = [];

afterEach(async () => {
  for (const gateway of gateways.splice(0)) await gateway.stop();
});

/** A gateway that has caught up with a log of which the journal has everything, and Redis the last `held` entries. */
async function start(log: MemoryLog, held: number, options: Partial<GatewayOptions> = {}) {
  const warnings: string[] = [];
  const journal = new MemoryJournal(log).record();
  log.trim(held);
  const gateway = gatewayOf(log, TINY, warnings, { journal, journalWaitMs: 5_000, ...options });
  gateways.push(gateway);
  await settle(100);
  return { gateway, journal, warnings };
}

async function until(done: () => boolean): Promise<void> {
  for (const deadlineMs = Date.now() + 8_000; !done() && Date.now() < deadlineMs; ) await settle(10);
  await settle();
}

const isAtHead = ({ session }: MemoryClient) => session.state === 'head';
const resetOf = (client: MemoryClient) => JSON.parse(eventsOf(client).find((f) => f.event === 'reset')?.data ?? 'null');

describe('a client whose cursor has left Redis', () => {
  it('gets every event after it once, out of the journal, then Redis, then live', async () => {
    const log = newLog(6_000);
    const { gateway, warnings } = await start(log, 1_000);
    const client = connect(gateway, { lastId: idOf(5) });
    await until(() => isAtHead(client));
    log.append('market:A', '{"n":6001}');
    await settle();
    expect(eventsOf(client).map((f) => f.id)).toEqual(Array.from({ length: 5_996 }, (_, i) => idOf(6 + i)));
    expect(gateway.ladder.stats.outcomes).toMatchObject({ journal: 1, redis: 0, window: 0, reset: 0 });
    expect(warnings).toEqual([]);
  });

  it('shares so many bytes a second with all others that come back so', async () => {
    const bytesPerSecond = 4 << 20;
    const log = newLog(0);
    for (let i = 0; i < 500; i++) log.append('market:A', `{"pad":"${'x'.repeat(1_000)}"}`);
    const { gateway, warnings } = await start(log, 10, { resumeBytesPerSecondMax: bytesPerSecond });
    const startMs = performance.now();
    const clients = [1, 2, 3].map(() => connect(gateway, { lastId: idOf(5) }));
    while (!clients.every(isAtHead) && performance.now() - startMs < 8_000) {
      const bytes = clients.reduce((sum, client) => sum + eventsOf(client).length * 1_000, 0);
      const allowed = ((performance.now() - startMs) / 1_000) * bytesPerSecond;
      // A slice is paid for after it, and what the window and Redis have is not counted.
      expect(bytes).toBeLessThan(allowed + (64 << 10) + clients.length * 10_000);
      await settle(5);
    }
    for (const client of clients) expect(eventsOf(client)).toHaveLength(495);
    expect(warnings).toEqual([]);
  });

  it('gets everything from last_id=0 that is kept anywhere, the first entry included', async () => {
    const log = newLog(3_000);
    const { gateway, journal } = await start(log, 100);
    const client = connect(gateway, { lastId: '0', fromHeader: false });
    await until(() => isAtHead(client));
    expect(eventsOf(client)).toHaveLength(3_001);
    // Retention may have dropped what Redis still has.
    journal.drop(10);
    const late = connect(gateway, { lastId: '0', fromHeader: false });
    await until(() => isAtHead(late));
    expect(eventsOf(late)).toHaveLength(100);
  });

  it.each([
    ['cursor', (ordinal: number, offset: number) => `${EPOCH + ordinal}-${offset}`],
    [
      'int',
      (ordinal: number, offset: number) => (ordinal === 0 ? `${offset}` : `${ordinal}${`${offset}`.padStart(12, '0')}`),
    ],
  ] as const)('crosses epochs that Redis has forgotten, with ids as %s and an unbroken chain', async (ids, id) => {
    const log = newLog(20);
    for (let n = 1; n < 5; n++) {
      log.openEpoch(EPOCH + n);
      for (let i = 0; i < 20; i++) log.append('market:A', '{}');
    }
    const { gateway } = await start(log, 10);
    const client = connect(gateway, { lastId: id(1, 7), format: { ...PLAIN, ids, chain: true } });
    await until(() => isAtHead(client));
    const frames = eventsOf(client);
    expect(frames).toHaveLength(13 + 3 * 21);
    expect(frames[0]).toMatchObject({ id: id(1, 8), prev: id(1, 7) });
    expect(frames[13]).toMatchObject({ id: id(2, 0), prev: id(1, 20) });
    expect(frames.slice(1).map((f) => f.prev)).toEqual(frames.slice(0, -1).map((f) => f.id));
  });

  it('is told that it forked in an epoch that Redis has forgotten', async () => {
    const log = newLog(20);
    log.lose(3);
    log.openEpoch(EPOCH + 1);
    log.append('market:A', '{}');
    log.openEpoch(EPOCH + 2);
    for (let i = 0; i < 20; i++) log.append('market:A', '{}');
    const { gateway } = await start(log, 10);
    const [forked, sound] = [connect(gateway, { lastId: idOf(18) }), connect(gateway, { lastId: idOf(17) })];
    await until(() => isAtHead(forked) && isAtHead(sound));
    expect(resetOf(forked)).toMatchObject({ reason: 'forked', earliest: idOf(0) });
    expect(eventsOf(sound)).toHaveLength(2 + 21);
  });

  it('is never sent what the journal has not heard yet that Redis lost', async () => {
    const log = newLog(20);
    const journal = new MemoryJournal(log).record();
    log.lose(3);
    log.openEpoch(EPOCH + 1);
    log.append('market:A', '{}');
    log.trim(2);
    const gateway = gatewayOf(log, TINY, [], { journal });
    gateways.push(gateway);
    await settle(100);
    const client = connect(gateway, { lastId: idOf(10) });
    await until(() => isAtHead(client));
    const ids = eventsOf(client).map((f) => f.id);
    expect(ids).toEqual([11, 12, 13, 14, 15, 16, 17].map(idOf).concat(`${EPOCH + 1}-0`, `${EPOCH + 1}-1`));
  });

  it('is reset as trimmed only when the journal does not keep it either, and told what is kept', async () => {
    const log = newLog(500);
    const { gateway, journal } = await start(log, 10);
    journal.drop(100);
    const client = connect(gateway, { lastId: idOf(300) });
    const edge = connect(gateway, { lastId: idOf(400) });
    await until(() => isAtHead(client) && isAtHead(edge));
    expect(resetOf(client)).toMatchObject({ reason: 'trimmed', requested: idOf(300), earliest: idOf(401) });
    expect(eventsOf(edge)).toHaveLength(100);
  });

  it('is told unknown of an epoch that never was', async () => {
    const log = newLog(50);
    log.openEpoch(EPOCH + 10);
    log.openEpoch(EPOCH + 20);
    const { gateway } = await start(log, 1);
    const client = connect(gateway, { lastId: `${EPOCH + 5}-3` });
    await until(() => isAtHead(client));
    expect(resetOf(client)).toMatchObject({ reason: 'unknown' });
  });

  it('costs one request a block, however many there are', async () => {
    const log = newLog(5_000);
    const { gateway, journal } = await start(log, 500);
    const clients = Array.from({ length: 30 }, (_, i) => connect(gateway, { lastId: idOf(3 + 10 * i) }));
    await until(() => clients.every(isAtHead));
    for (const [i, client] of clients.entries()) expect(eventsOf(client)).toHaveLength(4_997 - 10 * i);
    expect(journal.pages).toBeLessThanOrEqual(4);
  });

  it('that stops reading is not written to, and gets all of it when it reads again', async () => {
    const log = newLog(1);
    const pad = 'x'.repeat(1_000);
    for (let i = 2; i <= 4_000; i++) log.append('market:A', `{"pad":"${pad}"}`);
    const { gateway } = await start(log, 500);
    const client = connect(gateway, { lastId: idOf(1) });
    client.sink.stalled = true;
    await until(() => client.sink.writableLength > 0);
    await settle(100);
    expect(client.sink.writableLength).toBeLessThan(300 << 10);
    client.sink.resume();
    await until(() => isAtHead(client));
    expect(eventsOf(client)).toHaveLength(3_999);
  });
});

describe('a journal that does not answer', () => {
  it('is waited for, without a reset and without a hole', async () => {
    const log = newLog(500);
    log.openEpoch(EPOCH + 1);
    log.openEpoch(EPOCH + 2);
    for (let i = 0; i < 100; i++) log.append('market:A', '{}');
    const { gateway, journal } = await start(log, 10);
    journal.isAway = true;
    const clients = [idOf(5), `${EPOCH + 2}-3`].map((lastId) => connect(gateway, { lastId }));
    await settle(100);
    expect(clients.map(({ session }) => session.state)).toEqual(['waiting', 'waiting']);
    gateway.fanout.keepAlive(0);
    for (const { sink } of clients) expect(sink.received.toString()).toContain(': keep-alive');
    journal.isAway = false;
    await until(() => clients.every(isAtHead));
    expect(clients.map((client) => eventsOf(client).length)).toEqual([495 + 1 + 101, 97]);
    expect(gateway.ladder.stats.outcomes.reset).toBe(0);
  });

  it('lets a client go after a while, which then comes back with its cursor', async () => {
    const log = newLog(500);
    const { gateway, journal, warnings } = await start(log, 10, { journalWaitMs: 50 });
    journal.isAway = true;
    const client = connect(gateway, { lastId: idOf(5) });
    await until(() => client.sink.destroyed);
    expect(client.sink.destroyed).toBe(true);
    expect(client.sink.received).toHaveLength(0);
    expect(warnings.join()).toContain('the journal is away');
  });

  it('or has not come as far as Redis has trimmed is no reason for a reset either', async () => {
    const log = newLog(500);
    const journal = new MemoryJournal(log).record(200);
    log.trim(100);
    const gateway = gatewayOf(log, TINY, [], { journal, journalWaitMs: 50 });
    gateways.push(gateway);
    await settle(100);
    const client = connect(gateway, { lastId: idOf(5) });
    await until(() => client.sink.destroyed);
    const ids = eventsOf(client).map((f) => f.id);
    expect(ids).toEqual(Array.from({ length: ids.length }, (_, i) => idOf(6 + i)));
    expect(ids).toHaveLength(194);
  });

  it('leaves live clients, and those that Redis can serve, alone', async () => {
    const log = newLog(500);
    const { gateway, journal } = await start(log, 300);
    journal.isAway = true;
    const [old, recent] = [connect(gateway, { lastId: idOf(5) }), connect(gateway, { lastId: idOf(250) })];
    const live = connect(gateway);
    await until(() => isAtHead(recent) && isAtHead(live));
    log.append('market:A', '{}');
    await settle();
    expect([old, recent, live].map((client) => eventsOf(client).length)).toEqual([0, 251, 1]);
    gateway.fanout.close(old.session);
  });
});

describe('a client of views alone', () => {
  it('is reset when not even the journal can tell what followed its cursor, and not otherwise', async () => {
    const log = newLog(500);
    const { gateway, journal } = await start(log, 10);
    const frameOf = (lastId: string) => gateway.ladder.viewReset({ text: lastId, fromHeader: true });
    expect(await frameOf(idOf(5))).toBe('');
    journal.drop(100);
    gateway.history.clear();
    expect(await frameOf(idOf(400))).toBe('');
    expect(await frameOf(idOf(399))).toContain('"reason":"trimmed"');
  });
});
