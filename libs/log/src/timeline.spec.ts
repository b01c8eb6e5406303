import { describe, expect, it } from '@jest/globals';
import { Timeline } from './timeline.ts';

const timeline = () =>
  new Timeline([
    { epoch: 200, ordinal: 1, previousTail: { epoch: 100, offset: 40 } },
    { epoch: 300, ordinal: 2, previousTail: { epoch: 200, offset: 7 } },
  ]);

describe('a timeline', () => {
  it('holds a cursor up to the tail of its epoch, and calls one beyond it forked', () => {
    expect(timeline().locate({ epoch: 200, offset: 7 })).toBe('held');
    expect(timeline().locate({ epoch: 200, offset: 8 })).toBe('forked');
    expect(timeline().locate({ epoch: 100, offset: 40 })).toBe('held');
    expect(timeline().locate({ epoch: 100, offset: 41 })).toBe('forked');
    expect(timeline().locate({ epoch: 300, offset: 1_000_000 })).toBe('held');
  });

  it('tells what is too old from what never was', () => {
    expect(timeline().locate({ epoch: 99, offset: 0 })).toBe('trimmed');
    expect(timeline().locate({ epoch: 150, offset: 0 })).toBe('unknown');
    expect(timeline().locate({ epoch: 301, offset: 0 })).toBe('unknown');
    const first = new Timeline([{ epoch: 100, ordinal: 0, previousTail: undefined }]);
    expect(first.locate({ epoch: 99, offset: 0 })).toBe('unknown');
    expect(new Timeline([]).locate({ epoch: 1, offset: 0 })).toBe('unknown');
  });

  it('gives ordinals, also of the epoch before the oldest one known', () => {
    expect([100, 200, 300, 400].map((epoch) => timeline().ordinalOf(epoch))).toEqual([0, 1, 2, undefined]);
    expect([0, 1, 2, 3].map((ordinal) => timeline().epochOf(ordinal))).toEqual([100, 200, 300, undefined]);
  });

  it('crosses into each epoch once', () => {
    const crossed = timeline();
    crossed.cross(400, { epoch: 300, offset: 5 });
    crossed.cross(400, { epoch: 300, offset: 5 });
    expect(crossed.current).toMatchObject({ epoch: 400, ordinal: 3 });
    expect(crossed.locate({ epoch: 300, offset: 6 })).toBe('forked');
  });
});
