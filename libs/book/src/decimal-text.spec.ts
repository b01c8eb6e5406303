import { Scale } from '@depthcast/protocol';
import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { canonicalText, midText } from './decimal-text.ts';

describe('the canonical text of an accepted decimal', () => {
  it('equals format of parse, however it was spelled', () => {
    const spelled = fc.tuple(
      fc.constantFrom('0.01', '1', '0.05', '25', '0.00000001'),
      fc.constantFrom('', '0', '00'),
      fc.integer({ min: 0, max: 100_000 }),
      fc.constantFrom('', '0', '000'),
      fc.boolean(),
    );
    fc.assert(
      fc.property(spelled, ([step, zerosBefore, steps, zerosAfter, shorten]) => {
        const scale = Scale.ofStep(step);
        const text = scale.format(steps);
        const fraction = text.includes('.');
        let spelling = zerosBefore + text;
        if (fraction && shorten) spelling = spelling.replace(/\.?0+$/, '');
        else if (fraction) spelling += zerosAfter;
        else if (zerosAfter !== '') spelling += `.${zerosAfter}`;
        expect(canonicalText(scale, spelling)).toBe(text);
      }),
    );
  });
});

describe('the mid as text', () => {
  it.each([
    ['0.01', 10001, 10002, '100.015'],
    ['0.01', 10001, 10003, '100.02'],
    ['1', 7, 8, '7.5'],
    ['0.05', 3, 4, '0.175'],
    ['0.02', 3, 4, '0.07'],
    ['0.01', 10002, 10001, '100.015'],
  ])('tick %s, %d and %d: %s', (tick, bid, ask, text) => expect(midText(Scale.ofStep(tick), bid, ask)).toBe(text));

  it('is exact up to the largest prices', () => {
    const price = fc.integer({ min: 0, max: Number.MAX_SAFE_INTEGER });
    fc.assert(
      fc.property(price, price, (bid, ask) => {
        const [whole = '', half = '0'] = midText(Scale.ofStep('1'), bid, ask).split('.');
        expect(BigInt(whole) * 2n + (half === '5' ? 1n : 0n)).toBe(BigInt(bid) + BigInt(ask));
      }),
    );
  });
});
