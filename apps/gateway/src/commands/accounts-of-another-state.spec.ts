import type { LogEntry, StoredAccounts } from '@depthcast/log';
import { describe, expect, it } from '@jest/globals';
import { TopicTable } from '../fanout/topics.ts';
import { connect, EPOCH, eventsOf, gatewayOf, newLog } from '../testing/memory-gateway.ts';
import type { MemoryLog } from '../testing/memory-log.ts';
import { settle } from '../testing/memory-sink.ts';
import { AccountDesk } from './account-desk.ts';
import { AccountTable } from './account-table.ts';
import { AckWaiters } from './ack-waiters.ts';

const state = (id: string, status = 'ACCEPTED') =>
  `{"type":"order_state","client_order_id":"${id}","status":"${status}","symbol":"A","executed_qty":0,"avg_price":0,"last_ts_ns":1704067200000000001}`;
const stored = (epoch: number, offset: number, ...ids: string[]): StoredAccounts => {
  const orders = ids.map((id) => state(id)).join(',');
  const accounts = `{"alice":{"balances":[{"asset":"USD","free":1,"locked":0}],"positions":[],"orders":[${orders}]}}`;
  return { cursor: { epoch, offset }, state: `{"startingBalances":[],"accounts":${accounts}}` };
};
const engine = (version: string) => `{"type":"engine","ts_ns":1,"version":"${version}","reason":"takeover"}`;

function deskOf(log: MemoryLog) {
  const warnings: string[] = [];
  const gateway = gatewayOf(log, undefined, warnings);
  const desk = new AccountDesk({
    accounts: gateway.accounts,
    state: gateway.state,
    stored: () => log.accounts(),
    isCaughtUp: () => gateway.isCaughtUp,
  });
  return {
    gateway,
    desk,
    warnings,
    ids: () => desk.orders('alice', { status: 'all' }).map((o) => JSON.parse(o).client_order_id),
  };
}

async function until(holds: () => boolean): Promise<void> {
  for (let i = 0; i < 400 && !holds(); i++) await new Promise((resolve) => setTimeout(resolve, 5));
  expect(holds()).toBe(true);
}

const UNKNOWN = expect.objectContaining({ code: 'OVERLOADED', status: 503 });

describe('accounts of which the engine has another state than the log gave', () => {
  it('are not told until they are stored anew, and then with what has happened since', async () => {
    const log = newLog(3);
    log.storedAccounts = stored(EPOCH, 2, 'old');
    const { gateway, desk, ids, warnings } = deskOf(log);
    await settle();
    expect(ids()).toEqual(['old']);
    log.openEpoch(EPOCH + 1, 'inbox_trimmed');
    log.append('order_state:A:alice', state('between'));
    log.append('order_state:A:alice', state('after'));
    await settle();
    for (const read of [
      () => desk.orders('alice', { status: 'all' }),
      () => desk.order('alice', 'after'),
      () => desk.positions('alice'),
      () => desk.orders('nobody', { status: 'open' }),
    ]) {
      expect(read).toThrow(UNKNOWN);
    }
    await expect(desk.balances('alice')).rejects.toEqual(UNKNOWN);
    // Nobody is answered with an order that may be no more, and nobody is shown one.
    expect(gateway.accounts.account('alice')?.holder('old', 0)).toBeUndefined();
    expect(gateway.accounts.account('alice')?.holder('after', 0)).toBeDefined();
    const reset = connect(gateway, { types: ['order_state'], account: 'alice', lastId: '1-1' });
    await settle();
    expect(eventsOf(reset).map(({ event }) => event)).toEqual(['reset']);
    log.storedAccounts = stored(EPOCH + 1, 1, 'restored', 'between');
    await until(() => gateway.accounts.isKnown);
    expect(ids()).toEqual(['after', 'between', 'restored']);
    log.append('order_state:A:alice', state('later'));
    await settle();
    expect(ids()).toEqual(['later', 'after', 'between', 'restored']);
    expect(warnings).toEqual([]);
    await gateway.stop();
  });

  it('are told at once when they were stored before the epoch was read, even beyond what has been read', async () => {
    const log = newLog(3);
    const { gateway, ids } = deskOf(log);
    await settle();
    log.openEpoch(EPOCH + 1, 'snapshot_unreadable');
    for (let i = 1; i <= 4; i++) log.append('order_state:A:alice', state(`n${i}`));
    log.storedAccounts = stored(EPOCH + 1, 3, 'restored', 'n1', 'n2', 'n3');
    await settle();
    expect(ids()).toEqual(['n4', 'n3', 'n2', 'n1', 'restored']);
    await gateway.stop();
  });

  it('are none where an epoch starts from nothing', async () => {
    const log = newLog(3);
    log.storedAccounts = stored(EPOCH, 2, 'old');
    const { gateway, ids } = deskOf(log);
    await settle();
    log.openEpoch(EPOCH + 1, 'start');
    log.append('order_state:A:alice', state('new'));
    await settle();
    expect(ids()).toEqual(['new']);
    await gateway.stop();
  });

  it('are stored anew by an engine of another version, and go on with one of the same', async () => {
    const log = newLog(3);
    log.storedAccounts = stored(EPOCH, 3, 'old');
    const { gateway, desk, ids } = deskOf(log);
    await settle();
    // A standby that takes over stores nothing.
    log.append('market:A', '{}');
    log.append('engine', engine('test'));
    await settle();
    expect(ids()).toEqual(['old']);
    log.append('engine', engine('other'));
    await settle();
    expect(() => desk.orders('alice', { status: 'all' })).toThrow(UNKNOWN);
    // It stores before it says that it is there.
    log.storedAccounts = stored(EPOCH, 5, 'other');
    await until(() => gateway.accounts.isKnown);
    expect(ids()).toEqual(['other']);
    log.append('market:A', '{}');
    log.append('engine', engine('other'));
    await settle();
    expect(ids()).toEqual(['other']);
    await gateway.stop();
  });

  it('are not what was asked for before the engine had stored its own', async () => {
    const log = newLog(3);
    const answers: ((accounts: StoredAccounts | undefined) => void)[] = [];
    log.storedAccounts = stored(EPOCH, 3, 'old');
    const { gateway, ids } = deskOf(log);
    await settle();
    log.accounts = () => new Promise((resolve) => answers.push(resolve));
    log.openEpoch(EPOCH + 1, 'redis_replaced');
    log.append('market:A', '{}');
    await settle();
    log.append('engine', engine('other'));
    await settle();
    expect(answers).toHaveLength(2);
    answers[0]?.(stored(EPOCH + 1, 1, 'of the version before'));
    await settle();
    expect(gateway.accounts.isKnown).toBe(false);
    answers[1]?.(stored(EPOCH + 1, 1, 'new'));
    await until(() => gateway.accounts.isKnown);
    expect(ids()).toEqual(['new']);
    await gateway.stop();
  });

  it('are not known to a gateway whose log does not begin with them, until they are stored', async () => {
    const log = newLog(50);
    log.trim(20);
    // What came between it and the earliest entry is gone.
    log.storedAccounts = stored(EPOCH, 10, 'too old');
    const { gateway, desk, ids } = deskOf(log);
    await settle();
    expect(gateway.isCaughtUp).toBe(true);
    expect(() => desk.orders('alice', { status: 'all' })).toThrow(UNKNOWN);
    log.storedAccounts = stored(EPOCH, 40, 'newer');
    await until(() => gateway.accounts.isKnown);
    expect(ids()).toEqual(['newer']);
    await gateway.stop();
  });

  it('are read again when what was stored cannot be, once each time', async () => {
    const log = newLog(3);
    const { gateway, ids, warnings } = deskOf(log);
    await settle();
    log.openEpoch(EPOCH + 1, 'tip_lost');
    log.append('order_state:A:alice', state('new'));
    log.storedAccounts = { ...stored(EPOCH + 1, 0), state: '{"startingBalances":[],"accounts":{"alice":{"orders":[{' };
    await settle();
    await new Promise((resolve) => setTimeout(resolve, 100));
    expect(warnings).toEqual([expect.stringMatching(/^stored accounts /)]);
    expect(gateway.accounts.isKnown).toBe(false);
    log.storedAccounts = stored(EPOCH + 1, 1, 'new');
    await until(() => gateway.accounts.isKnown);
    expect(ids()).toEqual(['new']);
    await gateway.stop();
  });

  it('keep no more of what happens meanwhile than there is room for: what is stored must be newer then', () => {
    const topics = new TopicTable();
    let unknown = 0;
    const table = new AccountTable({
      tsNs: () => '1',
      onOrder: () => {},
      onUnknown: () => unknown++,
      onUnreadable: (what, error) => {
        throw new Error(what, { cause: error });
      },
    });
    const payload = Buffer.from(state('x'));
    const append = (offset: number) => {
      const topic = 'order_state:A:alice';
      table.apply({ epoch: EPOCH, offset, topic, payload }, topics.intern(topic));
    };
    table.onEpoch({ epoch: EPOCH, offset: 0 }, 'inbox_trimmed');
    for (let i = 1; i <= 100_001; i++) append(i);
    expect(table.renew(stored(EPOCH, 100_000, 'y'))).toBe(false);
    expect(table.isKnown).toBe(false);
    expect(table.renew(stored(EPOCH, 100_001, 'y'))).toBe(true);
    append(100_002);
    const held = table.account('alice')?.orders({ status: 'open' });
    expect(held?.map(({ clientOrderId }) => clientOrderId)).toEqual(['x', 'y']);
    expect(unknown).toBe(1);
  });
});

describe('who waits for an answer', () => {
  const topics = new TopicTable();
  const cursorAt = (offset: number) => ({ epoch: EPOCH, offset });

  function waiting() {
    const acks = new AckWaiters();
    const table = new AccountTable({
      tsNs: () => '1',
      onOrder: (account, type, payload) => acks.onOrder(account, type, payload),
      onUnknown: () => {},
      onUnreadable: () => {},
    });
    const restart = (accounts: StoredAccounts, target = 10, epoch = EPOCH) => {
      const end = { epoch, offset: target };
      table.restart({ accounts, after: accounts.cursor, earliest: undefined, target: end, version: 'test' });
    };
    const apply = (offset: number, type: string, payload: string, epoch = EPOCH) => {
      const entry: LogEntry = { epoch, offset, topic: `${type}:A:alice`, payload: Buffer.from(payload) };
      table.apply(entry, topics.intern(entry.topic));
    };
    const answered = (waiter: { ack: Promise<unknown> }) => Promise.race([waiter.ack, settle(3).then(() => 'none')]);
    return { acks, restart, apply, answered };
  }
  const refusal =
    '{"type":"order_update","ts_ns":1,"client_order_id":"c1","status":"REJECTED","reason":"unknown_order"}';

  it('is not answered with what was said before, although a restarted tail reads it again', async () => {
    const { acks, restart, apply, answered } = waiting();
    restart(stored(EPOCH, 0));
    apply(5, 'order_update', refusal);
    const waiter = acks.wait('alice', 'c1', 'cancel', 5_000);
    restart(stored(EPOCH, 0));
    apply(5, 'order_update', refusal);
    expect(await answered(waiter)).toBe('none');
    apply(6, 'order_update', refusal);
    expect(await answered(waiter)).toMatchObject({ reason: 'unknown_order' });
  });

  it('is answered by an event that is in what was stored, and has not been told yet', async () => {
    const { acks, restart, apply, answered } = waiting();
    restart(stored(EPOCH, 0));
    apply(5, 'order_update', refusal);
    const waiter = acks.wait('alice', 'c1', 'cancel', 5_000);
    restart({ ...stored(EPOCH, 8), cursor: cursorAt(8) });
    apply(5, 'order_update', refusal);
    expect(await answered(waiter)).toBe('none');
    apply(7, 'order_update', refusal);
    expect(await answered(waiter)).toMatchObject({ reason: 'unknown_order' });
  });

  it('is answered also by a log that has begun anew, in an epoch before', async () => {
    const { acks, restart, apply, answered } = waiting();
    restart(stored(EPOCH, 0));
    apply(5, 'order_update', refusal);
    restart(stored(EPOCH - 9, 0), 3, EPOCH - 9);
    const waiter = acks.wait('alice', 'c1', 'cancel', 5_000);
    apply(2, 'order_update', refusal, EPOCH - 9);
    expect(await answered(waiter)).toBe('none');
    apply(4, 'order_update', refusal, EPOCH - 9);
    expect(await answered(waiter)).toMatchObject({ reason: 'unknown_order' });
  });
});
