import { DepthcastError } from '@depthcast/protocol';
import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { AMOUNT_ONE, amountText, averageText, parseAmount, trimmed } from './amount.ts';

describe('an amount', () => {
  it('is read from its text and written back, exact, without a zero too many', () => {
    fc.assert(
      fc.property(fc.bigInt({ min: 0n, max: 10n ** 38n }), fc.nat(3), (amount, zeros) => {
        const text = amountText(amount);
        expect(text).toMatch(/^\d+(\.\d*[1-9])?$/);
        const padded = text.includes('.') ? text : `${text}.`;
        const again = zeros === 0 ? text : `${padded}${'0'.repeat(zeros)}`;
        if (again.length <= 40) expect(parseAmount(again, 'amount')).toBe(amount);
        expect(amountText(-amount)).toBe(amount === 0n ? '0' : `-${text}`);
      }),
    );
  });

  it.each([
    ['0', 0n],
    ['12.5', 12n * AMOUNT_ONE + AMOUNT_ONE / 2n],
    ['0.000000000000000001', 1n],
    ['0.0000000000000000010', 1n],
    ['007', 7n * AMOUNT_ONE],
  ])('%s', (text, amount) => expect(parseAmount(text, 'amount')).toBe(amount));

  it.each([
    ['', 'DECIMAL_INVALID', 'minNotional "" is not a plain decimal such as 12.5'],
    ['-1', 'DECIMAL_INVALID', '"-1"'],
    ['1e9', 'DECIMAL_INVALID', '"1e9"'],
    ['.5', 'DECIMAL_INVALID', '".5"'],
    ['5.', 'DECIMAL_INVALID', '"5."'],
    ['NaN', 'DECIMAL_INVALID', '"NaN"'],
    ['9'.repeat(41), 'DECIMAL_INVALID', `"${'9'.repeat(40)}…"`],
    ['0.0000000000000000001', 'DECIMAL_OFF_STEP', 'has more than 18 decimals'],
  ])('%s is none, and says why', (text, code, message) => {
    try {
      parseAmount(text, 'minNotional');
      throw new Error('it was accepted');
    } catch (error) {
      expect(error).toBeInstanceOf(DepthcastError);
      expect((error as DepthcastError).code).toBe(code);
      expect((error as DepthcastError).message).toContain(message);
    }
  });
});

it.each([
  ['100.00', '100'],
  ['100.10', '100.1'],
  ['0.001', '0.001'],
  ['100', '100'],
  ['0.0', '0'],
])('%s is written as %s', (text, short) => expect(trimmed(text)).toBe(short));

it.each([
  [10n, 4n, 0, '3'],
  [10n, 4n, 1, '2.5'],
  [1n, 3n, 4, '0.3333'],
  [2n, 3n, 4, '0.6667'],
  [1n, 8n, 2, '0.13'],
  [300n, 3n, 4, '100'],
  [5n, 0n, 4, '0'],
])('%p over %p with %p decimals, halves up, is %s', (quote, base, decimals, text) =>
  expect(averageText(quote, base, decimals)).toBe(text),
);
