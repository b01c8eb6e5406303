import type { StoredAccounts } from '@depthcast/log';
import { describe, expect, it } from '@jest/globals';
import { connect, EPOCH, eventsOf, gatewayOf, idOf, newLog } from '../testing/memory-gateway.ts';
import { settle } from '../testing/memory-sink.ts';
import { AccountDesk } from './account-desk.ts';

const BALANCES = '[{"asset":"USD","free":10.50,"locked":0}]';
const stored = (offset: number, accounts = '{}'): StoredAccounts => ({
  cursor: { epoch: EPOCH, offset },
  state: `{"startingBalances":${BALANCES},"accounts":${accounts}}`,
});
const state = (id: string, status = 'ACCEPTED', ts = '1704067200000000001') =>
  `{"type":"order_state","client_order_id":"${id}","status":"${status}","symbol":"A","executed_qty":0,"avg_price":0,"last_ts_ns":${ts}}`;

function deskOf(log: ReturnType<typeof newLog>) {
  const gateway = gatewayOf(log);
  let reads = 0;
  const desk = new AccountDesk({
    accounts: gateway.accounts,
    state: gateway.state,
    stored: () => {
      reads++;
      return log.accounts();
    },
    isCaughtUp: () => gateway.isCaughtUp,
  });
  return { gateway, desk, reads: () => reads };
}

describe('what is told of an account', () => {
  it('is nothing before it is known', async () => {
    const { gateway, desk } = deskOf(newLog(1));
    expect(() => desk.orders('alice', { status: 'all' })).toThrow(/starting/);
    await expect(desk.balances('alice')).rejects.toMatchObject({ code: 'OVERLOADED', status: 503 });
    await settle();
    expect(desk.orders('alice', { status: 'all' })).toEqual([]);
    expect(() => desk.order('alice', 'x')).toThrow(expect.objectContaining({ code: 'ORDER_UNKNOWN' }));
    await gateway.stop();
  });

  it('is what was stored, and the events after it, each once', async () => {
    const log = newLog(3);
    const account = `{"balances":${BALANCES},"positions":[],"orders":[${state('x')},${state('z', 'FILLED')},${state('y', 'FILLED')}]}`;
    log.storedAccounts = stored(5, `{"alice":${account}}`);
    log.storedBooks = [{ symbol: 'B', cursor: { epoch: EPOCH, offset: 3 }, state: '{}' }];
    // Between the book's cursor and the accounts': in what was stored already.
    log.append('order_state:A:alice', state('x', 'CANCELLED'));
    log.append('account::alice', '{"type":"account","ts_ns":1,"balances":[{"asset":"USD","free":1,"locked":1}]}');
    log.append('order_state:A:alice', state('new'));
    const { gateway, desk } = deskOf(log);
    await settle();
    expect(desk.orders('alice', { status: 'all' })).toEqual([
      state('new'),
      state('x'),
      state('z', 'FILLED'),
      state('y', 'FILLED'),
    ]);
    expect(await desk.balances('alice')).toContain(`"balances":${BALANCES}}`);
    await gateway.stop();
  });

  it('is, of a name never used, what every account begins with; asked of what is stored only when that is unknown', async () => {
    const log = newLog(1);
    const { gateway, desk, reads } = deskOf(log);
    await settle();
    await expect(desk.balances('bob')).rejects.toMatchObject({ code: 'OVERLOADED' });
    log.storedAccounts = stored(1);
    const [one, other] = await Promise.all([desk.balances('bob'), desk.balances('bob')]);
    expect(one).toMatch(
      /^\{"type":"account","ts_ns":\d{19},"balances":\[\{"asset":"USD","free":10.50,"locked":0\}\]\}$/,
    );
    expect(JSON.parse(other).balances).toEqual([{ asset: 'USD', free: 10.5, locked: 0 }]);
    expect(reads()).toBe(2);
    await desk.balances('bob');
    expect(reads()).toBe(2);
    // Another engine may give something else.
    log.storedAccounts = { ...stored(1), state: '{"startingBalances":[],"accounts":{}}' };
    log.append('engine', '{"type":"engine","ts_ns":1,"version":"2","reason":"start"}');
    await settle();
    expect(await desk.balances('bob')).toContain('"balances":[]}');
    expect(reads()).toBe(2);
    await gateway.stop();
  });

  it('is shown after a reset to whoever wants it, by types and symbols', async () => {
    const log = newLog(3);
    const position =
      '{"type":"position","ts_ns":1,"symbol":"A","qty":1,"avg_price":1,"realized_pnl":0,"unrealized_pnl":0}';
    const account = `{"balances":${BALANCES},"positions":[${position}],"orders":[${state('x')},${state('y', 'FILLED')}]}`;
    log.storedAccounts = stored(1, `{"alice":${account}}`);
    const { gateway } = deskOf(log);
    await settle();
    const shown = async (wanted: Parameters<typeof connect>[1]) => {
      const client = connect(gateway, { ...wanted, lastId: '1-1' });
      await settle();
      return eventsOf(client).map(({ event, data }) =>
        event === 'order_state' ? JSON.parse(data as string).client_order_id : event,
      );
    };
    const types = ['order_state', 'account', 'position'];
    expect(await shown({ types, account: 'alice' })).toEqual(['reset', 'account', 'position', 'y', 'x']);
    expect(await shown({ types: ['order_state'], account: 'alice' })).toEqual(['reset', 'y', 'x']);
    expect(await shown({ types, symbols: ['B'], account: 'alice' })).toEqual(['reset', 'account']);
    expect(await shown({ types: ['market'], account: 'alice' })).toEqual(['reset', 'market']);
    expect(await shown({ types, account: 'bob' })).toEqual(['reset']);
    expect(await shown({ types })).toEqual(['reset']);
    await gateway.stop();
  });

  it('comes as events to its account alone, live, from the window and from Redis', async () => {
    const log = newLog(1);
    const { gateway } = deskOf(log);
    await settle();
    const live = {
      alice: connect(gateway, { account: 'alice' }),
      bob: connect(gateway, { account: 'bob' }),
      nobody: connect(gateway),
    };
    await settle();
    for (let i = 0; i < 300; i++)
      log.append(i % 3 === 0 ? 'market:A' : `fill:A:${i % 3 === 1 ? 'alice' : 'bob'}`, `{"n":${i}}`);
    await settle();
    const late = {
      alice: connect(gateway, { account: 'alice', lastId: idOf(1) }),
      bob: connect(gateway, { account: 'bob', lastId: idOf(280) }),
    };
    await settle();
    const numbers = (client: (typeof live)['alice'], event: string) =>
      eventsOf(client)
        .filter((frame) => frame.event === event)
        .map(({ data }) => JSON.parse(data as string).n % 3);
    expect(new Set(numbers(live.alice, 'fill'))).toEqual(new Set([1]));
    expect(numbers(live.alice, 'fill')).toHaveLength(100);
    expect(new Set(numbers(live.bob, 'fill'))).toEqual(new Set([2]));
    expect(numbers(live.nobody, 'fill')).toHaveLength(0);
    expect(numbers(live.nobody, 'market')).toHaveLength(100);
    expect(late.alice.sink.received.toString().split('event: fill').length).toBe(101);
    expect(new Set(numbers(late.alice, 'fill'))).toEqual(new Set([1]));
    expect(new Set(numbers(late.bob, 'fill'))).toEqual(new Set([2]));
    await gateway.stop();
  });
});
