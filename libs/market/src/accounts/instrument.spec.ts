import { DepthcastError, Scale } from '@depthcast/protocol';
import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { type Instrument, instrumentOf } from './instrument.ts';
import { fraction, times, units } from './naive-accounts.ts';

const TRADING = {
  baseAsset: 'BTC',
  quoteAsset: 'USD',
  lot: '0.002',
  minQty: '0.004',
  maxQty: '100',
  minNotional: '5.5',
};

function make(trading = {}, tick = '0.05', step = '0.001'): Instrument | undefined {
  return instrumentOf('BTCUSD', Scale.ofStep(tick), Scale.ofStep(step), { ...TRADING, ...trading });
}

describe('an instrument', () => {
  it('has its rules in lots and amounts', () => {
    const { base, quote, lotLots, minLots, maxLots, minNotional } = make() as Instrument;
    expect([base, quote, lotLots, minLots, maxLots, minNotional]).toEqual([
      ...['BTC', 'USD', 2, 4, 100_000],
      5_500_000_000_000_000_000n,
    ]);
  });

  it('multiplies exactly, beyond what a double holds too', () => {
    const steps = fc.constantFrom('0.05', '0.000000001', '1', '25', '0.001');
    const count = fc.oneof(fc.nat(), fc.maxSafeNat());
    fc.assert(
      fc.property(steps, steps, count, count, (tick, step, ticks, lots) => {
        const [prices, sizes] = [Scale.ofStep(tick), Scale.ofStep(step)];
        fc.pre(
          ticks * prices.stepUnits <= Number.MAX_SAFE_INTEGER && lots * sizes.stepUnits <= Number.MAX_SAFE_INTEGER,
        );
        const trading = { lot: step, minQty: step, maxQty: step, minNotional: '0' };
        const { quoteOf, baseOf } = make(trading, tick, step) as Instrument;
        const [price, size] = [fraction(prices.format(ticks)), fraction(sizes.format(lots))];
        expect(quoteOf(ticks, lots)).toBe(units(times(price, size)));
        expect(baseOf(lots)).toBe(units(size));
      }),
    );
  });

  it('has the largest size there is for a maximum when its venue names one beyond all sizes, and says it exactly', () => {
    expect(make({ maxQty: '9000000000000000' })?.maxLots).toBe(Number.MAX_SAFE_INTEGER);
    for (const step of ['0.05', '0.000005', '25', '0.3', '1']) {
      const trading = { lot: step, minQty: step, maxQty: '9'.repeat(20) };
      const { sizes, maxLots } = make(trading, '0.01', step) as Instrument;
      expect(sizes.parse(sizes.format(maxLots))).toBe(maxLots);
    }
  });

  it('is none when price × size has more decimals than an amount', () => {
    expect(make({ lot: '1', minQty: '1' }, '0.000000000000001', '0.001')).toBeDefined();
    expect(make({ lot: '1', minQty: '1' }, '0.000000000000001', '0.0001')).toBeUndefined();
  });

  it.each([
    [{ quoteAsset: 'BTC' }, 'trading.quoteAsset BTC is the base asset too'],
    [{ lot: '0' }, 'trading.lot 0 is not above 0'],
    [{ lot: '0.0005' }, 'trading.lot "0.0005" is not a multiple of 0.001'],
    [{ lot: 'NaN' }, 'trading.lot "NaN" is not a plain decimal'],
    [{ minQty: '-1' }, 'trading.minQty "-1" is not a plain decimal'],
    [{ maxQty: '1e309' }, 'trading.maxQty "1e309" is not a plain decimal'],
    [{ maxQty: '0.003' }, 'trading.maxQty 0.003 is not above 0 and at least minQty, 0.004'],
    [{ minQty: '0', maxQty: '0' }, 'trading.maxQty 0 is not above 0'],
    [{ minNotional: 'x' }, 'trading.minNotional "x" is not a plain decimal'],
  ])('is refused with %p, the field named', (trading, message) => {
    try {
      make(trading);
      throw new Error('it was accepted');
    } catch (error) {
      expect(error).toBeInstanceOf(DepthcastError);
      expect((error as DepthcastError).code).toBe('INPUT_INVALID');
      expect((error as DepthcastError).message).toContain(message);
    }
  });
});
