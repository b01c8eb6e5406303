import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { AccountReplica, ENDED_ORDERS_MAX } from './account-replica.ts';
import { EndedOrders } from './ended-orders.ts';

const state = (id: string, status: string, n: number) =>
  `{"type":"order_state","client_order_id":"${id}","status":"${status}","executed_qty":0,"avg_price":0,"last_ts_ns":${n * 1e6}}`;

describe('ended orders', () => {
  it('are the newest of each account and of all, as in a naive list', () => {
    const step = fc.record({
      account: fc.nat(4),
      id: fc.nat(250).map((n) => `c${n}`),
      status: fc.constantFrom('ACCEPTED', 'FILLED', 'FILLED', 'CANCELLED'),
    });
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 150 }), fc.array(step, { minLength: 50, maxLength: 700 }), (max, steps) => {
        const all = new EndedOrders(max);
        const accounts = Array.from({ length: 5 }, () => new AccountReplica(all));
        let naive: { account: number; id: string; payload: string }[] = [];
        steps.forEach(({ account, id, status }, n) => {
          const payload = state(id, status, n);
          accounts[account]?.applyOrder(payload);
          naive = naive.filter((one) => one.account !== account || one.id !== id);
          if (status === 'ACCEPTED') return;
          naive.push({ account, id, payload });
          const own = naive.filter((one) => one.account === account);
          if (own.length > ENDED_ORDERS_MAX) naive = naive.filter((one) => one !== own[0]);
          naive = naive.slice(-max);
        });
        expect(all.count).toBe(naive.length);
        accounts.forEach((replica, account) => {
          const held = replica.orders({ status: 'all' }).filter(({ status }) => status !== 'ACCEPTED');
          const expected = naive.filter((one) => one.account === account).reverse();
          expect(held.map(({ payload }) => payload)).toEqual(expected.map(({ payload }) => payload));
        });
      }),
      { numRuns: 150 },
    );
  });

  it('keep their places when an old one is sent a second time, held or not, and when clocks differ', () => {
    const replica = new AccountReplica(new EndedOrders(1_000));
    const listed = () => replica.orders({ status: 'all' }).map(({ clientOrderId }) => clientOrderId);
    for (let n = 1; n <= 50; n++) replica.applyOrder(state(`c${n}`, 'FILLED', n * 10));
    replica.applyOrder(state('older', 'CANCELLED', 5));
    replica.applyOrder(state('between', 'FILLED', 455));
    replica.applyOrder(state('c20', 'FILLED', 200));
    expect(listed().slice(0, 7)).toEqual(['c50', 'c49', 'c48', 'c47', 'c46', 'between', 'c45']);
    expect(listed().slice(-2)).toEqual(['c1', 'older']);
    expect(listed()).toHaveLength(52);
    for (let n = 51; n <= ENDED_ORDERS_MAX; n++) replica.applyOrder(state(`c${n}`, 'FILLED', n * 10));
    const full = listed();
    expect([full.length, full.at(-1)]).toEqual([ENDED_ORDERS_MAX, 'c2']);
    replica.applyOrder(state('older', 'CANCELLED', 5));
    expect(listed()).toEqual(full);
    // What was open here ends now, whatever the clock of who ended it.
    replica.applyOrder(state('slow', 'ACCEPTED', 1));
    replica.applyOrder(state('slow', 'CANCELLED', 2));
    expect(listed()).toEqual(['slow', ...full.slice(0, -1)]);
  });
});
