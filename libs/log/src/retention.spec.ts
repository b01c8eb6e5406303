import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import type { Position } from './position.ts';
import { entriesOf, type Landed, RETAIN_BYTES_MAX, RETAIN_ENTRIES_MAX, RETAIN_MS, Retention } from './retention.ts';
import type { Tip } from './tip.ts';

const at = (offset: number): Position => ({ epoch: 1, term: 1, offset, crc: offset, inboxId: '0-0' });
const tipAt = (offset: number) => at(offset) as Tip;

function batchOf(offset: number, entries: readonly string[]): Landed {
  const lengths = Uint32Array.from(entries, (text) => text.length);
  return { before: at(offset), after: at(offset + entries.length / 2), text: entries.join(''), lengths };
}

const entries = fc
  .array(fc.tuple(fc.string(), fc.string({ unit: 'grapheme' })), { minLength: 1, maxLength: 5 })
  .map((pairs) => pairs.flat());

describe('what is kept of the log', () => {
  it('is what was given, from any batch on, for as long as it may be lost', () => {
    fc.assert(
      fc.property(
        fc.array(fc.record({ entries, stepMs: fc.integer({ min: 0, max: RETAIN_MS / 4 }) }), { minLength: 1 }),
        (batches) => {
          const retention = new Retention();
          const model: { offset: number; entries: readonly string[]; landedMs: number }[] = [];
          let [offset, nowMs] = [0, 0];
          for (const batch of batches) {
            nowMs += batch.stepMs;
            retention.keep(batchOf(offset, batch.entries), nowMs);
            model.push({ offset, entries: batch.entries, landedMs: nowMs });
            offset += batch.entries.length / 2;
          }
          for (const [i, { offset: from, landedMs }] of model.entries()) {
            const kept = retention.after(tipAt(from))?.flatMap(entriesOf);
            const all = model.slice(i).flatMap((batch) => batch.entries);
            expect(kept).toEqual(nowMs - landedMs > RETAIN_MS ? undefined : all);
          }
          expect(retention.after(tipAt(offset))).toBeUndefined();
          expect(retention.after({ ...tipAt(0), crc: 77 })).toBeUndefined();
        },
      ),
    );
  });

  it('is not made older by an outage, since only what lands makes room', () => {
    const retention = new Retention();
    retention.keep(batchOf(0, ['a', 'b']), 0);
    // An hour later the repair comes before anything else lands.
    expect(retention.after(tipAt(0))?.flatMap(entriesOf)).toEqual(['a', 'b']);
    retention.keep(batchOf(1, ['a', 'b']), 3_600_000);
    expect(retention.after(tipAt(0))).toBeUndefined();
  });

  it('is no more entries than one repair may append, and no more bytes than a process can spare', () => {
    const thousand = Array.from({ length: 2_000 }, () => 'x');
    const retention = new Retention();
    for (let i = 0; i < 300; i++) retention.keep(batchOf(i * 1_000, thousand), 0);
    expect(retention.entries).toBe(RETAIN_ENTRIES_MAX);
    expect(retention.after(tipAt(100_000))).toHaveLength(200);
    expect(retention.after(tipAt(99_000))).toBeUndefined();

    const large = ['x', 'y'.repeat(2 ** 20)];
    for (let i = 0; i < 300; i++) retention.keep(batchOf(300_000 + i, large), 0);
    expect(retention.entries).toBe(RETAIN_BYTES_MAX / 2 ** 20 - 1);
  });
});
