import { describe, expect, it } from '@jest/globals';
import { Pacer } from './pacer.ts';
import { Prng } from './prng.ts';

describe.each([3.3, 10, 999, 50_000])('a pace of %d updates a second', (rate) => {
  it('is exact to one update over a minute of uneven timers', () => {
    const random = new Prng('timers');
    const pacer = new Pacer(rate, 5_000);
    let nowMs = 5_000;
    let taken = 0;
    while (nowMs < 65_000) {
      nowMs += 1 + random.unit() * 15;
      taken += pacer.take(nowMs);
      expect(Math.abs(taken - ((nowMs - 5_000) * rate) / 1_000)).toBeLessThanOrEqual(1.000_001);
    }
  });
});

describe('a pacer', () => {
  it('makes up at most 100 ms after a stall, and goes on at its pace', () => {
    const pacer = new Pacer(1_000, 0);
    expect(pacer.take(50)).toBe(50);
    const owed = pacer.take(60_000);
    expect(owed).toBeGreaterThanOrEqual(99);
    expect(owed).toBeLessThanOrEqual(102);
    expect(pacer.take(60_010)).toBeLessThanOrEqual(11);
    expect(pacer.take(60_010)).toBe(0);
  });

  it('does not forget an update of a slow pace, however late the timer', () => {
    const pacer = new Pacer(2, 0);
    expect(pacer.take(499)).toBe(0);
    expect(pacer.take(520)).toBe(1);
    expect(pacer.nextDueMs()).toBeCloseTo(1_000);
  });
});
