import { Scale } from '@depthcast/protocol';
import { describe, expect, it } from '@jest/globals';
import { assetsOf, largestSize, loosestTrading } from './trading.ts';

describe('the assets of a symbol', () => {
  it.each([
    ['BTCUSDT', 'BTC', 'USDT'],
    ['BTCUSD', 'BTC', 'USD'],
    ['BTC-USD', 'BTC', 'USD'],
    ['BTCUSDT.P', 'BTC', 'USDT'],
    ['ETHBTC', 'ETH', 'BTC'],
    ['BTCFDUSD', 'BTC', 'FDUSD'],
    ['DOTUSD', 'DOT', 'USD'],
    ['1000PEPEUSDC', '1000PEPE', 'USDC'],
    ['USDTUSD', 'USDT', 'USD'],
  ])('%s are %s in %s', (symbol, baseAsset, quoteAsset) => {
    expect(assetsOf(symbol)).toEqual({ baseAsset, quoteAsset });
  });

  it.each(['USDT', 'USD', 'USDUSD', 'PEPE', 'X', 'A-NAME-THAT-IS-TOO-LONG-USD'])('are not told by %s', (symbol) => {
    expect(assetsOf(symbol)).toBeUndefined();
    expect(loosestTrading(symbol, Scale.ofStep('1'))).toBeUndefined();
  });
});

describe('the loosest rules', () => {
  it.each(['0.00000001', '1', '0.05', '25', '0.000000000000001', '123456789'])('with step %s are exact', (step) => {
    const sizes = Scale.ofStep(step);
    const rules = loosestTrading('BTCUSDT', sizes);
    expect(rules).toMatchObject({ baseAsset: 'BTC', quoteAsset: 'USDT', minNotional: '0' });
    expect(sizes.parse(rules?.lot as string)).toBe(1);
    expect(sizes.parse(rules?.minQty as string)).toBe(1);
    expect(sizes.parse(rules?.maxQty as string)).toBeGreaterThan(10_000_000);
    expect(sizes.format(sizes.parse(rules?.maxQty as string))).toBe(rules?.maxQty);
  });

  it('have a largest size that is a multiple of the lot', () => {
    const sizes = Scale.ofDecimals(8);
    expect(sizes.parse(largestSize(sizes, 1_000)) % 1_000).toBe(0);
    expect(largestSize(sizes, 1_000)).toBe('90071992.54740000');
  });
});
