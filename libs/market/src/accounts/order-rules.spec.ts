import type { InputOf, OrderReason } from '@depthcast/protocol';
import { describe, expect, it } from '@jest/globals';
import { OrderDesk } from './order-desk.ts';
import type { Tradable } from './order-rules.ts';
import type { PaperOrder } from './paper-order.ts';
import { atMarket, BTCUSD, NS, noMark, orderInput, paperBalances, placed, said, TS_US } from './scripted-orders.ts';

const UPDATE = 'order_update:BTCUSD:alice';
const STATE = 'order_state:BTCUSD:alice';

describe('an order is REJECTED, remembered and without effect when', () => {
  const cases: [OrderReason, Partial<InputOf<'order'>> & { tradable?: Tradable; market?: true }][] = [
    ['symbol_unknown', { tradable: 'symbol_unknown' }],
    ['symbol_not_tradable', { tradable: 'symbol_not_tradable' }],
    ['qty_invalid', { qty: '0' }],
    ['qty_invalid', { qty: '0.005' }],
    ['qty_invalid', { qty: '0.0001' }],
    ['qty_invalid', { qty: '0.002' }],
    ['qty_invalid', { qty: '5.002' }],
    ['qty_invalid', { qty: '-1' }],
    ['qty_invalid', { qty: 'NaN' }],
    ['qty_invalid', { qty: '1e309' }],
    ['qty_invalid', { qty: '' }],
    ['qty_invalid', { qty: '9'.repeat(400) }],
    ['qty_invalid', { market: true, qty: '0' }],
    ['price_invalid', { price: '0' }],
    ['price_invalid', { price: '500.505' }],
    ['price_invalid', { price: '-500' }],
    ['price_invalid', { price: '1e309' }],
    ['price_invalid', { price: 'Infinity' }],
    ['notional_too_small', { qty: '0.01', price: '999.99' }],
    ['notional_too_large', { qty: '100', price: '10000000000000.01' }],
    ['order_invalid', { postOnly: true, tif: 'IOC' }],
    ['order_invalid', { postOnly: true, tif: 'FOK' }],
    ['order_invalid', { postOnly: true, market: true }],
    ['insufficient_balance', { qty: '2', price: '500.01' }],
    ['insufficient_balance', { side: 'SELL', qty: '2.002' }],
    ['insufficient_balance', { market: true, qty: '2' }],
  ];

  const play = (desk: OrderDesk, { tradable, market, ...fields }: (typeof cases)[number][1], reason: OrderReason) => {
    const of = tradable ?? (reason === 'notional_too_large' ? { ...BTCUSD, maxLots: 100_000 } : BTCUSD);
    const input = market ? atMarket(fields) : orderInput(fields);
    return said((to) => {
      const order = desk.open(input, of, to);
      if (order) expect(desk.accept(order, BTCUSD, BTCUSD.quoteOf(50_001, 2_000), TS_US, to)).toBe(false);
    });
  };

  it.each(cases)('%s: %p', (reason, broken) => {
    const desk = new OrderDesk({ paperBalances });
    desk.close(placed(desk, orderInput({ orderId: 'opens-it' })).order, 'CANCELLED', '', TS_US, []);
    desk.settle(TS_US, noMark, []);
    const events = play(desk, broken, reason);
    expect(events.map(([topic]) => topic)).toEqual([UPDATE, STATE]);
    for (const [, payload] of events) {
      expect(payload).toContain('"status":"REJECTED"');
      expect(payload).toContain(`"reason":"${reason}"`);
    }
    expect(play(desk, broken, reason)).toEqual([events[1]]);
    expect([...desk.openOrders()]).toEqual([]);
    expect(said((to) => desk.settle(TS_US, noMark, to))).toEqual([]);
  });

  it.each(cases.filter(([reason]) => reason !== 'insufficient_balance'))(
    '%s: %p; of an account that does not exist, which it does not open: there it is remembered nowhere',
    (reason, broken) => {
      const desk = new OrderDesk({ paperBalances });
      const before = JSON.stringify(desk.memory());
      const events = play(desk, broken, reason);
      expect(events.map(([topic]) => topic)).toEqual([UPDATE, STATE]);
      expect(play(desk, broken, reason)).toEqual(events);
      expect(said((to) => desk.settle(TS_US, noMark, to))).toEqual([]);
      expect(JSON.stringify(desk.memory())).toBe(before);
      // The same id, mended, is a new order.
      placed(desk, orderInput({ orderId: broken.market ? 'web-2' : 'web-1' }));
    },
  );

  it('matching says so, and then it has its number', () => {
    const desk = new OrderDesk({ paperBalances });
    const order = desk.open(orderInput({ postOnly: true }), BTCUSD, []) as PaperOrder;
    const events = said((to) => desk.reject(order, 'post_only', TS_US, to));
    expect(events[0]?.[1]).toBe(
      `{"type":"order_update","ts_ns":${NS},"client_order_id":"web-1","venue_order_id":"1","status":"REJECTED","symbol":"BTCUSD","side":"BUY","qty":1,"price":500.5,"reason":"post_only"}`,
    );
  });

  it('but not at the very bounds: the least notional, all that the account has', () => {
    const desk = new OrderDesk({ paperBalances });
    placed(desk, orderInput({ qty: '0.02', price: '500.00' }));
    placed(desk, orderInput({ orderId: 'sell', side: 'SELL', qty: '2' }));
  });
});

describe('time in force', () => {
  it.each([
    [orderInput(), 'GTC'],
    [orderInput({ tif: 'IOC' }), 'IOC'],
    [atMarket(), 'IOC'],
    [atMarket({ tif: 'GTC' }), 'IOC'],
    [atMarket({ tif: 'FOK' }), 'FOK'],
  ])('%#', (input, tif) => {
    const { tif: given, ...without } = input;
    const desk = new OrderDesk({ paperBalances });
    expect(desk.open(input, BTCUSD, [])?.tif).toBe(tif);
    if (given === 'GTC') expect(desk.open({ ...without, orderId: 'without' }, BTCUSD, [])?.tif).toBe(tif);
  });
});
