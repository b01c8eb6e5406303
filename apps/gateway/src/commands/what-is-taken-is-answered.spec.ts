import { Market } from '@depthcast/market';
import type { Input, UnstampedInput } from '@depthcast/protocol';
import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { parseOrder } from './order-request.ts';
import { checkRules } from './trading-rules.ts';

const TIMES = { tsRecvUs: 1_704_067_200_000_000, tsEventUs: 1_704_067_200_000_000 };
const RULES = {
  venue: 'test',
  book: 'orders',
  tick: '0.01',
  step: '0.001',
  trading: {
    base_asset: 'BTC',
    quote_asset: 'USD',
    lot: '0.001',
    min_qty: '0.001',
    max_qty: '9000',
    min_notional: '1',
  },
} as const;

function market(): (input: UnstampedInput) => string[] {
  const it = new Market();
  let seq = 0;
  const apply = (input: UnstampedInput) =>
    it.apply({ ...input, src: 'test', seq: ++seq } as Input).map((e) => e.payload);
  const { venue, tick, step, trading: t } = RULES;
  const trading = {
    baseAsset: t.base_asset,
    quoteAsset: t.quote_asset,
    lot: t.lot,
    minQty: t.min_qty,
    maxQty: t.max_qty,
    minNotional: t.min_notional,
  };
  apply({
    type: 'symbol',
    symbol: 'BTCUSD',
    venue,
    tick,
    step,
    trading,
    depthRule: 'matched',
    quotes: false,
    ...TIMES,
  });
  apply({ type: 'feed', symbol: 'BTCUSD', status: 'up', reason: '', ...TIMES });
  return apply;
}

/** Plain decimals of any length, most of them on the step. */
const decimal = fc
  .tuple(fc.nat(9_999), fc.nat(99), fc.nat(40), fc.nat(5), fc.constantFrom('', '', '', '0001'))
  .map(([whole, cents, zeros, leading, off]) => {
    return `${'0'.repeat(leading)}${whole}.${String(cents).padStart(2, '0')}${'0'.repeat(zeros)}${off}`;
  });
const order = fc.record({
  side: fc.constantFrom('BUY', 'SELL'),
  qty: decimal,
  price: fc.option(decimal, { nil: undefined }),
  time_in_force: fc.constantFrom('GTC', 'IOC', 'FOK', undefined),
  post_only: fc.constantFrom(true, false, undefined),
  client_order_id: fc.option(fc.stringMatching(/^[A-Za-z0-9._-]{1,36}$/), { nil: undefined }),
});

describe('an order that a gateway takes', () => {
  it('is answered by the engine, whatever its decimals look like', () => {
    let taken = 0;
    let refused = 0;
    fc.assert(
      fc.property(fc.array(order, { minLength: 1, maxLength: 20 }), (bodies) => {
        const apply = market();
        for (const body of bodies) {
          let parsed: ReturnType<typeof parseOrder>;
          try {
            parsed = parseOrder(JSON.stringify({ symbol: 'BTCUSD', ...body }), () => `made-${taken}`);
            checkRules(parsed, RULES);
          } catch {
            refused++;
            continue;
          }
          taken++;
          const { symbol, side, qty, price, tif, postOnly, clientOrderId: orderId } = parsed;
          const input = { type: 'order', symbol, side, qty, orderId, account: 'alice', ...TIMES } as const;
          const events = apply({
            ...input,
            ...(price === undefined ? {} : { price }),
            ...(tif === undefined ? {} : { tif }),
            ...(postOnly ? { postOnly } : {}),
          });
          const answers = events
            .map((event) => JSON.parse(event) as Record<string, unknown>)
            .filter(({ type, client_order_id: id }) => /^order_(update|state)$/.test(type as string) && id === orderId);
          expect({ qty, price, answers: answers.length }).not.toEqual({ qty, price, answers: 0 });
        }
      }),
      { numRuns: 300 },
    );
    expect(Math.min(taken, refused)).toBeGreaterThan(200);
  });
});
