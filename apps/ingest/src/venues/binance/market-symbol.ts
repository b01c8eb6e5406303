import { type DepthRule, Scale, type TradingRules } from '@depthcast/protocol';
import type { SymbolInput } from '../venue.ts';

/** One symbol of Binance's as we trade it: how it is called on both sides, and what its numbers are multiples of. */
export interface MarketSymbol {
  /** Ours: `BTCUSDT` (spot), `BTCUSDT.P` (USD-M). */
  readonly symbol: string;
  /** Binance's: `BTCUSDT`. */
  readonly venueSymbol: string;
  readonly rule: DepthRule;
  readonly prices: Scale;
  readonly sizes: Scale;
  /** What orders must fit; a symbol without takes none. */
  readonly trading: TradingRules | undefined;
  /** The newest time the venue has stated for this symbol, µs; 0 before the first. */
  lastEventUs: number;
}

export function marketSymbol(
  venueSymbol: string,
  rule: DepthRule,
  tick: string,
  step: string,
  trading?: TradingRules,
): MarketSymbol {
  return {
    symbol: rule === 'usdm' ? `${venueSymbol}.P` : venueSymbol,
    venueSymbol,
    rule,
    prices: Scale.ofStep(tick),
    sizes: Scale.ofStep(step),
    trading,
    lastEventUs: 0,
  };
}

export function symbolInput(market: MarketSymbol, tsRecvUs: number): SymbolInput {
  return {
    type: 'symbol',
    symbol: market.symbol,
    venue: 'binance',
    tick: market.prices.step,
    step: market.sizes.step,
    depthRule: market.rule,
    quotes: true,
    ...(market.trading && { trading: market.trading }),
    tsRecvUs,
  };
}
