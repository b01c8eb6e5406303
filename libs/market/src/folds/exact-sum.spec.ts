import { Scale } from '@depthcast/protocol';
import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { ExactSum } from './exact-sum.ts';

const MAX = Number.MAX_SAFE_INTEGER;
const whole = fc.oneof(fc.nat(), fc.maxSafeNat(), fc.constantFrom(0, 1, MAX, MAX - 1, 94_906_265, 94_906_266));

describe('a sum', () => {
  it('is exact, whatever is added in whatever order, restored in between or not', () => {
    let big = 0;
    fc.assert(
      fc.property(fc.array(fc.tuple(whole, whole, fc.nat(3))), (steps) => {
        let sum = new ExactSum();
        let exact = 0n;
        for (const [a, b, kind] of steps) {
          if (kind === 0) sum.add(a);
          else if (kind === 1) sum.addProduct(a, b);
          else if (kind === 2) sum.addSum(sum.copy());
          else sum = ExactSum.of(sum.value);
          exact += kind === 0 ? BigInt(a) : kind === 1 ? BigInt(a) * BigInt(b) : kind === 2 ? exact : 0n;
          expect(sum.value).toBe(exact);
          expect([sum.isZero, sum.toNumber()]).toEqual([exact === 0n, Number(exact)]);
        }
        if (exact > 2n ** 53n) big++;
      }),
    );
    expect(big).toBeGreaterThan(20);
  });

  it.each([
    ['0.001', 0n, '0.000'],
    ['0.001', 1_234n, '1.234'],
    ['0.05', 3n, '0.15'],
    ['5', 3n, '15'],
    ['0.001', 9_007_199_254_740_993n, '9007199254740.993'],
    ['0.05', 9_007_199_254_740_991n, '450359962737049.55'],
    ['5', 10n ** 30n, `5${'0'.repeat(30)}`],
  ])('of steps of %s: %p is %s', (step, value, text) => {
    expect(ExactSum.of(value).text(Scale.ofStep(step))).toBe(text);
  });
});
