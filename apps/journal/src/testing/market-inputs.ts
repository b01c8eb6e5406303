import type { UnstampedInput } from '@depthcast/protocol';
import fc from 'fast-check';

export const START_S = 1_704_067_200;
/** Price levels, from a venue's diffs. */
export const LEVELS = 'BTCUSD';
/** Orders, matched here. */
export const ORDERS = 'SIMUSD';

const TRADING = { baseAsset: 'BTC', quoteAsset: 'USD', lot: '0.1', minQty: '0.1', maxQty: '100', minNotional: '1' };

const price = fc.integer({ min: 95, max: 105 }).map((tenths) => (tenths / 10).toFixed(1));
const size = fc.integer({ min: 0, max: 40 }).map((tenths) => (tenths / 10).toFixed(1));
const qty = fc.integer({ min: 1, max: 40 }).map((tenths) => (tenths / 10).toFixed(1));
const levels = fc.array(fc.tuple(price, size), { maxLength: 4 });
const side = fc.constantFrom('BUY' as const, 'SELL' as const);
const id = fc.nat(25);

export type Step =
  | { do: 'diff'; bids: [string, string][]; asks: [string, string][] }
  | { do: 'order'; id: number; account: string | undefined; side: 'BUY' | 'SELL'; qty: string; price: string }
  | { do: 'cancel'; id: number }
  | { do: 'trade'; qty: string; price: string; side: 'BUY' | 'SELL' }
  | { do: 'wait'; seconds: number };

/** What happens to two symbols, one of each kind of book, with minutes between, so that whole books are said too. */
export const steps: fc.Arbitrary<Step[]> = fc.array(
  fc.oneof(
    { weight: 5, arbitrary: fc.record({ do: fc.constant('diff' as const), bids: levels, asks: levels }) },
    {
      weight: 8,
      arbitrary: fc.record({
        ...{ do: fc.constant('order' as const), id, side, qty, price },
        account: fc.constantFrom(undefined, undefined, 'alice', 'bob'),
      }),
    },
    { weight: 2, arbitrary: fc.record({ do: fc.constant('cancel' as const), id }) },
    { weight: 2, arbitrary: fc.record({ do: fc.constant('trade' as const), qty, price, side }) },
    { weight: 3, arbitrary: fc.record({ do: fc.constant('wait' as const), seconds: fc.constantFrom(1, 1, 7, 40) }) },
  ),
  { minLength: 20, maxLength: 120 },
);

/** The inputs of these steps, in their order, with what makes the symbols before them. */
export function* inputsOf(list: readonly Step[]): Generator<UnstampedInput> {
  let second = START_S;
  const stamp = (n: number) => ({ tsEventUs: second * 1_000_000 + n, tsRecvUs: second * 1_000_000 + n });
  yield* beginning(stamp(0));
  let last = 10;
  for (const [n, step] of list.entries()) {
    const venue = { symbol: LEVELS, ...stamp(n) };
    const sim = { symbol: ORDERS, ...stamp(n) };
    switch (step.do) {
      case 'wait':
        second += step.seconds;
        yield { type: 'clock', second, tsRecvUs: second * 1_000_000 } as UnstampedInput;
        break;
      case 'diff':
        last++;
        yield { ...venue, type: 'depth', first: last, last, bids: step.bids, asks: step.asks } as UnstampedInput;
        break;
      case 'trade':
        yield {
          ...venue,
          type: 'trade',
          tradeId: n + 1,
          price: step.price,
          qty: step.qty,
          side: step.side,
        } as UnstampedInput;
        break;
      case 'order': {
        const { account, ...order } = step;
        const whose = account ? { account } : {};
        const orderId = `${account ? 'p' : 'f'}${step.id}`;
        yield { ...sim, ...whose, ...pick(order), type: 'order', orderId, tif: 'GTC' } as UnstampedInput;
        break;
      }
      case 'cancel':
        yield { ...sim, type: 'cancel', orderId: `f${step.id}` } as UnstampedInput;
    }
  }
}

function pick({ side, qty, price }: Extract<Step, { do: 'order' }> | Omit<Extract<Step, { do: 'order' }>, 'account'>) {
  return { side, qty, price };
}

function* beginning(stamp: { tsEventUs: number; tsRecvUs: number }): Generator<UnstampedInput> {
  const symbol = { type: 'symbol', tick: '0.1', step: '0.1', quotes: false, tsRecvUs: stamp.tsRecvUs };
  yield { ...symbol, symbol: LEVELS, venue: 'test', depthRule: 'spot' } as UnstampedInput;
  yield { ...symbol, symbol: ORDERS, venue: 'sim', depthRule: 'matched', trading: TRADING } as UnstampedInput;
  for (const name of [LEVELS, ORDERS]) {
    yield { ...stamp, symbol: name, type: 'feed', status: 'up', reason: '' } as UnstampedInput;
  }
  const whole = { last: 10, bids: [['9.5', '1.0']], asks: [['10.5', '2.0']] };
  yield { ...stamp, symbol: LEVELS, type: 'depth_snapshot', ...whole } as UnstampedInput;
}
