import type { DepthRule } from '@depthcast/protocol';
import { expect, it } from '@jest/globals';
import fc from 'fast-check';
import { type DepthIds, DepthSync } from './depth-sync.ts';

/** A venue of one price level whose size is the update id that set it: any update that is missed shows. */
interface Diff extends DepthIds {
  readonly levels: ReadonlyMap<number, number>;
}

const LEVELS = 7;

/** The book after update `id`: level k holds the last update ≤ id that is k modulo LEVELS. */
function venueBook(id: number): Map<number, number> {
  const book = new Map<number, number>();
  for (let update = Math.max(1, id - LEVELS + 1); update <= id; update++) book.set(update % LEVELS, update);
  return book;
}

function diffOf(prev: number, first: number, last: number): Diff {
  const levels = new Map<number, number>();
  for (let update = first; update <= last; update++) levels.set(update % LEVELS, update);
  return { first, last, prev, levels };
}

type Step =
  | { kind: 'diff'; updates: number; fault: 'none' | 'drop' | 'duplicate' | 'delay' }
  | { kind: 'snapshot'; age: number }
  | { kind: 'reset' };

const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 8,
    arbitrary: fc.record({
      kind: fc.constant('diff' as const),
      updates: fc.integer({ min: 1, max: 4 }),
      fault: fc.constantFrom<('none' | 'drop' | 'duplicate' | 'delay')[]>(
        'none',
        'none',
        'none',
        'drop',
        'duplicate',
        'delay',
      ),
    }),
  },
  { weight: 3, arbitrary: fc.record({ kind: fc.constant('snapshot' as const), age: fc.integer({ min: 0, max: 6 }) }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('reset' as const) }) },
);

function run(rule: DepthRule, steps: Step[]): number {
  const sync = new DepthSync<Diff>(rule, { bufferDiffsMax: 5 });
  let book = new Map<number, number>();
  let venue = LEVELS;
  let checks = 0;
  let delayed: Diff[] = [];
  const put = (diff: Diff) => {
    for (const [level, size] of diff.levels) book.set(level, size);
  };
  const deliver = (diff: Diff) => {
    if (sync.onDiff(diff).kind !== 'apply') return;
    put(diff);
    checks++;
    expect(new Map([...book].sort())).toEqual(new Map([...venueBook(sync.last)].sort()));
  };
  for (const next of steps) {
    if (next.kind === 'diff') {
      const diff = diffOf(venue, venue + 1, venue + next.updates);
      venue = diff.last;
      if (next.fault === 'delay') {
        delayed.push(diff);
        continue;
      }
      if (next.fault !== 'drop') deliver(diff);
      if (next.fault === 'duplicate') deliver(diff);
      for (const late of delayed) deliver(late);
      delayed = [];
    } else if (next.kind === 'snapshot') {
      const last = Math.max(LEVELS, venue - next.age);
      const verdict = sync.onSnapshot(last);
      if (verdict.kind !== 'synced') continue;
      book = venueBook(last);
      for (const diff of verdict.replay) put(diff);
      checks++;
      expect(new Map([...book].sort())).toEqual(new Map([...venueBook(sync.last)].sort()));
    } else sync.reset();
  }
  return checks;
}

it.each(['spot', 'usdm'] as const)('%s: whatever is dropped, repeated, delayed or too old', (rule) => {
  let checks = 0;
  fc.assert(
    fc.property(fc.array(step, { minLength: 20, maxLength: 60 }), (steps) => {
      checks += run(rule, steps);
    }),
    { numRuns: 300 },
  );
  expect(checks).toBeGreaterThan(1_000);
});
