import { ASSET_PATTERN, Scale } from '@depthcast/protocol';
import { describe, expect, it } from '@jest/globals';
import { symbolProfile, tradingOf } from './symbol-profile.ts';

describe('what orders of a simulated symbol must fit', () => {
  it.each([
    ['BTCUSD', 'BTC', 'USD'],
    ['ETHBTC', 'ETH', 'BTC'],
    ['XYZ', 'XYZ', 'USD'],
    ['1000PEPE-X', 'PEPEX', 'USD'],
    ['USD', 'USD', 'USDT'],
    ['42', '42', 'USD'],
    ['ABCDEFGHIJKLMNOPQRSTUVWXYZ', 'ABCDEFGHIJKLMNOP', 'USD'],
  ])('%s is of %s in %s', (symbol, baseAsset, quoteAsset) => {
    const profile = symbolProfile(symbol);
    const rules = tradingOf(profile);
    expect(rules).toMatchObject({ baseAsset, quoteAsset, lot: profile.step, minQty: profile.step });
    expect(baseAsset).toMatch(ASSET_PATTERN);
    const sizes = Scale.ofStep(profile.step);
    expect(sizes.parse(rules.maxQty)).toBe(1_000 * profile.sizeLots);
  });
});
