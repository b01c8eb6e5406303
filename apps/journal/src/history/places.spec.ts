import { partitionOf } from '@depthcast/protocol';
import { describe, expect, it } from '@jest/globals';
import { isBefore, placeIn, Scope, tryPlace } from './places.ts';

const at = (epoch: number, offset: number) => ({ epoch, offset });

describe('a place', () => {
  it('is of one partition, or of each of as many as there are', () => {
    expect(tryPlace('5-7', 1)).toEqual(at(5, 7));
    expect(tryPlace('5-7', 3)).toEqual(at(5, 7));
    expect(tryPlace('5-7_a-b_0-0', 3)).toEqual([at(5, 7), at(10, 11), at(0, 0)]);
    for (const [text, partitions] of [
      ['5-7_a-b_0-0', 1],
      ['5-7_a-b_0-0', 2],
      ['5-7_', 2],
      ['', 2],
      ['5', 2],
    ] as const) {
      expect(tryPlace(text, partitions)).toBeUndefined();
    }
    expect(placeIn(1, [at(1, 1), at(2, 2)])).toEqual(at(2, 2));
    expect(placeIn(1, at(3, 3))).toEqual(at(3, 3));
  });

  it('comes before another where anything can be between them', () => {
    expect(isBefore(at(5, 1), at(5, 2))).toBe(true);
    expect(isBefore(at(5, 2), at(5, 2))).toBe(false);
    expect(isBefore([at(5, 2), at(5, 2)], [at(5, 2), at(5, 3)])).toBe(true);
    expect(isBefore([at(5, 2), at(5, 3)], [at(5, 2), at(5, 2)])).toBe(false);
    expect(isBefore([at(5, 2), at(5, 3)], at(1, 1))).toBe(true);
  });
});

describe('what an answer is about', () => {
  const symbols = ['BTCUSD', 'ETHUSD', 'SOLUSD', 'SIMUSD', 'DOGEUSD', 'XRPUSD'];

  it('is one partition alone with one symbol, theirs with several, and all without', () => {
    expect(new Scope(4).partitions).toEqual([0, 1, 2, 3]);
    expect(new Scope(4, symbols).partitions).toEqual(
      [...new Set(symbols.map((symbol) => partitionOf(symbol, 4)))].sort(),
    );
    for (const symbol of symbols) expect(new Scope(4, [symbol]).partitions).toEqual([partitionOf(symbol, 4)]);
    expect(new Scope(1, symbols).partitions).toEqual([0]);
  });

  it('takes a cursor of one partition where there is no doubt of which, and says places in that form', () => {
    for (const symbol of symbols) {
      const scope = new Scope(4, [symbol]);
      const own = partitionOf(symbol, 4);
      expect(scope.placeOfEach('after', at(5, 7))[own]).toEqual(at(5, 7));
      expect(scope.placeOfEach('after', at(5, 7)).filter(Boolean)).toHaveLength(1);
      expect(scope.format(scope.placeOfEach('after', at(5, 7)))).toBe('5-7');
      const each = [at(1, 0), at(2, 0), at(3, 0), at(4, 0)];
      expect(scope.format(scope.placeOfEach('after', each))).toBe(`${own + 1}-0`);
    }
    expect(new Scope(1).format(new Scope(1).placeOfEach('after', at(5, 7)))).toBe('5-7');
    expect(() => new Scope(4, symbols).placeOfEach('before', at(5, 7))).toThrow(
      expect.objectContaining({ code: 'CURSOR_INVALID', message: expect.stringMatching(/^before: 5-7 .*one of 4/) }),
    );
  });

  it('says where it has not begun in a partition as the beginning', () => {
    expect(new Scope(3).format([undefined, at(36, 37)])).toBe('0-0_10-11_0-0');
  });
});
