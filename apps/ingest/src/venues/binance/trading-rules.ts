import { ASSET_PATTERN, DepthcastError, type Scale, type TradingRules } from '@depthcast/protocol';
import { largestSize } from '../trading.ts';

const DECIMAL = /^\d{1,20}(\.\d{1,18})?$/;

type Filter = Readonly<Record<string, unknown>>;

/** A symbol of exchangeInfo. What only orders need may be missing. */
export interface ExchangeInfoSymbol {
  readonly symbol: string;
  readonly baseAsset?: unknown;
  readonly quoteAsset?: unknown;
  readonly baseAssetPrecision: number;
  readonly filters: readonly Filter[];
}

/** The first filter of one of these types; an empty one where the symbol has none. */
export function filterOf({ filters }: ExchangeInfoSymbol, ...types: string[]): Filter {
  return filters.find(({ filterType }) => types.includes(String(filterType))) ?? {};
}

/**
 * What orders must fit: LOT_SIZE, and NOTIONAL, which some symbols have as MIN_NOTIONAL. A largest size beyond what can
 * be held exactly is cut to that.
 *
 * @returns `undefined` when the venue does not say it, or not in a form that could be kept to.
 */
export function tradingRules(entry: ExchangeInfoSymbol, sizes: Scale): TradingRules | undefined {
  const lotSize = filterOf(entry, 'LOT_SIZE');
  const notional = filterOf(entry, 'NOTIONAL', 'MIN_NOTIONAL');
  try {
    const baseAsset = asset(entry.baseAsset);
    const quoteAsset = asset(entry.quoteAsset);
    const lotSteps = sizes.parse(decimal(lotSize.stepSize));
    const minSteps = sizes.parse(decimal(lotSize.minQty));
    const maxQty = decimal(lotSize.maxQty);
    const minNotional = decimal(notional.minNotional);
    if (baseAsset === quoteAsset || lotSteps === 0) return undefined;
    const largest = largestSize(sizes, lotSteps);
    const maxSteps = sizes.parse(Number(maxQty) > Number(largest) ? largest : maxQty);
    if (maxSteps === 0 || maxSteps < minSteps) return undefined;
    return {
      baseAsset,
      quoteAsset,
      lot: sizes.format(lotSteps),
      minQty: sizes.format(minSteps),
      maxQty: sizes.format(maxSteps),
      minNotional,
    };
  } catch (error) {
    if (error instanceof DepthcastError) return undefined;
    throw error;
  }
}

function asset(value: unknown): string {
  if (typeof value === 'string' && ASSET_PATTERN.test(value)) return value;
  throw new DepthcastError('VENUE_MESSAGE_INVALID', `asset ${JSON.stringify(value)} is not one such as BTC`);
}

function decimal(value: unknown): string {
  if (typeof value === 'string' && DECIMAL.test(value)) return value;
  throw new DepthcastError('DECIMAL_INVALID', `${JSON.stringify(value)} is not a plain decimal such as 12.5`);
}
