import { describe, expect, it } from '@jest/globals';
import type { DepthInput, DepthSnapshotInput } from '../venue.ts';
import { DepthFeed } from './depth-feed.ts';

const common = { symbol: 'X', bids: [], asks: [], tsEventUs: 1, tsRecvUs: 1 };
const diff = (first: number, last: number): DepthInput => ({ type: 'depth', first, last, ...common });
const snapshot = (last: number): DepthSnapshotInput => ({ type: 'depth_snapshot', last, ...common });

function feed() {
  const asked: (number | 'cancel')[] = [];
  const emitted: string[] = [];
  const source = { request: (attempt: number) => asked.push(attempt), cancel: () => asked.push('cancel') };
  const depth = new DepthFeed('spot', source, (input) =>
    emitted.push(input.type === 'depth' ? `${input.first}-${input.last}` : `snapshot ${input.last}`),
  );
  depth.up();
  asked.length = 0;
  return { depth, asked, emitted };
}

describe('a depth feed', () => {
  it('asks for one snapshot once the first diff is here, and passes everything on in order', () => {
    const { depth, asked, emitted } = feed();
    expect(asked).toEqual([]);
    depth.onDiff(diff(1, 5));
    depth.onDiff(diff(6, 9));
    expect(asked).toEqual([0]);
    depth.onSnapshot(snapshot(7));
    depth.onDiff(diff(10, 12));
    expect(depth.synced).toBe(true);
    expect(asked).toEqual([0]);
    expect(emitted).toEqual(['1-5', '6-9', 'snapshot 7', '10-12']);
  });

  it('asks again, each time more patiently, while snapshots are older than its diffs', () => {
    const { depth, asked } = feed();
    depth.onDiff(diff(100, 105));
    depth.onSnapshot(snapshot(50));
    depth.onSnapshot(snapshot(60));
    expect(asked).toEqual([0, 1, 2]);
    depth.onSnapshot(snapshot(103));
    expect(depth.synced).toBe(true);
    // The next loss begins at no wait again.
    depth.onDiff(diff(200, 205));
    expect(asked).toEqual([0, 1, 2, 0]);
  });

  it('asks at a gap and not at duplicates', () => {
    const { depth, asked } = feed();
    depth.onDiff(diff(1, 5));
    depth.onSnapshot(snapshot(5));
    depth.onDiff(diff(1, 5));
    depth.onDiff(diff(6, 8));
    depth.onDiff(diff(6, 8));
    expect(asked).toEqual([0]);
    depth.onDiff(diff(10, 12));
    depth.onDiff(diff(13, 14));
    expect(depth.synced).toBe(false);
    expect(asked).toEqual([0, 0]);
  });

  it('drops its question when the feed goes down, and takes no late answer', () => {
    const { depth, asked, emitted } = feed();
    depth.onDiff(diff(1, 5));
    depth.down();
    expect(asked).toEqual([0, 'cancel']);
    depth.onSnapshot(snapshot(5));
    expect(emitted).toEqual(['1-5']);
    depth.up();
    depth.onDiff(diff(50, 55));
    expect(asked).toEqual([0, 'cancel', 'cancel', 0]);
  });
});
