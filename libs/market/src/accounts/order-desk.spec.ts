import { describe, expect, it } from '@jest/globals';
import { OrderDesk } from './order-desk.ts';
import type { PaperOrder } from './paper-order.ts';
import { MOVED_POSITIONS_MAX } from './positions.ts';
import { atMarket, BTCUSD, noMark, orderInput, paperBalances, placed, SECOND, said, TS_US } from './scripted-orders.ts';

describe('settling', () => {
  it('says of each account only what is no longer as it was', () => {
    const desk = new OrderDesk({ paperBalances });
    const { order } = placed(desk);
    expect(said((to) => desk.settle(TS_US, noMark, to))).toHaveLength(1);
    expect(said((to) => desk.settle(TS_US, noMark, to))).toEqual([]);
    const sell = placed(desk, orderInput({ account: 'bob', side: 'SELL' })).order;
    desk.settle(TS_US, noMark, []);
    const ioc = placed(desk, orderInput({ orderId: 'ioc', qty: '0.2' })).order;
    desk.close(ioc, 'EXPIRED', 'not_filled_at_once', TS_US, []);
    expect(said((to) => desk.settle(TS_US, noMark, to))).toEqual([]);
    desk.fill(sell, BTCUSD, 1_000, 50_050, true, TS_US, []);
    desk.fill(order, BTCUSD, 1_000, 50_050, true, TS_US, []);
    const topics = said((to) => desk.settle(TS_US, () => '500.5', to)).map(([topic]) => topic);
    expect(topics).toEqual(['account::bob', 'position:BTCUSD:bob', 'account::alice', 'position:BTCUSD:alice']);
    for (const { counterparty } of desk.audit().values()) expect(counterparty).toBe(0n);
  });
});

describe('each second', () => {
  const ACCOUNTS = ['alice', 'bob', 'carol'];
  /** As many as an account has bitcoin for. */
  const SYMBOLS = Array.from({ length: 500 }, (_, i) => `S${i}`);
  const clocked = (desk: OrderDesk, second: number, mark: string) =>
    said((to) => desk.onClock(second, () => mark, to)).map(([topic]) => topic);

  function withPositions(): OrderDesk {
    const desk = new OrderDesk({ paperBalances });
    const of = { ...BTCUSD, minNotional: 0n };
    for (const account of ACCOUNTS)
      for (const symbol of SYMBOLS) {
        const input = orderInput({ account, symbol, orderId: symbol, qty: '0.004', price: '2', side: 'SELL' });
        const order = desk.open(input, of, []) as PaperOrder;
        expect(desk.accept(order, of, undefined, TS_US, [])).toBe(true);
        desk.fill(order, of, 4, 200, false, TS_US, []);
      }
    desk.settle(TS_US, () => '2', []);
    return desk;
  }

  it('positions are said whose mark has moved, a thousand at most, the others next time', () => {
    const all = ACCOUNTS.flatMap((account) => SYMBOLS.map((symbol) => `position:${symbol}:${account}`));
    let desk = withPositions();
    expect(clocked(desk, SECOND, '2')).toEqual([]);
    expect(clocked(desk, SECOND + 1, '')).toEqual([]);
    expect(clocked(desk, SECOND + 2, '3')).toEqual(all.slice(0, MOVED_POSITIONS_MAX));
    desk = new OrderDesk({ paperBalances }, JSON.parse(JSON.stringify(desk.memory())));
    expect(clocked(desk, SECOND + 3, '4')).toEqual([...all.slice(MOVED_POSITIONS_MAX), ...all.slice(0, 500)]);
    expect(clocked(desk, SECOND + 4, '4')).toEqual(all.slice(500, 1_000));
    expect(clocked(desk, SECOND + 5, '4')).toEqual([]);
  });
});

describe('what a gateway begins from', () => {
  it('has at most 100 ended orders of an account and 10,000 of all, of which each account has its share', () => {
    const desk = new OrderDesk({ paperBalances });
    const end = (account: string, orderId: string) =>
      desk.reject(desk.open(orderInput({ account, orderId }), BTCUSD, []) as PaperOrder, 'post_only', TS_US, []);
    const endedOf = () => {
      const { accounts } = JSON.parse(desk.accountsState()) as { accounts: Record<string, { orders: object[] }> };
      return Object.values(accounts).map(({ orders }) => orders.length);
    };
    for (let n = 0; n < 300; n++) end('early', `e${n}`);
    expect(endedOf()).toEqual([100]);
    for (let account = 0; account < 200; account++) for (let n = 0; n < 60; n++) end(`a${account}`, `o${n}`);
    expect(endedOf()).toEqual(Array.from({ length: 201 }, () => 49));
  });
});

describe('what must never be', () => {
  it('shows in the audit: a trade of two accounts that only one of them was told of', () => {
    const desk = new OrderDesk({ paperBalances });
    desk.fill(placed(desk).order, BTCUSD, 1_000, 50_050, true, TS_US, []);
    for (const { deposited, free, locked, counterparty } of desk.audit().values())
      expect(free + locked + counterparty).not.toBe(deposited);
  });

  it.each([
    ['more lots than it has', 1_001, 50_050],
    ['at a price beyond its limit', 1_000, 50_051],
  ])('is thrown, not booked: a fill of %s', (_, lots, ticks) => {
    const desk = new OrderDesk({ paperBalances });
    const { order } = placed(desk);
    const before = JSON.stringify(desk.memory());
    expect(() => desk.fill(order, BTCUSD, lots, ticks, false, TS_US, [])).toThrow();
    expect(JSON.stringify(desk.memory())).toBe(before);
  });

  it('a market order whose cost nobody has worked out', () => {
    const desk = new OrderDesk({ paperBalances });
    const order = desk.open(atMarket(), BTCUSD, []) as PaperOrder;
    expect(() => desk.accept(order, BTCUSD, undefined, TS_US, [])).toThrow('the cost of market order 1 is not given');
  });
});
