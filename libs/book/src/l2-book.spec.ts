import { Scale } from '@depthcast/protocol';
import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { L2Book } from './l2-book.ts';
import type { WireLevel } from './level-batch.ts';
import type { Side } from './level-view.ts';

const PRICES = Scale.ofStep('0.05');
const SIZES = Scale.ofStep('0.001');
const SIDES: Side[] = ['bid', 'ask'];

const wireLevel = fc
  .tuple(fc.integer({ min: 1, max: 60 }), fc.integer({ min: 0, max: 4 }))
  .map(([price, size]): [string, string] => [PRICES.format(price), SIZES.format(size)]);
const wireLevels = fc.array(wireLevel, { maxLength: 12 });
const message = fc.record({ replace: fc.boolean(), bids: wireLevels, asks: wireLevels });

type Model = Record<Side, Map<number, number>>;

function applyToModel(model: Model, side: Side, levels: readonly WireLevel[]): void {
  for (const [price, size] of levels) {
    if (Number(size) === 0) model[side].delete(PRICES.parse(price));
    else model[side].set(PRICES.parse(price), SIZES.parse(size));
  }
}

function sorted(model: Model, side: Side): [number, number][] {
  return [...model[side]].sort(([a], [b]) => (side === 'bid' ? b - a : a - b));
}

/** A book and its model after the same messages. */
function both(messages: { replace: boolean; bids: WireLevel[]; asks: WireLevel[] }[]): { book: L2Book; model: Model } {
  const book = new L2Book(PRICES, SIZES);
  const model: Model = { bid: new Map(), ask: new Map() };
  for (const { replace, bids, asks } of messages) {
    if (replace) {
      model.bid.clear();
      model.ask.clear();
      book.replace(bids, asks);
    } else book.apply(bids, asks);
    applyToModel(model, 'bid', bids);
    applyToModel(model, 'ask', asks);
  }
  return { book, model };
}

const everyBook = fc.array(message, { minLength: 1, maxLength: 8 }).map(both);

describe('an L2 book equals its naive model', () => {
  it('in its levels, as wire text, after any diffs and snapshots in any order', () => {
    fc.assert(
      fc.property(everyBook, ({ book, model }) => {
        for (const side of SIDES) {
          const expected = sorted(model, side).map(([p, s]) => [PRICES.format(p), SIZES.format(s)]);
          expect(book.wireLevels(side)).toEqual(expected);
          expect(book.wireLevels(side, 3)).toEqual(expected.slice(0, 3));
        }
      }),
    );
  });

  it('in slices, volumes, imbalance and levels within a range', () => {
    fc.assert(
      fc.property(everyBook, fc.integer({ min: 0, max: 15 }), ({ book, model }, depth) => {
        const volumes = SIDES.map((side) => {
          const best = sorted(model, side).slice(0, depth);
          const sum = best.reduce((total, [, size]) => total + size, 0);
          expect(book.volume(side, depth)).toBe(sum);
          expect(book.slice(side, depth)).toEqual(
            best.map(([price, size], i) => ({
              price,
              size,
              cumulative: best.slice(0, i + 1).reduce((total, [, s]) => total + s, 0),
            })),
          );
          const top = best[0]?.[0] ?? 0;
          const near = sorted(model, side).filter(([p]) => depth > 0 && Math.abs(p - top) <= depth);
          if (depth > 0) expect(book.levelsWithin(side, depth)).toBe(near.length);
          return sum;
        });
        const [bid = 0, ask = 0] = volumes;
        expect(book.imbalance(depth)).toBe(bid + ask === 0 ? 0 : (bid - ask) / (bid + ask));
      }),
    );
  });

  it('in spread and mid, which need both sides', () => {
    fc.assert(
      fc.property(everyBook, ({ book, model }) => {
        const bid = sorted(model, 'bid')[0]?.[0];
        const ask = sorted(model, 'ask')[0]?.[0];
        const known = bid !== undefined && ask !== undefined;
        expect(book.spread()).toBe(known ? ask - bid : undefined);
        expect(book.mid()).toBe(known ? ask + bid : undefined);
        expect(book.midText() === undefined).toBe(!known);
        if (known) expect(Number(book.midText())).toBeCloseTo(((bid + ask) * 0.05) / 2, 9);
      }),
    );
  });
});

describe('a refused message leaves the book as it was', () => {
  const good: WireLevel = ['10.05', '1.000'];
  const cases: [string, unknown, string][] = [
    ['a price off the tick', ['10.01', '1'], 'price "10.01" is not a multiple of 0.05'],
    ['a size off the step', ['10.05', '0.0001'], 'size "0.0001" is not a multiple of 0.001'],
    ['a sign', ['-10.05', '1'], 'price "-10.05" is not a plain decimal'],
    ['no digits', ['10.05', ''], 'size "" is not a plain decimal'],
    ['more than is exact', ['10.05', '9999999999999999'], 'is beyond'],
    ['numbers instead of text', [10.05, 1], 'price: [10.05,1] is not a level'],
    ['a size that is a number', ['10.05', 1], 'price: ["10.05",1] is not a level'],
    ['three parts', ['10.05', '1', '2'], 'is not a level [price, size]'],
    ['one part', ['10.05'], 'is not a level [price, size]'],
    ['no level at all', null, 'price: null is not a level'],
  ];

  it.each(cases)('%s', (_name, bad, problem) => {
    for (const side of SIDES) {
      const book = new L2Book(PRICES, SIZES);
      book.apply([['9.95', '1']], [['10.10', '2']]);
      const levels = [good, bad as WireLevel];
      const change = () => (side === 'bid' ? book.apply(levels, [good]) : book.apply([good], levels));
      const snapshot = () => (side === 'bid' ? book.replace(levels, [good]) : book.replace([good], levels));
      expect(change).toThrow(`${side} `);
      expect(change).toThrow(problem);
      expect(snapshot).toThrow(problem);
      book.commit(); // nothing may have stayed staged
      expect([book.wireLevels('bid'), book.wireLevels('ask')]).toEqual([[['9.95', '1.000']], [['10.10', '2.000']]]);
    }
  });

  it('levels nested deeper than the stack are refused like any other', () => {
    const deep = JSON.parse(`${'['.repeat(200_000)}${']'.repeat(200_000)}`);
    expect(() => new L2Book(PRICES, SIZES).apply(deep, [])).toThrow('bid price: [[…]] is not a level');
  });
});

it('staged levels change nothing until they are committed', () => {
  const book = new L2Book(PRICES, SIZES);
  book.stage([['1.00', '1']], []);
  expect(book.bids.length).toBe(0);
  book.stage([['2.00', '1']], []);
  book.commit();
  book.commit();
  expect(book.wireLevels('bid')).toEqual([['2.00', '1.000']]);
});
