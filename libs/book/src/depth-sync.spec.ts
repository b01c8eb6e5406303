import { describe, expect, it } from '@jest/globals';
import { type DepthIds, DepthSync } from './depth-sync.ts';

const spot = (first: number, last: number): DepthIds => ({ first, last });
const usdm = (prev: number, first: number, last: number): DepthIds => ({ first, last, prev });

function buffered(rule: 'spot' | 'usdm', ...diffs: DepthIds[]): DepthSync<DepthIds> {
  const sync = new DepthSync<DepthIds>(rule);
  for (const diff of diffs) expect(sync.onDiff(diff)).toEqual({ kind: 'buffered' });
  return sync;
}

describe('spot', () => {
  it('a snapshot older than the first buffered U is refetched, which leaves it buffering', () => {
    const sync = buffered('spot', spot(10, 12), spot(13, 15));
    expect(sync.onSnapshot(9)).toEqual({ kind: 'refetch', snapshot: 9, first: 10 });
    expect(sync.state).toBe('buffering');
    expect(sync.onDiff(spot(16, 16))).toEqual({ kind: 'buffered' });
    expect(sync.onSnapshot(10)).toEqual({ kind: 'synced', replay: [spot(10, 12), spot(13, 15), spot(16, 16)] });
    expect(sync.last).toBe(16);
  });

  it('buffered diffs with u ≤ lastUpdateId are dropped, the next contains lastUpdateId + 1', () => {
    const sync = buffered('spot', spot(10, 12), spot(13, 15));
    expect(sync.onSnapshot(12)).toEqual({ kind: 'synced', replay: [spot(13, 15)] });
    expect(sync.last).toBe(15);
  });

  it('a snapshot newer than the whole buffer stands alone, and the next diff must contain its successor', () => {
    const sync = buffered('spot', spot(10, 12));
    expect(sync.onSnapshot(20)).toEqual({ kind: 'synced', replay: [] });
    expect(sync.onDiff(spot(13, 20))).toEqual({ kind: 'dropped' });
    expect(sync.onDiff(spot(19, 22))).toEqual({ kind: 'apply' });
    expect(sync.last).toBe(22);
  });

  it('an empty buffer takes any snapshot; the first diff after it may not begin late', () => {
    const sync = buffered('spot');
    expect(sync.onSnapshot(7)).toEqual({ kind: 'synced', replay: [] });
    expect(sync.onDiff(spot(9, 9))).toEqual({ kind: 'gap', expected: 8, got: 9 });
  });

  it('U is the previous u + 1; a later U is a gap, said once, and buffered for the resync', () => {
    const sync = buffered('spot');
    sync.onSnapshot(7);
    expect(sync.onDiff(spot(8, 9))).toEqual({ kind: 'apply' });
    expect(sync.onDiff(spot(8, 9))).toEqual({ kind: 'dropped' });
    expect(sync.onDiff(spot(11, 12))).toEqual({ kind: 'gap', expected: 10, got: 11 });
    expect([sync.state, sync.last]).toEqual(['gap', 9]);
    expect(sync.onDiff(spot(13, 14))).toEqual({ kind: 'buffered' });
    expect(sync.onSnapshot(12)).toEqual({ kind: 'synced', replay: [spot(13, 14)] });
  });
});

describe('USD-M', () => {
  it('diffs with u < lastUpdateId are dropped, one that ends at it is applied', () => {
    const sync = buffered('usdm', usdm(5, 8, 10), usdm(10, 14, 20));
    expect(sync.onSnapshot(20)).toEqual({ kind: 'synced', replay: [usdm(10, 14, 20)] });
  });

  it('the first has U ≤ lastUpdateId ≤ u, though ids have holes', () => {
    const sync = buffered('usdm', usdm(5, 8, 10), usdm(10, 14, 20), usdm(20, 25, 30));
    expect(sync.onSnapshot(15)).toEqual({ kind: 'synced', replay: [usdm(10, 14, 20), usdm(20, 25, 30)] });
  });

  it('or its pu is lastUpdateId', () => {
    const sync = buffered('usdm', usdm(10, 14, 20));
    expect(sync.onSnapshot(10)).toEqual({ kind: 'synced', replay: [usdm(10, 14, 20)] });
  });

  it('a snapshot that no buffered diff joins is refetched', () => {
    const sync = buffered('usdm', usdm(10, 14, 20));
    expect(sync.onSnapshot(9)).toEqual({ kind: 'refetch', snapshot: 9, first: 14 });
    expect(sync.state).toBe('buffering');
  });

  it('the first diff after a snapshot with an empty buffer is held to the same rule', () => {
    for (const [diff, verdict] of [
      [usdm(5, 8, 9), { kind: 'dropped' }],
      [usdm(5, 8, 10), { kind: 'apply' }],
      [usdm(5, 8, 12), { kind: 'apply' }],
      [usdm(10, 14, 20), { kind: 'apply' }],
      [usdm(11, 14, 20), { kind: 'gap', expected: 10, got: 11 }],
    ] as const) {
      const sync = buffered('usdm');
      sync.onSnapshot(10);
      expect(sync.onDiff(diff)).toEqual(verdict);
    }
  });

  it('then pu is the previous u, anything else a gap, even an overlap', () => {
    const sync = buffered('usdm');
    sync.onSnapshot(10);
    sync.onDiff(usdm(5, 8, 12));
    expect(sync.onDiff(usdm(12, 15, 18))).toEqual({ kind: 'apply' });
    expect(sync.onDiff(usdm(12, 15, 18))).toEqual({ kind: 'dropped' });
    expect(sync.onDiff(usdm(17, 18, 22))).toEqual({ kind: 'gap', expected: 18, got: 17 });
    expect(sync.onDiff(usdm(22, 23, 24))).toEqual({ kind: 'buffered' });
    expect(sync.onSnapshot(19)).toEqual({ kind: 'synced', replay: [usdm(17, 18, 22), usdm(22, 23, 24)] });
  });

  it('a diff without pu cannot follow another', () => {
    const sync = buffered('usdm');
    sync.onSnapshot(10);
    sync.onDiff(usdm(5, 8, 12));
    expect(sync.onDiff(spot(13, 14))).toEqual({ kind: 'gap', expected: 12, got: 13 });
  });
});

describe('the buffer', () => {
  it('begins anew at a diff that does not follow, since no snapshot bridges the hole', () => {
    const sync = buffered('spot', spot(1, 2), spot(5, 6), spot(7, 8));
    expect(sync.onSnapshot(2)).toEqual({ kind: 'refetch', snapshot: 2, first: 5 });
    expect(sync.onSnapshot(5)).toEqual({ kind: 'synced', replay: [spot(5, 6), spot(7, 8)] });
  });

  it('drops duplicates and stragglers', () => {
    const sync = buffered('spot', spot(5, 6), spot(7, 8));
    for (const diff of [spot(7, 8), spot(5, 6), spot(3, 4)]) expect(sync.onDiff(diff)).toEqual({ kind: 'dropped' });
    expect(sync.onSnapshot(6)).toEqual({ kind: 'synced', replay: [spot(7, 8)] });
  });

  it('is bounded: the oldest go, and a snapshot from before them is too old', () => {
    const sync = new DepthSync<DepthIds>('spot', { bufferDiffsMax: 3 });
    for (let id = 1; id <= 10; id++) sync.onDiff(spot(id, id));
    expect(sync.bufferedDiffs).toBe(3);
    expect(sync.onSnapshot(7)).toEqual({ kind: 'refetch', snapshot: 7, first: 8 });
    expect(sync.onSnapshot(8)).toEqual({ kind: 'synced', replay: [spot(9, 9), spot(10, 10)] });
  });

  it.each([0, 1.5, -1])('cannot be bounded by %s', (bufferDiffsMax) => {
    expect(() => new DepthSync('spot', { bufferDiffsMax })).toThrow('is not a whole number ≥ 1');
  });

  it.each(['spot', 'usdm'] as const)(
    '%s: an id sent by mistake, far ahead of the venue, does not hold it for ever',
    (rule) => {
      const sync = buffered(rule, usdm(8e15 - 2, 8e15 - 1, 8e15));
      expect(sync.onDiff(usdm(10, 11, 12))).toEqual({ kind: 'dropped' });
      expect(sync.onSnapshot(12).kind).toBe('refetch');
      expect(sync.onDiff(usdm(12, 13, 14))).toEqual({ kind: 'buffered' });
      expect(sync.onSnapshot(13)).toEqual({ kind: 'synced', replay: [usdm(12, 13, 14)] });
    },
  );
});

describe('a synced book', () => {
  it('takes a newer snapshot and ignores an older one', () => {
    const sync = buffered('spot');
    sync.onSnapshot(10);
    expect(sync.onSnapshot(9)).toEqual({ kind: 'ignored', last: 10 });
    expect(sync.onSnapshot(14)).toEqual({ kind: 'synced', replay: [] });
    expect(sync.onDiff(spot(11, 14))).toEqual({ kind: 'dropped' });
    expect(sync.onDiff(spot(12, 16))).toEqual({ kind: 'apply' });
  });

  it('forgets everything on reset', () => {
    const sync = buffered('spot');
    sync.onSnapshot(10);
    sync.reset();
    expect([sync.state, sync.last]).toEqual(['buffering', 0]);
    expect(sync.onDiff(spot(3, 4))).toEqual({ kind: 'buffered' });
    sync.reset();
    expect(sync.onSnapshot(1)).toEqual({ kind: 'synced', replay: [] });
  });
});
