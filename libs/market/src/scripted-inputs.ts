import type { WireLevel } from '@depthcast/book';
import type { Input, InputOf, UnstampedInput } from '@depthcast/protocol';

/** Second and microsecond at which scripted inputs take place. */
export const SCRIPT_SECOND = 1_700_000_000;
export const SCRIPT_US = SCRIPT_SECOND * 1_000_000;

/** Rules under which scripted symbols take orders. */
export const SCRIPT_TRADING = {
  baseAsset: 'BTC',
  quoteAsset: 'USD',
  lot: '0.001',
  minQty: '0.001',
  maxQty: '1000',
  minNotional: '1',
};

type Levels = readonly WireLevel[];

/** Inputs of one producer for the specs: stamped, and complete but for what a claim is about. */
export class ScriptedInputs {
  readonly src: string;
  readonly symbolName: string;
  #seq = 0;

  constructor(src = 'ingest-1', symbolName = 'BTCUSD') {
    this.src = src;
    this.symbolName = symbolName;
  }

  symbol(overrides: Partial<InputOf<'symbol'>> = {}): Input {
    return this.#stamp({
      type: 'symbol',
      tsRecvUs: SCRIPT_US,
      symbol: this.symbolName,
      venue: 'simulator',
      tick: '0.01',
      step: '0.001',
      depthRule: 'spot',
      quotes: false,
      ...overrides,
    });
  }

  /** A symbol that is matched here, and takes orders. */
  matched(overrides: Partial<InputOf<'symbol'>> = {}): Input {
    return this.symbol({ depthRule: 'matched', trading: SCRIPT_TRADING, ...overrides });
  }

  feed(status: 'up' | 'down', reason = 'scripted', retries?: number): Input {
    const vain = retries === undefined ? {} : { retries };
    return this.#stamp({ ...this.#market(), type: 'feed', status, reason, ...vain });
  }

  depth(first: number, last: number, bids: Levels, asks: Levels, prev?: number): Input {
    const ids = { first, last, ...(prev === undefined ? {} : { prev }) };
    return this.#stamp({ ...this.#market(), type: 'depth', ...ids, ...mutable(bids, asks) });
  }

  snapshot(last: number, bids: Levels, asks: Levels): Input {
    return this.#stamp({ ...this.#market(), type: 'depth_snapshot', last, ...mutable(bids, asks) });
  }

  quote(last: number, overrides: Partial<InputOf<'quote'>> = {}): Input {
    const prices = { bidPrice: '99.90', bidQty: '1.000', askPrice: '100.10', askQty: '2.000' };
    return this.#stamp({ ...this.#market(), type: 'quote', last, ...prices, ...overrides });
  }

  trade(tradeId: number, price: string, qty: string, side: 'BUY' | 'SELL' = 'BUY', tsEventUs?: number): Input {
    const times = { ...this.#market(), ...(tsEventUs === undefined ? {} : { tsEventUs }) };
    return this.#stamp({ ...times, type: 'trade', tradeId, price, qty, side });
  }

  /** Of an account where the overrides name one, else of the flow. */
  order(
    orderId: string,
    side: 'BUY' | 'SELL',
    qty: string,
    price?: string,
    overrides: Partial<InputOf<'order'>> = {},
  ): Input {
    const limit = price === undefined ? {} : { price };
    return this.#stamp({ ...this.#market(), type: 'order', orderId, side, qty, ...limit, ...overrides });
  }

  cancel(orderId: string, overrides: Partial<InputOf<'cancel'>> = {}): Input {
    return this.#stamp({ ...this.#market(), type: 'cancel', orderId, ...overrides });
  }

  amend(orderId: string, qty: string, price: string): Input {
    return this.#stamp({ ...this.#market(), type: 'amend', orderId, qty, price });
  }

  clock(second: number): Input {
    return this.#stamp({ type: 'clock', tsRecvUs: second * 1_000_000, second });
  }

  #market() {
    return { symbol: this.symbolName, tsEventUs: SCRIPT_US + 1_234, tsRecvUs: SCRIPT_US + 3_500 };
  }

  #stamp(input: UnstampedInput): Input {
    this.#seq++;
    return { ...input, src: this.src, seq: this.#seq };
  }
}

function mutable(bids: Levels, asks: Levels): { bids: [string, string][]; asks: [string, string][] } {
  return { bids: bids.map(([p, s]) => [p, s]), asks: asks.map(([p, s]) => [p, s]) };
}
