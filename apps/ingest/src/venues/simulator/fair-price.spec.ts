import { describe, expect, it } from '@jest/globals';
import { FairPrice, RANGE } from './fair-price.ts';
import { Prng } from './prng.ts';
import { symbolProfile } from './symbol-profile.ts';

const MOVES = 300_000;

describe('the fair price', () => {
  it.each([1, 2, 3])('comes back to where it started, however long it wanders (seed %d)', (seed) => {
    const profile = symbolProfile('BTCUSD');
    const price = new FairPrice(profile, new Prng(`${seed}`));
    let squares = 0;
    let above = 0;
    let bursting = 0;
    for (let i = 0; i < MOVES; i++) {
      price.move();
      const moves = (price.ticks - profile.startTicks) / profile.moveTicks;
      squares += moves ** 2;
      if (moves > 0) above++;
      if (price.isBursting) bursting++;
    }
    const deviation = Math.sqrt(squares / MOVES);
    // Without the pull it would be some hundreds.
    expect(deviation).toBeGreaterThan(30);
    expect(deviation).toBeLessThan(100);
    expect(above / MOVES).toBeGreaterThan(0.2);
    expect(above / MOVES).toBeLessThan(0.8);
    expect(bursting / MOVES).toBeGreaterThan(0.03);
    expect(bursting / MOVES).toBeLessThan(0.1);
  });

  it('never leaves its range, however wildly it moves', () => {
    const profile = { ...symbolProfile('ADAUSD'), moveTicks: 500 };
    const price = new FairPrice(profile, new Prng('wild'));
    const seen = Array.from({ length: 10_000 }, () => {
      price.move();
      return price.ticks / profile.startTicks - 1;
    });
    expect(Math.min(...seen)).toBeCloseTo(-RANGE);
    expect(Math.max(...seen)).toBeCloseTo(RANGE);
  });
});
