import { DepthcastError, type Scale, type TradingRules } from '@depthcast/protocol';
import { AMOUNT_DECIMALS, parseAmount } from './amount.ts';

/** A tradable symbol's exact arithmetic and rules. Made once a definition. */
export interface Instrument {
  readonly symbol: string;
  readonly prices: Scale;
  readonly sizes: Scale;
  readonly base: string;
  readonly quote: string;
  /** An order's size is a multiple of so many lots (steps of the size scale), between `minLots` and `maxLots`. */
  readonly lotLots: number;
  readonly minLots: number;
  readonly maxLots: number;
  /** Least price × size, as an amount of the quote asset. */
  readonly minNotional: bigint;
  /** The amount of the quote asset, in 10^-18, that so many lots cost at this price. */
  quoteOf(ticks: number, lots: number): bigint;
  /** The amount of the base asset, in 10^-18, that so many lots are. */
  baseOf(lots: number): bigint;
}

/**
 * What orders of a symbol are counted by; undefined when it takes none, because price × size has more than 18
 * decimals. Another tick, step, base or quote asset makes another instrument: what is open in the old one is closed
 * before anything is opened in the new one.
 *
 * @throws DepthcastError `INPUT_INVALID` naming the field of `trading`.
 */
export function instrumentOf(
  symbol: string,
  prices: Scale,
  sizes: Scale,
  trading: TradingRules,
): Instrument | undefined {
  const { baseAsset: base, quoteAsset: quote } = trading;
  if (base === quote) throw invalid(`trading.quoteAsset ${quote} is the base asset too`);
  const lotLots = read(() => sizes.parse(trading.lot, 'trading.lot'));
  const minLots = read(() => sizes.parse(trading.minQty, 'trading.minQty'));
  const maxLots = read(() => mostLots(sizes, trading.maxQty));
  const minNotional = read(() => parseAmount(trading.minNotional, 'trading.minNotional'));
  if (lotLots === 0) throw invalid(`trading.lot ${trading.lot} is not above 0`);
  if (maxLots < minLots || maxLots === 0) {
    throw invalid(`trading.maxQty ${trading.maxQty} is not above 0 and at least minQty, ${trading.minQty}`);
  }
  const spareDecimals = AMOUNT_DECIMALS - prices.decimals - sizes.decimals;
  if (spareDecimals < 0) return undefined;
  const quoteUnits = BigInt(prices.stepUnits) * BigInt(sizes.stepUnits) * 10n ** BigInt(spareDecimals);
  const baseUnits = BigInt(sizes.stepUnits) * 10n ** BigInt(AMOUNT_DECIMALS - sizes.decimals);
  return {
    symbol,
    prices,
    sizes,
    base,
    quote,
    lotLots,
    minLots,
    maxLots,
    minNotional,
    quoteOf: (ticks, lots) => productOf(ticks, lots) * quoteUnits,
    baseOf: (lots) => BigInt(lots) * baseUnits,
  };
}

/** Exact, and one bigint instead of three where a double holds it. */
function productOf(a: number, b: number): bigint {
  const product = a * b;
  return product <= Number.MAX_SAFE_INTEGER ? BigInt(product) : BigInt(a) * BigInt(b);
}

/** Venues name maxima beyond what any size can be. */
function mostLots(sizes: Scale, maxQty: string): number {
  try {
    return sizes.parse(maxQty, 'trading.maxQty');
  } catch (error) {
    if (error instanceof DepthcastError && error.code === 'DECIMAL_OUT_OF_RANGE') return sizes.stepsMax;
    throw error;
  }
}

function read<T>(parse: () => T): T {
  try {
    return parse();
  } catch (error) {
    if (!(error instanceof DepthcastError)) throw error;
    throw new DepthcastError('INPUT_INVALID', error.message, { cause: error });
  }
}

function invalid(message: string): DepthcastError {
  return new DepthcastError('INPUT_INVALID', message);
}
