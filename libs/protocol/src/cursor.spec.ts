import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import {
  type Cursor,
  compareCursors,
  formatCursor,
  formatIntegerCursor,
  formatSessionCursor,
  isSuccessor,
  parseCursor,
  successor,
  tryParseCursor,
  tryParseIntegerCursor,
  tryParseSessionCursor,
} from './cursor.ts';

const cursor: fc.Arbitrary<Cursor> = fc.record({
  epoch: fc.integer({ min: 1, max: 9_000_000_000_000 }),
  offset: fc.integer({ min: 0, max: 999_999_999_999 }),
});

/** An error with that code; toThrow wants the type of one. */
const coded = (code: string) => expect.objectContaining({ code }) as unknown as Error;

describe('a cursor', () => {
  it('survives its text form', () => {
    fc.assert(fc.property(cursor, (c) => expect(parseCursor(formatCursor(c))).toEqual(c)));
  });

  it('is nothing else than two plain whole numbers', () => {
    for (const text of [
      '',
      '1',
      '1-',
      '-1',
      '1-2-3',
      '01-2',
      '1-02',
      '+1-2',
      '1.0-2',
      '1e3-2',
      ' 1-2',
      '1-2\n',
      '1-2\0',
      '１-2',
      '9007199254740993-0',
      'NaN-0',
      '0x1-2',
    ]) {
      expect([text, tryParseCursor(text)]).toEqual([text, undefined]);
      expect(() => parseCursor(text)).toThrow(coded('CURSOR_INVALID'));
    }
    fc.assert(
      fc.property(fc.string(), (text) => {
        const parsed = tryParseCursor(text);
        if (parsed) expect(formatCursor(parsed)).toBe(text);
      }),
    );
  });

  it('orders by epoch, then offset, totally', () => {
    fc.assert(
      fc.property(cursor, cursor, cursor, (a, b, c) => {
        expect(Math.sign(compareCursors(a, b))).toBe(-Math.sign(compareCursors(b, a)) + 0);
        if (compareCursors(a, b) <= 0 && compareCursors(b, c) <= 0) expect(compareCursors(a, c)).toBeLessThanOrEqual(0);
        if (compareCursors(a, b) === 0) expect(a).toEqual(b);
      }),
    );
  });

  it('has exactly one successor in its epoch', () => {
    fc.assert(
      fc.property(cursor, cursor, (a, b) => {
        expect(isSuccessor(a, successor(a))).toBe(true);
        if (a.epoch === b.epoch) expect(isSuccessor(a, b)).toBe(b.offset === a.offset + 1);
      }),
    );
  });

  it('is followed by a later epoch only when that epoch took over exactly there', () => {
    fc.assert(
      fc.property(cursor, fc.integer({ min: 1, max: 1000 }), cursor, (a, later, other) => {
        const next = { epoch: a.epoch + later, offset: 0 };
        expect(isSuccessor(a, next, a)).toBe(true);
        expect(isSuccessor(a, next)).toBe(false);
        expect(isSuccessor(a, { ...next, offset: 1 }, a)).toBe(false);
        expect(isSuccessor(a, { epoch: a.epoch - later, offset: 0 }, a)).toBe(false);
        if (compareCursors(a, other) !== 0) expect(isSuccessor(a, next, other)).toBe(false);
      }),
    );
  });
});

describe('the integer form', () => {
  const position = fc.record({
    ordinal: fc.integer({ min: 0, max: 9_006 }),
    offset: fc.integer({ min: 0, max: 999_999_999_999 }),
  });

  it('comes back as it went', () => {
    fc.assert(
      fc.property(position, ({ ordinal, offset }) => {
        expect(tryParseIntegerCursor(formatIntegerCursor(ordinal, offset))).toEqual({ ordinal, offset });
      }),
    );
  });

  it('rises with every event, over epochs too, and stays a safe integer', () => {
    fc.assert(
      fc.property(position, position, (a, b) => {
        const [x, y] = [a, b].map((p) => Number(formatIntegerCursor(p.ordinal, p.offset))) as [number, number];
        expect(Number.isSafeInteger(x)).toBe(true);
        expect(Math.sign(x - y)).toBe(Math.sign(a.ordinal - b.ordinal || a.offset - b.offset));
      }),
    );
  });

  it('is the plain offset in the first epoch', () => {
    expect(formatIntegerCursor(0, 123)).toBe('123');
    expect(formatIntegerCursor(1, 5)).toBe('1000000000005');
  });

  it('refuses what is not one', () => {
    for (const text of ['', '-1', '1.5', '007', '1e3', '99999999999999999999', '1-2', 'abc']) {
      expect([text, tryParseIntegerCursor(text)]).toEqual([text, undefined]);
    }
  });
});

describe('a session cursor', () => {
  it('of one partition is the plain cursor', () => {
    expect(formatSessionCursor([{ epoch: 1767225600000, offset: 42 }])).toBe('1767225600000-42');
  });

  it('names every partition and comes back as it went', () => {
    fc.assert(
      fc.property(fc.array(cursor, { minLength: 1, maxLength: 16 }), (cursors) => {
        const text = formatSessionCursor(cursors);
        expect(tryParseSessionCursor(text, cursors.length)).toEqual(cursors);
        expect(tryParseSessionCursor(text, cursors.length + 1)).toBeUndefined();
        // It has to stand in an id: line and in a URL as it is, and under the 128 bytes a browser sends freely.
        expect(text).toMatch(/^[0-9a-z_-]+$/);
      }),
    );
  });

  it('of four partitions fits what a browser sends without a preflight', () => {
    const far = { epoch: 9_000_000_000_000, offset: 999_999_999_999 };
    expect(formatSessionCursor([far, far, far, far]).length).toBeLessThanOrEqual(128);
  });
});
