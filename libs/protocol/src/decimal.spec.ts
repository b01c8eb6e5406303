import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { Scale } from './decimal.ts';

const decimals = fc.integer({ min: 0, max: 8 });

/** An error with that code; toThrow wants the type of one. */
const coded = (code: string) => expect.objectContaining({ code }) as unknown as Error;

describe('a scale', () => {
  it('reads and writes every safe number of steps exactly', () => {
    fc.assert(
      fc.property(
        decimals,
        fc.constantFrom(1, 2, 5, 25),
        fc.integer({ min: 0, max: 2 ** 50 }),
        (places, unit, steps) => {
          const scale = Scale.ofStep(
            unit === 1 ? Scale.ofDecimals(places).format(1) : Scale.ofDecimals(places).format(unit),
          );
          fc.pre(steps * unit <= Number.MAX_SAFE_INTEGER);
          expect(scale.parse(scale.format(steps))).toBe(steps);
        },
      ),
    );
  });

  it('agrees with arithmetic on whole numbers of the last place', () => {
    fc.assert(
      fc.property(decimals, fc.bigInt({ min: 0n, max: 2n ** 53n - 1n }), (places, units) => {
        const digits = units.toString().padStart(places + 1, '0');
        const text = places === 0 ? digits : `${digits.slice(0, -places)}.${digits.slice(-places)}`;
        expect(Scale.ofDecimals(places).parse(text)).toBe(Number(units));
        expect(Scale.ofDecimals(places).format(Number(units))).toBe(text);
      }),
    );
  });

  it('says exactly the most steps it can hold, and any sum', () => {
    const steps = fc.constantFrom('0.01', '0.05', '0.000005', '1', '25', '0.3');
    fc.assert(
      fc.property(steps, fc.bigInt({ min: 0n, max: 2n ** 80n }), fc.nat(9), (step, sum, below) => {
        const scale = Scale.ofStep(step);
        const count = scale.stepsMax - below;
        expect(scale.parse(scale.format(count))).toBe(count);
        expect((count + below + 1) * scale.stepUnits).toBeGreaterThan(Number.MAX_SAFE_INTEGER);
        expect(scale.formatSum(BigInt(count))).toBe(scale.format(count));
        const units = BigInt(scale.formatSum(sum).replace('.', ''));
        expect(units).toBe(sum * BigInt(scale.stepUnits));
        expect(scale.formatSum(sum)).toMatch(
          scale.decimals === 0 ? /^\d+$/ : new RegExp(`^\\d+\\.\\d{${scale.decimals}}$`),
        );
      }),
    );
  });

  it('takes more decimals than it has only when they are zeros', () => {
    expect(Scale.ofStep('0.01').parse('61837.63000000')).toBe(6183763);
    expect(() => Scale.ofStep('0.01').parse('61837.63000001', 'price')).toThrow(
      'price "61837.63000001" is not a multiple of 0.01',
    );
  });

  it('refuses what is off the step', () => {
    expect(Scale.ofStep('0.05').parse('1.25')).toBe(25);
    expect(() => Scale.ofStep('0.05').parse('1.26')).toThrow(coded('DECIMAL_OFF_STEP'));
    expect(Scale.ofStep('25').parse('75')).toBe(3);
    expect(() => Scale.ofStep('25').parse('80')).toThrow(coded('DECIMAL_OFF_STEP'));
  });

  it('refuses what cannot be held exactly', () => {
    for (const text of ['90071992547409.92', '99999999999999999999', '9'.repeat(400)]) {
      expect(() => Scale.ofStep('0.01').parse(text)).toThrow(coded('DECIMAL_OUT_OF_RANGE'));
    }
    expect(Scale.ofStep('0.01').parse('90071992547409.91')).toBe(Number.MAX_SAFE_INTEGER);
  });

  it('refuses what is not a plain decimal', () => {
    for (const text of [
      '',
      '.',
      '1.',
      '.5',
      '-1',
      '+1',
      '1e3',
      '1,5',
      ' 1',
      '1 ',
      'NaN',
      'Infinity',
      '0x10',
      '1.2.3',
      '１',
    ]) {
      expect(() => Scale.ofStep('0.01').parse(text)).toThrow(coded('DECIMAL_INVALID'));
    }
  });

  it('is made only of a positive decimal', () => {
    for (const step of ['0', '0.00', '-0.01', 'x', '', '1e-2', '.01']) {
      expect(() => Scale.ofStep(step)).toThrow(coded('DECIMAL_INVALID'));
    }
    expect(Scale.ofStep('0.01000000')).toMatchObject({ decimals: 2, stepUnits: 1 });
    expect(Scale.ofText('28750.00').decimals).toBe(2);
  });
});
