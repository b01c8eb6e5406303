import { describe, expect, it } from '@jest/globals';
import { keysOf, partitionsOf } from './partitions.ts';

describe('PARTITIONS', () => {
  it.each([
    [undefined, 1],
    ['', 1],
    [' 4 ', 4],
    ['64', 64],
  ])('%j are %j', (given, count) => {
    expect(partitionsOf({ PARTITIONS: given })).toBe(count);
  });

  it.each(['0', '65', '-1', '4x', '1e1'])('are not %j, and it is said what may be', (given) => {
    expect(() => partitionsOf({ PARTITIONS: given })).toThrow(
      expect.objectContaining({
        code: 'CONFIG_INVALID',
        message: `PARTITIONS: got "${given}", takes a whole number from 1 to 64`,
      }),
    );
  });

  it('have a key each', () => {
    expect(keysOf('leader', 2)).toEqual(['depthcast:{0}:leader', 'depthcast:{1}:leader']);
  });
});
