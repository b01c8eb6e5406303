import { Scale } from '@depthcast/protocol';
import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { L2Book } from './l2-book.ts';

const PRICES = Scale.ofStep('0.1');
const SIZES = Scale.ofStep('1');

function bookOf(levels: [price: number, size: number][]): L2Book {
  const book = new L2Book(PRICES, SIZES);
  const wire = levels.map(([p, s]): [string, string] => [PRICES.format(p), SIZES.format(s)]);
  book.replace(wire, wire);
  return book;
}

describe('the execution price of a volume', () => {
  it('is the average over the levels it takes, best first', () => {
    const book = bookOf([
      [1000, 2],
      [1001, 3],
      [1005, 5],
    ]);
    expect(book.executionPrice('ask', 4)).toEqual({
      kind: 'filled',
      averagePrice: 100.05,
      worstPrice: 1001,
      cost: 4002n,
      levels: 2,
    });
    expect(book.executionPrice('bid', 6)).toEqual({
      kind: 'filled',
      averagePrice: (1005 * 5 + 1001) / 60,
      worstPrice: 1001,
      cost: 6026n,
      levels: 2,
    });
  });

  it('equals the sum over single lots', () => {
    const level = fc.tuple(fc.integer({ min: 1, max: 30 }), fc.integer({ min: 1, max: 5 }));
    fc.assert(
      fc.property(
        fc.uniqueArray(level, { selector: ([price]) => price, minLength: 1, maxLength: 10 }),
        fc.integer({ min: 1, max: 60 }),
        (levels, volume) => {
          const lots = [...levels].sort(([a], [b]) => a - b).flatMap(([p, s]) => new Array<number>(s).fill(p));
          const taken = lots.slice(0, volume);
          const execution = bookOf(levels).executionPrice('ask', volume);
          expect(execution.kind).toBe(lots.length >= volume ? 'filled' : 'thin');
          expect(execution.cost).toBe(BigInt(taken.reduce((sum, price) => sum + price, 0)));
          expect(execution.worstPrice).toBe(taken.at(-1));
          if (execution.kind === 'thin') expect(execution.available).toBe(lots.length);
        },
      ),
    );
  });

  it('says how much there is when the book is too thin', () => {
    expect(bookOf([[1000, 2]]).executionPrice('ask', 3)).toEqual({
      kind: 'thin',
      available: 2,
      averagePrice: 100,
      worstPrice: 1000,
      cost: 2000n,
      levels: 1,
    });
    expect(bookOf([]).executionPrice('bid', 1)).toEqual({ kind: 'thin', available: 0, cost: 0n, levels: 0 });
  });

  it('stays exact where ticks × lots are beyond 2^53', () => {
    const large = Number.MAX_SAFE_INTEGER;
    const book = new L2Book(Scale.ofStep('1'), SIZES);
    book.replace([], [[String(large), String(large)]]);
    expect(book.executionPrice('ask', large)).toMatchObject({ cost: BigInt(large) ** 2n, averagePrice: large });
  });

  it.each([0, -1, 0.5, Number.NaN, 2 ** 53])('refuses a volume of %s lots', (volume) => {
    expect(() => bookOf([[1, 1]]).executionPrice('ask', volume)).toThrow(
      `volume ${volume} is not a whole number of lots`,
    );
  });
});
