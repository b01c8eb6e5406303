import type { UnstampedInput } from '@depthcast/protocol';

const T0_SECONDS = 1_700_000_000;
export const T0_US = T0_SECONDS * 1_000_000;
const ACCOUNTS = ['alice', 'bob'];

/** What comes before everything else of a symbol of levels. */
export function* opening(symbol: string): Generator<UnstampedInput> {
  const times = { tsEventUs: T0_US, tsRecvUs: T0_US };
  const definition = { tick: '0.01', step: '1', venue: 'test', depthRule: 'spot', quotes: false } as const;
  yield { type: 'symbol', symbol, ...definition, tsRecvUs: T0_US };
  yield { type: 'feed', symbol, status: 'up', reason: 'start', ...times };
  yield { type: 'depth_snapshot', symbol, last: 0, bids: [['100.00', '5']], asks: [['101.00', '5']], ...times };
}

/** A symbol's venue: some of everything, over one running count. */
export class Venue {
  readonly symbol: string;
  #update = 0;

  constructor(symbol = 'BTCUSD') {
    this.symbol = symbol;
  }

  get last(): number {
    return this.#update;
  }

  *flow(count: number): Generator<UnstampedInput> {
    const { symbol } = this;
    for (let i = 0; i < count; i++) {
      const update = ++this.#update;
      const times = { tsEventUs: T0_US + update, tsRecvUs: T0_US + update };
      const bids: [string, string][] = [[`${90 + (update % 10)}.0${update % 7}`, String(update % 5)]];
      yield { type: 'depth', symbol, first: update, last: update, bids, asks: [], ...times };
      if (i % 3 === 0) {
        yield { type: 'trade', symbol, tradeId: update, price: '100.50', qty: '2', side: 'BUY', ...times };
      }
      if (i % 10 === 0) yield { type: 'clock', second: T0_SECONDS + update, tsRecvUs: times.tsRecvUs };
    }
  }
}

/** A matched symbol: orders of the venue's own flow and of paper accounts, cancels, some that trade, a clock. */
export class OrderFlow {
  readonly symbol: string;
  #count = 0;

  constructor(symbol = 'ETHUSD') {
    this.symbol = symbol;
  }

  *opening(): Generator<UnstampedInput> {
    const { symbol } = this;
    const trading = { baseAsset: 'ETH', quoteAsset: 'USD', lot: '1', minQty: '1', maxQty: '1000', minNotional: '1' };
    const definition = { tick: '0.01', step: '1', venue: 'test', depthRule: 'matched', quotes: false } as const;
    yield { type: 'symbol', symbol, ...definition, trading, tsRecvUs: T0_US };
    yield { type: 'feed', symbol, status: 'up', reason: 'start', tsEventUs: T0_US, tsRecvUs: T0_US };
  }

  *flow(count: number): Generator<UnstampedInput> {
    const { symbol } = this;
    for (let i = 0; i < count; i++) {
      const n = ++this.#count;
      const times = { tsEventUs: T0_US + n, tsRecvUs: T0_US + n };
      const account = n % 5 === 0 ? ACCOUNTS[n % 2] : undefined;
      const side = n % 2 === 0 ? 'BUY' : 'SELL';
      // Pseudo-random by the count alone; now and then across the middle.
      const price = (100 + (((n * 7919) % 41) - 20) / 100).toFixed(2);
      const qty = String(1 + ((n * 31) % 9));
      yield { type: 'order', symbol, ...(account ? { account } : {}), orderId: `o${n}`, side, qty, price, ...times };
      if (n % 3 === 0) yield { type: 'cancel', symbol, orderId: `o${n - 2}`, ...times };
      if (n % 50 === 0) yield { type: 'clock', second: T0_SECONDS + n, tsRecvUs: times.tsRecvUs };
    }
  }
}
