import { describe, expect, it } from '@jest/globals';
import { exactNumber, join, raw, sql } from './sql.ts';

describe('sql', () => {
  it('binds text wherever it came from, and numbers parts that are put together', () => {
    const names = join([sql`${'a'}`, sql`${"'; DROP TABLE x; --"}`], ', ');
    const built = sql`SELECT ${raw('b')} FROM t WHERE x = ${'first'} AND y IN (${names}) AND z = ${'$1'} AND n = ${7}`;
    expect(built).toEqual({
      text: 'SELECT b FROM t WHERE x = $1 AND y IN ($2, $3) AND z = $4 AND n = 7',
      values: ['first', 'a', "'; DROP TABLE x; --", '$1'],
    });
  });

  it('writes whole numbers, truth and nothing as they are, and no number that is not whole', () => {
    expect(sql`${2 ** 53 - 1} ${-5} ${true} ${null}`.text).toBe('9007199254740991 -5 true NULL');
    for (const number of [2 ** 53, 0.5, Number.NaN, Number.POSITIVE_INFINITY])
      expect(() => sql`${number}`).toThrow(RangeError);
  });

  it('reads 64-bit integers exactly or not at all', () => {
    expect(exactNumber(2n ** 53n - 1n)).toBe(2 ** 53 - 1);
    expect(exactNumber('-42')).toBe(-42);
    expect(() => exactNumber('9007199254740993')).toThrow(/9007199254740993, beyond/);
  });
});
