import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { TopicTable } from './topics.ts';
import { Window } from './window.ts';

const topic = new TopicTable().intern('market:A');
const payload = Buffer.from('{"price":1}');
const LIMITS = { bytesMax: 200_000, entriesMax: 1_000, segmentBytes: 1_000 };

describe('the window', () => {
  it('finds the position after every cursor it holds, and none other, through epochs and evictions', () => {
    const epochs = fc.array(fc.integer({ min: 1, max: 200 }), { minLength: 1, maxLength: 8 });
    fc.assert(
      fc.property(epochs, (lengths) => {
        const window = new Window(LIMITS);
        const all: { epoch: number; offset: number }[] = [];
        for (const [i, length] of lengths.entries()) {
          for (let offset = 0; offset < length; offset++) {
            window.append(100 + i, i, offset, topic, payload);
            window.evict();
            all.push({ epoch: 100 + i, offset });
          }
        }
        expect(window.end).toBe(all.length);
        expect(window.tail).toEqual(all.at(-1));
        for (const [position, cursor] of all.entries()) {
          const isHeld = position + 1 >= window.first && position < window.end;
          expect(window.positionAfter(cursor)).toBe(isHeld ? position + 1 : undefined);
          if (position >= window.first) expect(window.cursorAt(position)).toEqual(cursor);
        }
        expect(window.positionAfter({ epoch: 99, offset: 0 })).toBeUndefined();
        expect(window.positionAfter({ epoch: 100, offset: lengths[0] as number })).toBeUndefined();
        expect(window.bytes).toBeLessThanOrEqual(LIMITS.bytesMax);
      }),
      { numRuns: 50 },
    );
  });

  it('drops the oldest segments beyond its bytes and its entries', () => {
    const window = new Window({ ...LIMITS, bytesMax: 1 << 30, entriesMax: 100 });
    for (let offset = 0; offset < 500; offset++) {
      window.append(1, 0, offset, topic, payload);
      window.evict();
    }
    expect(window.end - window.first).toBeLessThanOrEqual(100);
    expect(window.end - window.first).toBeGreaterThan(50);
  });

  it('takes an entry larger than a segment, and than itself', () => {
    const window = new Window({ ...LIMITS, bytesMax: 5_000 });
    window.append(1, 0, 0, topic, payload);
    window.append(1, 0, 1, topic, Buffer.alloc(50_000, 'x'));
    window.evict();
    expect(window.segmentAt(1).payloadAt(0, topic).length).toBe(50_000);
    expect(window.positionAfter({ epoch: 1, offset: 0 })).toBe(1);
  });

  it('can be resumed at the cursor it began after, and forgets all on a restart', () => {
    const window = new Window(LIMITS);
    window.restart({ epoch: 7, offset: 41 });
    expect(window.tail).toEqual({ epoch: 7, offset: 41 });
    window.append(7, 0, 42, topic, payload);
    expect(window.positionAfter({ epoch: 7, offset: 41 })).toBe(0);
    window.restart({ epoch: 7, offset: 10 });
    expect(window.positionAfter({ epoch: 7, offset: 41 })).toBeUndefined();
    expect(window.positionAfter({ epoch: 7, offset: 10 })).toBe(window.end);
  });
});
