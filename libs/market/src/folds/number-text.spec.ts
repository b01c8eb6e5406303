import { Scale } from '@depthcast/protocol';
import { expect, it } from '@jest/globals';
import fc from 'fast-check';
import {
  averageText,
  decimalText,
  divideHalfUp,
  quotientText,
  roundedText,
  shareText,
  signedText,
} from './number-text.ts';

it.each([
  [decimalText(0n, 2), '0.00'],
  [decimalText(5n, 2), '0.05'],
  [decimalText(12345n, 2), '123.45'],
  [decimalText(7n, 0), '7'],
  [averageText(Scale.ofStep('0.01'), 10_001n, 2n), '50.0050'],
  [averageText(Scale.ofStep('0.05'), 1n, 3n), '0.0167'],
  [averageText(Scale.ofStep('5'), 1n, 1_000n), '0.01'],
  [quotientText(1n, 3n), '0.333333'],
  [quotientText(2n, 3n), '0.666667'],
  [shareText(-1 / 3), '-0.333333'],
  [shareText(-1e-9), '0.000000'],
  [shareText(1), '1.000000'],
  [roundedText(Scale.ofStep('0.1'), 2.5), '0.3'],
  [roundedText(Scale.ofStep('0.1'), 1e25), '1000000000000000090596966.4'],
  [signedText(Scale.ofStep('0.1'), -12), '-1.2'],
])('%s is %s', (text, expected) => {
  expect(text).toBe(expected);
});

it('halves go up, and nothing else does', () => {
  fc.assert(
    fc.property(fc.bigInt({ min: 0n, max: 10n ** 40n }), fc.bigInt({ min: 1n, max: 10n ** 20n }), (a, b) => {
      const quotient = divideHalfUp(a, b);
      const twiceOff = 2n * (quotient * b - a);
      expect(twiceOff > -b && twiceOff <= b).toBe(true);
    }),
  );
});
