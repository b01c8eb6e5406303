import type { InputOf, LogEvent } from '@depthcast/protocol';
import { describe, expect, it } from '@jest/globals';
import { OrderDesk } from './order-desk.ts';
import type { PaperOrder } from './paper-order.ts';
import { atMarket, BTCUSD, NS, noMark, orderInput, paperBalances, placed, said, TS_US } from './scripted-orders.ts';

const UPDATE = 'order_update:BTCUSD:alice';
const STATE = 'order_state:BTCUSD:alice';
const update = (id: string, middle: string, reason = '') =>
  `{"type":"order_update","ts_ns":${NS},"client_order_id":"${id}",${middle},"reason":"${reason}"}`;
const state = (id: string, middle: string, reason = '') =>
  `{"type":"order_state","client_order_id":"${id}",${middle},"reason":"${reason}","last_ts_ns":${NS}}`;

describe('what is said is what the VeloZ seed says, field by field', () => {
  it('of a limit order from ACCEPTED to FILLED, its balances and its position', () => {
    const desk = new OrderDesk({ paperBalances });
    const order = '"symbol":"BTCUSD","side":"BUY","qty":1,"price":500.5';
    const events: LogEvent[] = [];
    const bought = desk.open(orderInput(), BTCUSD, events) as PaperOrder;
    expect(events).toEqual([]);
    expect(said((to) => desk.accept(bought, BTCUSD, undefined, TS_US, to))).toEqual([
      [UPDATE, update('web-1', `"venue_order_id":"1","status":"ACCEPTED",${order}`)],
      [
        STATE,
        state(
          'web-1',
          '"status":"ACCEPTED","symbol":"BTCUSD","side":"BUY","order_qty":1,"limit_price":500.5,"venue_order_id":"1","executed_qty":0,"avg_price":0',
        ),
      ],
    ]);
    expect(said((to) => desk.settle(TS_US, noMark, to))).toEqual([
      [
        'account::alice',
        `{"type":"account","ts_ns":${NS},"balances":[{"asset":"USD","free":499.5,"locked":500.5},{"asset":"BTC","free":2,"locked":0}]}`,
      ],
    ]);
    expect(
      said((to) => {
        desk.fill(bought, BTCUSD, 250, 50_001, false, TS_US, to);
        desk.settle(TS_US, () => '500.01', to);
      }),
    ).toEqual([
      [
        'fill:BTCUSD:alice',
        `{"type":"fill","ts_ns":${NS},"client_order_id":"web-1","symbol":"BTCUSD","qty":0.25,"price":500.01}`,
      ],
      [UPDATE, update('web-1', `"venue_order_id":"1","status":"PARTIALLY_FILLED",${order}`)],
      [
        STATE,
        state(
          'web-1',
          '"status":"PARTIALLY_FILLED","symbol":"BTCUSD","side":"BUY","order_qty":1,"limit_price":500.5,"venue_order_id":"1","executed_qty":0.25,"avg_price":500.01',
        ),
      ],
      [
        'account::alice',
        `{"type":"account","ts_ns":${NS},"balances":[{"asset":"USD","free":499.6225,"locked":375.375},{"asset":"BTC","free":2.25,"locked":0}]}`,
      ],
      [
        'position:BTCUSD:alice',
        `{"type":"position","ts_ns":${NS},"symbol":"BTCUSD","qty":0.25,"avg_price":500.01,"realized_pnl":0,"unrealized_pnl":0}`,
      ],
    ]);
    const rest = said((to) => {
      desk.fill(bought, BTCUSD, 750, 50_050, false, TS_US, to);
      desk.settle(TS_US, () => '400', to);
    });
    expect(rest.map(([topic]) => topic.split(':')[0])).toEqual([
      'fill',
      'order_update',
      'order_state',
      'account',
      'position',
    ]);
    expect(rest[2]?.[1]).toBe(
      state(
        'web-1',
        '"status":"FILLED","symbol":"BTCUSD","side":"BUY","order_qty":1,"limit_price":500.5,"venue_order_id":"1","executed_qty":1,"avg_price":500.3775',
      ),
    );
    expect(rest[4]?.[1]).toContain('"qty":1,"avg_price":500.3775,"realized_pnl":0,"unrealized_pnl":-100.3775}');
    expect(desk.find('alice', 'web-1')).toBeUndefined();
    expect(desk.byVenueId('1')).toBeUndefined();
  });

  it('of a market order: no price, and what is left of it is EXPIRED', () => {
    const desk = new OrderDesk({ paperBalances });
    const { order, events } = placed(desk, atMarket({ qty: '2' }), BTCUSD.quoteOf(50_000, 800));
    const fields = '"symbol":"BTCUSD","side":"BUY","qty":2';
    expect(order.tif).toBe('IOC');
    expect(events[0]?.payload).toBe(update('web-2', `"venue_order_id":"1","status":"ACCEPTED",${fields}`));
    desk.fill(order, BTCUSD, 600, 50_000, false, TS_US, []);
    expect(
      said((to) => {
        desk.close(order, 'EXPIRED', 'not_filled_at_once', TS_US, to);
        desk.settle(TS_US, noMark, to);
      }).slice(0, 3),
    ).toEqual([
      [UPDATE, update('web-2', `"venue_order_id":"1","status":"EXPIRED",${fields}`, 'not_filled_at_once')],
      [
        STATE,
        state(
          'web-2',
          '"status":"EXPIRED","symbol":"BTCUSD","side":"BUY","order_qty":2,"venue_order_id":"1","executed_qty":0.6,"avg_price":500',
          'not_filled_at_once',
        ),
      ],
      [
        'account::alice',
        `{"type":"account","ts_ns":${NS},"balances":[{"asset":"USD","free":700,"locked":0},{"asset":"BTC","free":2.6,"locked":0}]}`,
      ],
    ]);
  });

  it('of an order refused unread: only what is known of it', () => {
    const desk = new OrderDesk({ paperBalances });
    const input = orderInput({ symbol: 'NOSUCH' });
    expect(said((to) => expect(desk.open(input, 'symbol_unknown', to)).toBeUndefined())).toEqual([
      [
        'order_update:NOSUCH:alice',
        `{"type":"order_update","ts_ns":${NS},"client_order_id":"web-1","status":"REJECTED","symbol":"NOSUCH","side":"BUY","reason":"symbol_unknown"}`,
      ],
      [
        'order_state:NOSUCH:alice',
        `{"type":"order_state","client_order_id":"web-1","status":"REJECTED","symbol":"NOSUCH","side":"BUY","executed_qty":0,"avg_price":0,"reason":"symbol_unknown","last_ts_ns":${NS}}`,
      ],
    ]);
  });

  it('of a cancel that finds nothing: REJECTED, with the symbol if it named one', () => {
    const desk = new OrderDesk({ paperBalances });
    const cancel: InputOf<'cancel'> = {
      ...{ type: 'cancel', src: 'gateway', seq: 1, tsRecvUs: TS_US, tsEventUs: TS_US },
      ...{ account: 'alice', orderId: 'none' },
    };
    expect(
      said((to) => {
        desk.refuseCancel(cancel, to);
        desk.refuseCancel({ ...cancel, symbol: 'BTCUSD' }, to);
      }),
    ).toEqual([
      [
        'order_update::alice',
        `{"type":"order_update","ts_ns":${NS},"client_order_id":"none","status":"REJECTED","reason":"unknown_order"}`,
      ],
      [
        UPDATE,
        `{"type":"order_update","ts_ns":${NS},"client_order_id":"none","status":"REJECTED","symbol":"BTCUSD","reason":"unknown_order"}`,
      ],
    ]);
  });
});

it('the state for gateways has the very payloads of the events', () => {
  const desk = new OrderDesk({ paperBalances });
  const { events } = placed(desk);
  const bob = placed(desk, orderInput({ account: 'bob', side: 'SELL' }));
  desk.fill(bob.order, BTCUSD, 1_000, 50_050, false, TS_US, bob.events);
  for (let i = 0; i < 101; i++) desk.open(orderInput({ orderId: `bad-${i}`, qty: '0' }), BTCUSD, events);
  const settled = said((to) => desk.settle(TS_US, () => '500.5', to));
  const balances = settled.map(([, payload]) => /"balances":(.*)\}$/.exec(payload)?.[1]);
  const states = events.filter(({ topic }) => topic === STATE).map(({ payload }) => payload);
  const bad = states.slice(2).reverse();
  expect(bad).toHaveLength(100);
  expect(desk.accountsState()).toBe(
    `{"startingBalances":[{"asset":"USD","free":1000,"locked":0},{"asset":"BTC","free":2,"locked":0}],"accounts":{"alice":{"balances":${balances[0]},"positions":[],"orders":[${[states[0], ...bad].join(',')}]},"bob":{"balances":${balances[1]},"positions":[${settled[2]?.[1]}],"orders":[${bob.events.at(-1)?.payload}]}}}`,
  );
  JSON.parse(desk.accountsState());
});
