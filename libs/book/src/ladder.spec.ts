import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { Ladder } from './ladder.ts';
import type { Side } from './level-view.ts';

/** The plainest ladder: a map, sorted when asked, bounded after every change. */
class NaiveLadder {
  readonly levels = new Map<number, number>();
  constructor(
    readonly side: Side,
    readonly levelsMax: number,
  ) {}

  set(price: number, size: number): void {
    if (size === 0) this.levels.delete(price);
    else this.levels.set(price, size);
    const worst = this.sorted().at(-1);
    if (this.levels.size > this.levelsMax && worst) this.levels.delete(worst[0]);
  }

  sorted(): [number, number][] {
    return [...this.levels].sort(([a], [b]) => (this.side === 'bid' ? b - a : a - b));
  }
}

function contents(ladder: Ladder): [number, number][] {
  return Array.from({ length: ladder.length }, (_, rank) => [ladder.priceOf(rank), ladder.sizeOf(rank)]);
}

const change = (pricesMax: number) =>
  fc.record({ price: fc.integer({ min: 0, max: pricesMax }), size: fc.integer({ min: 0, max: 3 }) });

describe('a ladder equals a sorted map', () => {
  it.each(['bid', 'ask'] as const)('%s: after every change, in contents, lookups and counts', (side) => {
    fc.assert(
      fc.property(fc.array(change(40), { maxLength: 120 }), (changes) => {
        const ladder = new Ladder(side);
        const naive = new NaiveLadder(side, Number.POSITIVE_INFINITY);
        for (const { price, size } of changes) {
          ladder.set(price, size);
          naive.set(price, size);
          expect(contents(ladder)).toEqual(naive.sorted());
        }
        for (let price = 0; price <= 41; price++) {
          expect(ladder.sizeAt(price)).toBe(naive.levels.get(price) ?? 0);
          const upTo = naive.sorted().filter(([p]) => (side === 'bid' ? p >= price : p <= price)).length;
          expect(ladder.countUpTo(price)).toBe(upTo);
        }
      }),
    );
  });

  it('over thousands of levels, beyond its first capacity and across the whole price range', () => {
    fc.assert(
      fc.property(fc.array(change(5_000), { minLength: 2_000, maxLength: 4_000 }), (changes) => {
        const ladder = new Ladder('ask');
        const naive = new NaiveLadder('ask', Number.POSITIVE_INFINITY);
        for (const { price, size } of changes) {
          ladder.set(price, size);
          if (size === 0) naive.levels.delete(price);
          else naive.levels.set(price, size);
        }
        expect(contents(ladder)).toEqual(naive.sorted());
      }),
      { numRuns: 20 },
    );
  });

  it('holds the largest safe integers', () => {
    const ladder = new Ladder('ask');
    ladder.set(Number.MAX_SAFE_INTEGER, Number.MAX_SAFE_INTEGER);
    ladder.set(Number.MAX_SAFE_INTEGER - 1, 1);
    ladder.set(0, 2);
    expect(contents(ladder)).toEqual([
      [0, 2],
      [Number.MAX_SAFE_INTEGER - 1, 1],
      [Number.MAX_SAFE_INTEGER, Number.MAX_SAFE_INTEGER],
    ]);
  });
});

describe('a full ladder', () => {
  it.each(['bid', 'ask'] as const)('%s: drops the level furthest from the best', (side) => {
    fc.assert(
      fc.property(fc.array(change(20), { maxLength: 80 }), fc.integer({ min: 1, max: 6 }), (changes, levelsMax) => {
        const ladder = new Ladder(side, levelsMax);
        const naive = new NaiveLadder(side, levelsMax);
        for (const { price, size } of changes) {
          ladder.set(price, size);
          naive.set(price, size);
          expect(contents(ladder)).toEqual(naive.sorted());
        }
      }),
    );
  });

  it.each([0, -1, 1.5, Number.NaN])('cannot have a limit of %s', (levelsMax) => {
    expect(() => new Ladder('bid', levelsMax)).toThrow('is not a whole number ≥ 1');
  });
});

it('a cleared ladder is empty and serves again', () => {
  const ladder = new Ladder('bid');
  for (let price = 0; price < 1_000; price++) ladder.set(price, 1);
  ladder.clear();
  expect(ladder.length).toBe(0);
  expect(ladder.sizeAt(999)).toBe(0);
  ladder.set(5, 7);
  expect(contents(ladder)).toEqual([[5, 7]]);
});
