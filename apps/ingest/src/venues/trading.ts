import { ASSET_PATTERN, type Scale, type TradingRules } from '@depthcast/protocol';

/** Assets that prices are stated in. */
const QUOTE_ASSETS = ['USDT', 'USDC', 'FDUSD', 'USD', 'EUR', 'GBP', 'JPY', 'BTC', 'ETH', 'BNB'];

/** What a symbol trades, and in what it is paid for. Never the same. */
export type AssetPair = Pick<TradingRules, 'baseAsset' | 'quoteAsset'>;

/** `BTCUSDT`, `BTC-USDT` and `BTCUSDT.P` are BTC in USDT; `undefined` where a name ends in no quote asset we know. */
export function assetsOf(symbol: string): AssetPair | undefined {
  const name = symbol.replace(/\.P$/, '').replace(/[^A-Z0-9]/g, '');
  const quoteAsset = QUOTE_ASSETS.find((quote) => name.endsWith(quote) && name.length > quote.length);
  if (quoteAsset === undefined) return undefined;
  const baseAsset = name.slice(0, -quoteAsset.length);
  return ASSET_PATTERN.test(baseAsset) && baseAsset !== quoteAsset ? { baseAsset, quoteAsset } : undefined;
}

/** The largest size that is a multiple of so many steps and still exact. */
export function largestSize(sizes: Scale, lotSteps = 1): string {
  return sizes.format(Math.floor(Number.MAX_SAFE_INTEGER / sizes.stepUnits / lotSteps) * lotSteps);
}

/**
 * Rules for a symbol whose venue does not say them: any size that the book can show. `undefined` where its name does
 * not tell what it is paid for in.
 */
export function loosestTrading(symbol: string, sizes: Scale): TradingRules | undefined {
  const assets = assetsOf(symbol);
  if (assets === undefined) return undefined;
  return { ...assets, lot: sizes.step, minQty: sizes.step, maxQty: largestSize(sizes), minNotional: '0' };
}
