import type { LogEntry } from '@depthcast/log';
import type { Cursor } from '@depthcast/protocol';
import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { bridge } from './bridge.ts';

const entry = (epoch: number, offset: number, previousTail?: Cursor | null): LogEntry => {
  const tail = previousTail ? `"${previousTail.epoch}-${previousTail.offset}"` : null;
  return previousTail === undefined
    ? { epoch, offset, topic: 'clock', payload: Buffer.from('{}') }
    : {
        epoch,
        offset,
        topic: 'epoch',
        payload: Buffer.from(`{"epoch":${epoch},"previous_tail":${tail},"reason":"x"}`),
      };
};
const at = (epoch: number, offset: number): Cursor => ({ epoch, offset });
const seamless = { holes: [], orphanedAfter: [] };

describe('bridge', () => {
  it('says nothing where an entry follows', () => {
    expect(bridge(at(5, 2), entry(5, 3), [5])).toEqual(seamless);
    expect(bridge(at(5, 2), entry(9, 0, at(5, 2)), [5])).toEqual(seamless);
    expect(bridge(undefined, entry(5, 0, null), [])).toEqual(seamless);
  });

  it('names a hole where the log begins beyond what is stored', () => {
    const hole = (after: Cursor | null, next: Cursor) => ({ ...seamless, holes: [{ after, next }] });
    expect(bridge(at(5, 2), entry(5, 4), [5])).toEqual(hole(at(5, 2), at(5, 4)));
    expect(bridge(at(5, 2), entry(9, 3), [5])).toEqual(hole(at(5, 2), at(9, 3)));
    expect(bridge(at(5, 2), entry(9, 0, at(5, 3)), [5])).toEqual(hole(at(5, 2), at(9, 0)));
    expect(bridge(at(5, 2), entry(9, 0, at(7, 0)), [5])).toEqual(hole(at(5, 2), at(9, 0)));
    expect(bridge(at(5, 2), entry(9, 0, null), [5])).toEqual(hole(at(5, 2), at(9, 0)));
    expect(bridge(undefined, entry(5, 3), [])).toEqual(hole(null, at(5, 3)));
    expect(bridge(undefined, entry(5, 0, at(4, 1)), [])).toEqual(hole(null, at(5, 0)));
  });

  it('orphans what Redis had lost when an epoch began: the end of one, and all of those after it', () => {
    expect(bridge(at(5, 9), entry(9, 0, at(5, 2)), [5])).toEqual({ holes: [], orphanedAfter: [at(5, 2)] });
    expect(bridge(at(7, 9), entry(9, 0, at(3, 2)), [3, 5, 7])).toEqual({
      holes: [],
      orphanedAfter: [at(3, 2), at(5, -1), at(7, -1)],
    });
  });

  it('agrees with a naive timeline: what is stored and not orphaned is what the log had, but for the holes', () => {
    const history = fc.record({
      lengths: fc.array(fc.integer({ min: 1, max: 6 }), { minLength: 1, maxLength: 4 }),
      storedAt: fc.nat(20),
      lost: fc.nat(20),
      trimmed: fc.nat(20),
    });
    fc.assert(
      fc.property(history, ({ lengths, storedAt, lost, trimmed }) => {
        // Epochs 0, 1, 2 … each follow the one before; then the end is lost, and one more epoch begins.
        const all = lengths.flatMap((length, epoch) => Array.from({ length }, (_, offset) => at(epoch, offset)));
        const stored = all.slice(0, 1 + (storedAt % all.length));
        const left = all.slice(0, Math.max(1, all.length - lost));
        const tail = left.at(-1) as Cursor;
        const next = entry(lengths.length, 0, tail);
        const held = [...left, at(next.epoch, 0)].slice(Math.min(trimmed, left.length));
        const last = stored.at(-1) as Cursor;
        const first = held.find((id) => id.epoch > last.epoch || (id.epoch === last.epoch && id.offset > last.offset));
        if (!first) return;
        const isOpening = first.epoch === next.epoch;
        const opens = first.offset === 0 && first.epoch > 0;
        const before = opens ? at(first.epoch - 1, (lengths[first.epoch - 1] as number) - 1) : undefined;
        const firstEntry = isOpening ? next : entry(first.epoch, first.offset, before);
        const { holes, orphanedAfter } = bridge(last, firstEntry, [...new Set(stored.map(({ epoch }) => epoch))]);
        const isOrphaned = ({ epoch, offset }: Cursor) =>
          orphanedAfter.some((after) => after.epoch === epoch && offset > after.offset);
        const kept = stored.filter((id) => !isOrphaned(id));
        const missing = left.filter((id) => !stored.includes(id) && !held.includes(id));
        expect(holes).toEqual(missing.length > 0 ? [{ after: last, next: first }] : []);
        expect(kept).toEqual(isOpening && missing.length === 0 ? stored.filter((id) => left.includes(id)) : stored);
      }),
      { numRuns: 1_000 },
    );
  });
});
