import { expect, it } from '@jest/globals';
import fc from 'fast-check';
import { OrderDesk } from './order-desk.ts';
import { Play, paperBalances, type Step } from './paper-play.ts';

const kind = <T extends string>(name: T) => fc.constant(name);
const part = fc.integer({ min: 1, max: 100 });
const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 5,
    arbitrary: fc.record({
      kind: kind('order'),
      account: fc.nat(2),
      id: fc.nat(30),
      of: fc.nat(1),
      side: fc.constantFrom('BUY' as const, 'SELL' as const),
      lots: fc.integer({ min: 0, max: 900 }),
      ticks: fc.integer({ min: 0, max: 40_000 }),
      atMarket: fc.boolean(),
      tif: fc.constantFrom('GTC' as const, 'IOC' as const, 'FOK' as const),
      refused: fc.integer({ min: 0, max: 9 }).map((n) => n === 0),
      fillable: fc.integer({ min: 0, max: 100 }),
    }),
  },
  {
    weight: 6,
    arbitrary: fc.record({ kind: kind('fill'), which: fc.nat(), part, better: fc.nat(100), counter: fc.nat(3) }),
  },
  { weight: 2, arbitrary: fc.record({ kind: kind('close'), which: fc.nat(), expired: fc.boolean() }) },
  { weight: 1, arbitrary: fc.record({ kind: kind('clock'), seconds: fc.constantFrom(1, 1, 60, 90_000) }) },
);

it('whatever is ordered and traded: exact, conserved, never negative, all of it said', () => {
  let [steps, fills, insufficient] = [0, 0, 0];
  const reached = new Set<string>();
  fc.assert(
    fc.property(fc.array(step, { minLength: 60, maxLength: 120 }), (sequence) => {
      const play = new Play();
      for (const next of sequence) {
        const events = play.run(next);
        // One expectation a step: each costs as much as all else here.
        expect(play.check(events)).toEqual([]);
        for (const { payload } of events) {
          for (const word of payload.match(/"status":"\w+"|"qty":-|"unrealized_pnl":-/g) ?? []) reached.add(word);
          if (payload.includes('insufficient_balance')) insufficient++;
        }
      }
      steps += sequence.length;
      fills += play.fills;
    }),
    { numRuns: 150 },
  );
  expect(steps).toBeGreaterThan(10_000);
  expect(fills).toBeGreaterThan(1_000);
  expect(insufficient).toBeGreaterThan(100);
  for (const word of ['"qty":-', '"unrealized_pnl":-']) expect(reached).toContain(word);
  for (const status of ['ACCEPTED', 'PARTIALLY_FILLED', 'FILLED', 'CANCELLED', 'REJECTED', 'EXPIRED'])
    expect(reached).toContain(`"status":"${status}"`);
});

it('a desk that is restored in the middle goes on with the same bytes', () => {
  const sequences = fc.array(step, { minLength: 20, maxLength: 120 });
  fc.assert(
    fc.property(sequences, fc.nat(100), (sequence, percent) => {
      const cut = Math.floor((sequence.length * percent) / 100);
      const [whole, parted] = [new Play(), new Play()];
      sequence.forEach((next, i) => {
        if (i === cut) {
          const memory = JSON.stringify(parted.desk.memory());
          parted.desk = new OrderDesk({ paperBalances }, JSON.parse(memory));
          expect(JSON.stringify(parted.desk.memory())).toBe(memory);
        }
        expect(parted.run(next)).toEqual(whole.run(next));
      });
      expect(parted.desk.accountsState()).toBe(whole.desk.accountsState());
      expect(JSON.stringify(parted.desk.memory())).toBe(JSON.stringify(whole.desk.memory()));
      expect(parted.desk.audit()).toEqual(whole.desk.audit());
    }),
    { numRuns: 100 },
  );
});
