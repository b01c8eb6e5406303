import { setTimeout as sleep } from 'node:timers/promises';
import { DepthcastError, Scale } from '@depthcast/protocol';
import { asMalformed } from './malformed-message.ts';
import { type MarketSymbol, marketSymbol } from './market-symbol.ts';
import { type ExchangeInfoSymbol, filterOf, tradingRules } from './trading-rules.ts';
import { WeightBudget } from './weight-budget.ts';

const TIMEOUT_MS = 10_000;
const DEPTH_LIMIT = 5_000;
const DEPTH_WEIGHT = 250;
const EXCHANGE_INFO_WEIGHT = 20;
/** Keeps the request line short. */
const SYMBOLS_PER_REQUEST_MAX = 100;
/** When the venue sends us away and does not say for how long. */
const RETRY_AFTER_MS = 30_000;
const INVALID_SYMBOL = -1121;
const SAMPLE_CHARS_MAX = 200;

/** The venue answered, and not with what was asked for. Its message says what; trying again may help. */
export class RestError extends Error {
  readonly status: number;
  /** Binance's own number, such as -1121. */
  readonly code: number | undefined;

  constructor(status: number, text: string) {
    super(`HTTP ${status}: ${text.slice(0, SAMPLE_CHARS_MAX)}`);
    this.name = 'RestError';
    this.status = status;
    this.code = errorCodeOf(text);
  }
}

export interface RestOptions {
  readonly baseUrl: string;
  readonly timeoutMs?: number;
  readonly weightPerMinute?: number;
}

/**
 * The two REST calls a book needs. Requests wait for their share of the weight limit; 429 and 418 silence all of them
 * for as long as Retry-After says. Retries are the caller's.
 */
export class BinanceRest {
  readonly #options: RestOptions;
  readonly #budget: WeightBudget;

  constructor(options: RestOptions) {
    this.#options = options;
    this.#budget = new WeightBudget(options.weightPerMinute);
  }

  /** The raw order book, 5,000 levels a side. */
  depth(venueSymbol: string, signal: AbortSignal): Promise<string> {
    return this.#get(`/api/v3/depth?symbol=${venueSymbol}&limit=${DEPTH_LIMIT}`, DEPTH_WEIGHT, signal);
  }

  /**
   * Tick, step and trading rules of each symbol, in the order asked for.
   *
   * @throws DepthcastError `CONFIG_INVALID` naming a symbol that does not exist; anything else may pass.
   */
  async exchangeInfo(venueSymbols: readonly string[], signal: AbortSignal): Promise<MarketSymbol[]> {
    const markets: MarketSymbol[] = [];
    for (let i = 0; i < venueSymbols.length; i += SYMBOLS_PER_REQUEST_MAX) {
      markets.push(...(await this.#marketsOf(venueSymbols.slice(i, i + SYMBOLS_PER_REQUEST_MAX), signal)));
    }
    return markets;
  }

  async #marketsOf(venueSymbols: readonly string[], signal: AbortSignal): Promise<MarketSymbol[]> {
    const query = encodeURIComponent(JSON.stringify(venueSymbols));
    try {
      const text = await this.#get(`/api/v3/exchangeInfo?symbols=${query}`, EXCHANGE_INFO_WEIGHT, signal);
      return readExchangeInfo(text, venueSymbols);
    } catch (error) {
      if (!(error instanceof RestError) || error.code !== INVALID_SYMBOL) throw error;
      // The venue refuses all for one: ask one by one, to name it.
      const [only] = venueSymbols;
      if (only !== undefined && venueSymbols.length === 1) throw unknownSymbol(only);
      const markets: MarketSymbol[] = [];
      for (const symbol of venueSymbols) markets.push(...(await this.#marketsOf([symbol], signal)));
      return markets;
    }
  }

  async #get(path: string, weight: number, signal: AbortSignal): Promise<string> {
    for (let waitMs = this.#take(weight); waitMs > 0; waitMs = this.#take(weight)) {
      await sleep(waitMs, undefined, { signal });
    }
    const timeout = AbortSignal.timeout(this.#options.timeoutMs ?? TIMEOUT_MS);
    const response = await fetch(this.#options.baseUrl.replace(/\/+$/, '') + path, {
      signal: AbortSignal.any([signal, timeout]),
    });
    const text = await response.text();
    if (response.ok) return text;
    if (response.status === 429 || response.status === 418) {
      this.#budget.pauseUntil(performance.now() + retryAfterMs(response.headers.get('retry-after')));
    }
    throw new RestError(response.status, text);
  }

  #take(weight: number): number {
    return this.#budget.take(weight, performance.now());
  }
}

function retryAfterMs(header: string | null): number {
  return header !== null && /^\d{1,7}$/.test(header) ? Number(header) * 1_000 : RETRY_AFTER_MS;
}

/**
 * The size step is the asset's own precision and not LOT_SIZE: that filter binds new orders only, and resting ones
 * need not be multiples of it (the recorded capture has `25.42618900` where LOT_SIZE says 0.00001).
 */
function readExchangeInfo(text: string, venueSymbols: readonly string[]): MarketSymbol[] {
  try {
    const { symbols } = JSON.parse(text) as { symbols: readonly ExchangeInfoSymbol[] };
    return venueSymbols.map((venueSymbol) => {
      const entry = symbols.find(({ symbol }) => symbol === venueSymbol);
      const tick = entry && filterOf(entry, 'PRICE_FILTER').tickSize;
      if (!entry || typeof tick !== 'string') throw new TypeError(`no tick of ${venueSymbol}`);
      const sizes = Scale.ofDecimals(entry.baseAssetPrecision);
      return marketSymbol(venueSymbol, 'spot', tick, sizes.step, tradingRules(entry, sizes));
    });
  } catch (error) {
    throw asMalformed('exchange-info', error);
  }
}

function errorCodeOf(text: string): number | undefined {
  try {
    return (JSON.parse(text) as { code?: number } | null)?.code;
  } catch {
    return undefined;
  }
}

function unknownSymbol(symbol: string): DepthcastError {
  return new DepthcastError(
    'CONFIG_INVALID',
    `SYMBOLS: got ${JSON.stringify(symbol)}, which Binance does not trade on spot; takes spot symbols such as BTCUSDT`,
  );
}
