import { hash32 } from './prng.ts';

/** How a simulated symbol trades. Prices in ticks, sizes in whole lots. */
export interface SymbolProfile {
  readonly symbol: string;
  readonly tick: string;
  readonly step: string;
  /** Around which the price moves. */
  readonly startTicks: number;
  /** The usual distance of best bid and ask. */
  readonly spreadTicks: number;
  /** How far the price moves in one update, as a deviation. */
  readonly moveTicks: number;
  /** How far apart levels lie, on average. */
  readonly gapTicks: number;
  /** Of a usual level. */
  readonly sizeLots: number;
}

const KNOWN: Readonly<Record<string, Omit<SymbolProfile, 'symbol'>>> = {
  BTCUSD: {
    tick: '0.01',
    step: '1',
    startTicks: 4_500_000,
    spreadTicks: 50,
    moveTicks: 40,
    gapTicks: 25,
    sizeLots: 1_500,
  },
  ETHUSD: { tick: '0.01', step: '1', startTicks: 300_000, spreadTicks: 8, moveTicks: 5, gapTicks: 4, sizeLots: 500 },
  ADAUSD: {
    tick: '0.0001',
    step: '1',
    startTicks: 5_000,
    spreadTicks: 1,
    moveTicks: 0.4,
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
    moveTicks: 1,
    gapTicks: 2,
    sizeLots: 100 * (1 + (hash32(symbol, 2) % 50)),
  };
}
