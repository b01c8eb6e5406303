import { Timeline } from '@depthcast/log';
import { describe, expect, it } from '@jest/globals';
import { linked } from './journal-epochs.ts';

const epoch = (number: number, ordinal: number, tail?: string) => {
  const [of = 0, offset = 0] = tail?.split('-').map(Number) ?? [];
  return { epoch: number, ordinal, previousTail: tail === undefined ? undefined : { epoch: of, offset } };
};

describe('the epochs of the journal', () => {
  it('lead up to those of Redis, with its ordinals', () => {
    const redis = new Timeline([epoch(4, 3, '3-9')]);
    expect(linked([epoch(1, 0), epoch(2, 1, '1-5'), epoch(3, 2, '2-7'), epoch(4, 3, '3-9')], redis)).toEqual([
      epoch(1, 0),
      epoch(2, 1, '1-5'),
      epoch(3, 2, '2-7'),
      epoch(4, 3, '3-9'),
    ]);
  });

  it('pass over one that Redis has lost, though the journal had met it', () => {
    const redis = new Timeline([epoch(4, 2, '2-60')]);
    const kept = new Timeline(
      linked([epoch(1, 0), epoch(2, 1, '1-50'), epoch(3, 2, '2-60'), epoch(4, 3, '2-60')], redis),
    );
    expect(kept.locate({ epoch: 1, offset: 10 })).toBe('held');
    expect([kept.epochOf(0), kept.epochOf(1), kept.epochOf(2)]).toEqual([1, 2, 4]);
    expect(kept.locate({ epoch: 3, offset: 1 })).toBe('unknown');
    expect(kept.locate({ epoch: 2, offset: 61 })).toBe('forked');
  });

  it('of another log count for nothing', () => {
    expect(linked([epoch(1, 0), epoch(2, 1, '1-5')], new Timeline([epoch(9, 0)]))).toEqual([]);
  });
});
