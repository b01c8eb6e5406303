import { describe, expect, it } from '@jest/globals';
import { LogGapError } from './entries.ts';
import { logLine, readLogLines } from './log-lines.ts';

const lines = (...texts: string[]) => Buffer.from(texts.join(''));

describe('entries as lines', () => {
  it('come out as they went in, whatever the payload holds but a line end', () => {
    const bytes = lines(logLine(7, 1, 'trade:AB', '{"a": "x y ✓"}'), logLine(7, 2, 'clock', ''));
    const read = readLogLines(bytes, { epoch: 7, offset: 0 });
    expect(read.map(({ epoch, offset, topic, payload }) => [epoch, offset, topic, payload.toString()])).toEqual([
      [7, 1, 'trade:AB', '{"a": "x y ✓"}'],
      [7, 2, 'clock', ''],
    ]);
  });

  it('a hole among them is an error', () => {
    const bytes = lines(logLine(7, 1, 'clock', '{}'), logLine(7, 3, 'clock', '{}'));
    expect(() => readLogLines(bytes, undefined)).toThrow(LogGapError);
    expect(() => readLogLines(lines(logLine(7, 5, 'clock', '{}')), { epoch: 7, offset: 3 })).toThrow(LogGapError);
  });

  it('a line that was cut off is an error', () => {
    expect(() => readLogLines(lines('7-1 clock {}\n7-2 clo'), undefined)).toThrow('not a line');
    expect(() => readLogLines(lines('7-1 clock\n7-2 clock {}\n'), undefined)).toThrow('not a line');
  });
});
