import { Scale, type TradingRules } from '@depthcast/protocol';
import { assetsOf } from '../trading.ts';
import { hash32 } from './prng.ts';

const ASSET_CHARS_MAX = 16;

/** How a simulated symbol trades. Prices in ticks, sizes in whole lots. */
export interface SymbolProfile {
  readonly symbol: string;
  readonly tick: string;
  readonly step: string;
  /** Around which the price moves. */
  readonly startTicks: number;
  /** How far apart makers quote. */
  readonly spreadTicks: number;
  /** How far the price moves in one update, as a deviation. */
  readonly moveTicks: number;
  /** How far apart levels lie, on average. */
  readonly gapTicks: number;
  /** Of a usual order. */
  readonly sizeLots: number;
}

const KNOWN: Readonly<Record<string, Omit<SymbolProfile, 'symbol'>>> = {
  BTCUSD: {
    tick: '0.01',
    step: '1',
    startTicks: 4_500_000,
    spreadTicks: 50,
    moveTicks: 20,
    gapTicks: 25,
    sizeLots: 1_500,
  },
  ETHUSD: { tick: '0.01', step: '1', startTicks: 300_000, spreadTicks: 8, moveTicks: 3, gapTicks: 4, sizeLots: 500 },
  ADAUSD: {
    tick: '0.0001',
    step: '1',
    startTicks: 5_000,
    spreadTicks: 1,
    moveTicks: 0.3,
    gapTicks: 1,
    sizeLots: 20_000,
  },
};

/** Any name is a symbol here: one we do not know gets a price between 1 and 1,000 out of its name. */
export function symbolProfile(symbol: string): SymbolProfile {
  const known = Object.hasOwn(KNOWN, symbol) ? KNOWN[symbol] : undefined;
  if (known) return { symbol, ...known };
  const startTicks = 100 * (1 + (hash32(symbol, 1) % 1_000));
  return {
    symbol,
    tick: '0.01',
    step: '1',
    startTicks: Math.max(startTicks, 2_000),
    spreadTicks: 2,
    moveTicks: 0.8,
    gapTicks: 2,
    sizeLots: 100 * (1 + (hash32(symbol, 2) % 50)),
  };
}

/** What its orders must fit. A symbol that names no quote asset is of an asset of that name, paid for in dollars. */
export function tradingOf({ symbol, step, sizeLots }: SymbolProfile): TradingRules {
  const baseAsset = (symbol.replace(/[^A-Z]/g, '') || symbol.replace(/[^0-9]/g, '')).slice(0, ASSET_CHARS_MAX);
  const quoteAsset = baseAsset === 'USD' ? 'USDT' : 'USD';
  return {
    ...(assetsOf(symbol) ?? { baseAsset, quoteAsset }),
    lot: step,
    minQty: step,
    maxQty: Scale.ofStep(step).format(1_000 * sizeLots),
    minNotional: '1',
  };
}
