import type { InputOf } from '@depthcast/protocol';
import { describe, expect, it } from '@jest/globals';
import { OrderDesk } from './order-desk.ts';
import { ORDER_LIMITS, REMEMBERED_SECONDS } from './order-memory.ts';
import { BTCUSD, noMark, orderInput, paperBalances, placed, SECOND, said, TS_US } from './scripted-orders.ts';

const STATE = 'order_state:BTCUSD:alice';

describe('an order sent twice is placed once', () => {
  it('and answered with how it stands, whatever the second one says', () => {
    const desk = new OrderDesk({ paperBalances });
    const { order, events } = placed(desk);
    const second = orderInput({ side: 'SELL', qty: 'x', symbol: 'ETHUSD' });
    const again = () => {
      const before = JSON.stringify(desk.memory());
      const events = said((to) => expect(desk.open(second, 'symbol_unknown', to)).toBeUndefined());
      expect(JSON.stringify(desk.memory())).toBe(before);
      return events;
    };
    expect(again()).toEqual([[STATE, events[1]?.payload]]);
    desk.fill(order, BTCUSD, 4, 50_000, false, TS_US, []);
    expect(again()[0]?.[1]).toContain('"status":"PARTIALLY_FILLED"');
    desk.close(order, 'CANCELLED', '', TS_US, []);
    expect(again()).toHaveLength(1);
    expect(again()[0]?.[1]).toContain('"status":"CANCELLED"');
    expect(placed(desk, orderInput({ account: 'bob' })).order.venueOrderId).toBe('2');
  });

  it('for 24 h of event time after its end, and as long as it is open', () => {
    const desk = new OrderDesk({ paperBalances });
    desk.onClock(SECOND, noMark, []);
    const { order } = placed(desk);
    desk.close(placed(desk, orderInput({ orderId: 'ended', price: '100' })).order, 'CANCELLED', '', TS_US, []);
    const remembered = (orderId: string) =>
      said((to) => desk.open(orderInput({ orderId }), 'symbol_unknown', to)).length === 1;
    desk.onClock(SECOND + REMEMBERED_SECONDS - 1, noMark, []);
    expect([remembered('web-1'), remembered('ended')]).toEqual([true, true]);
    desk.onClock(SECOND + REMEMBERED_SECONDS, noMark, []);
    expect([remembered('web-1'), remembered('ended')]).toEqual([true, false]);
    expect(desk.find('alice', 'web-1')).toBe(order);
  });
});

describe('limits', () => {
  const limits = { ...ORDER_LIMITS, accountsMax: 1, openOrdersMax: 1, positionsMax: 1 };
  const reasonOf = (desk: OrderDesk, input: InputOf<'order'>) =>
    /"reason":"(\w*)"/.exec(said((to) => desk.open(input, BTCUSD, to))[0]?.[1] ?? '')?.[1];

  it('of accounts: what is refused is not remembered, and leaves no trace', () => {
    const desk = new OrderDesk({ paperBalances }, undefined, limits);
    placed(desk);
    const before = JSON.stringify(desk.memory());
    const bob = orderInput({ account: 'bob' });
    expect([reasonOf(desk, bob), reasonOf(desk, bob)]).toEqual(['account_limit', 'account_limit']);
    expect(JSON.stringify(desk.memory())).toBe(before);
  });

  it('of open orders', () => {
    const desk = new OrderDesk({ paperBalances }, undefined, limits);
    const { order } = placed(desk);
    expect(reasonOf(desk, orderInput({ orderId: 'web-2' }))).toBe('open_orders_limit');
    desk.close(order, 'CANCELLED', '', TS_US, []);
    placed(desk, orderInput({ orderId: 'web-3' }));
  });

  it('of open orders in all', () => {
    const desk = new OrderDesk({ paperBalances }, undefined, { ...ORDER_LIMITS, allOpenOrdersMax: 1 });
    placed(desk);
    expect(reasonOf(desk, orderInput({ account: 'bob' }))).toBe('open_orders_limit');
  });

  it('of positions', () => {
    const desk = new OrderDesk({ paperBalances }, undefined, limits);
    desk.close(placed(desk).order, 'CANCELLED', '', TS_US, []);
    expect(reasonOf(desk, orderInput({ orderId: 'web-2', symbol: 'BTCEUR' }))).toBe('positions_limit');
  });
});
