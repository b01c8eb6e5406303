import { Market } from '@depthcast/market';
import type { Input, UnstampedInput } from '@depthcast/protocol';
import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { orderUpdateOf } from './order-update.ts';

const TIMES = { tsRecvUs: 1_704_067_200_000_001, tsEventUs: 1_704_067_200_000_001 };
const step = fc.record({
  kind: fc.constantFrom('order' as const, 'order' as const, 'cancel' as const),
  account: fc.constantFrom('alice', 'bob'),
  id: fc.nat(12).map((n) => `c${n}`),
  side: fc.constantFrom('BUY' as const, 'SELL' as const),
  qty: fc.constantFrom('0.1', '2.5', '100000', '7'),
  price: fc.constantFrom('99.5', '100', '100.0', undefined),
});

function market() {
  const it = new Market({ paperBalances: 'USD:1000,BTC:100' });
  let seq = 0;
  const apply = (input: UnstampedInput) => it.apply({ ...input, src: 'test', seq: ++seq } as Input);
  const trading = { baseAsset: 'BTC', quoteAsset: 'USD', lot: '0.1', minQty: '0.1', maxQty: '50', minNotional: '1' };
  const symbol = { type: 'symbol', symbol: 'BTCUSD', venue: 'test', tick: '0.1', step: '0.1' } as const;
  apply({ ...symbol, depthRule: 'matched', quotes: false, trading, ...TIMES });
  apply({ type: 'feed', symbol: 'BTCUSD', status: 'up', reason: '', ...TIMES });
  return apply;
}

describe('an order_update made of an order_state', () => {
  it('is the very one that the engine wrote with it, however the order stands and whoever asks again', () => {
    const seen = new Set<string>();
    fc.assert(
      fc.property(fc.array(step, { minLength: 10, maxLength: 60 }), (steps) => {
        const apply = market();
        const updates = new Map<string, string>();
        steps.forEach(({ kind, account, id, side, qty, price }, n) => {
          const times = { tsRecvUs: TIMES.tsRecvUs + n, tsEventUs: TIMES.tsEventUs + n };
          const events = apply(
            kind === 'cancel'
              ? { type: 'cancel', account, orderId: id, ...times }
              : {
                  type: 'order',
                  symbol: 'BTCUSD',
                  account,
                  orderId: id,
                  side,
                  qty,
                  ...(price === undefined ? {} : { price }),
                  ...times,
                },
          );
          for (const { topic, payload } of events) {
            const [type, , of] = topic.split(':');
            const { client_order_id: name, status, reason } = JSON.parse(payload) as Record<string, string>;
            const key = `${of} ${name}`;
            if (type === 'order_update' && reason !== 'unknown_order') updates.set(key, payload);
            if (type !== 'order_state') continue;
            seen.add(status as string);
            expect(orderUpdateOf(payload)).toBe(updates.get(key));
          }
        });
      }),
      { numRuns: 200 },
    );
    expect([...seen].sort()).toEqual(
      ['ACCEPTED', 'CANCELLED', 'EXPIRED', 'FILLED', 'PARTIALLY_FILLED', 'REJECTED'].sort(),
    );
  });

  it('leaves out what the order has not got, and keeps every digit', () => {
    const state =
      '{"type":"order_state","client_order_id":"a","status":"REJECTED","order_qty":0.10000000000000000001,"executed_qty":0,"avg_price":0,"last_ts_ns":1704067200000000001}';
    expect(orderUpdateOf(state)).toBe(
      '{"type":"order_update","ts_ns":1704067200000000001,"client_order_id":"a","status":"REJECTED","qty":0.10000000000000000001}',
    );
  });
});
