import { afterEach, describe, expect, it, jest } from '@jest/globals';
import fc from 'fast-check';
import { type HeldConnection, type RateBudget, Rates } from './rates.ts';

let nowMs = 0;
let rates: Rates;
const open = (perSecond: number) => rates.open(perSecond, 'one') as RateBudget;

describe('a connection with a rate', () => {
  afterEach(() => {
    rates.stop();
    jest.useRealTimers();
  });

  it('is sent no more in any stretch of time than its rate and the burst of one second', () => {
    rates = new Rates({ nowMs: () => nowMs });
    const step = fc.record({ afterMs: fc.nat(3_000), count: fc.integer({ min: 1, max: 40 }) });
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 50 }), fc.array(step, { maxLength: 60 }), (perSecond, steps) => {
        const budget = open(perSecond);
        const sent: { atMs: number; count: number }[] = [];
        for (const { afterMs, count } of steps) {
          nowMs += afterMs;
          const { available } = budget;
          expect(budget.take(count)).toBe(count <= available);
          if (count <= available) sent.push({ atMs: nowMs, count });
        }
        for (const [i, { atMs }] of sent.entries()) {
          let count = 0;
          for (const later of sent.slice(i)) {
            count += later.count;
            const allowed = perSecond + ((later.atMs - atMs) / 1_000) * perSecond;
            expect(count).toBeLessThanOrEqual(allowed + 1e-6);
          }
        }
      }),
    );
  });

  it("may ask for less than the operator's rate, and not for more", () => {
    const of = (perSecondMax: number | undefined, asked: number | undefined) => {
      rates = new Rates({ perSecondMax, nowMs: () => nowMs });
      return rates.open(asked, 'one')?.available;
    };
    expect(of(10, 5)).toBe(5);
    expect(of(10, 500)).toBe(10);
    expect(of(10, undefined)).toBe(10);
    expect(of(undefined, 500)).toBe(500);
    expect(of(undefined, undefined)).toBeUndefined();
  });

  it('lets those who wait for it take turns, and counts and tells that they do, once a minute', () => {
    jest.useFakeTimers();
    const told: HeldConnection[] = [];
    rates = new Rates({ nowMs: () => nowMs, onHeld: (held) => told.push(held) });
    const budget = open(100);
    const turns: string[] = [];
    const greedy = (who: 'log' | 'view') => {
      turns.push(who);
      budget.spend(budget.available);
      if (turns.length < 6) budget.hold(who, () => greedy(who));
    };
    budget.spend(100);
    budget.hold('log', () => greedy('log'));
    budget.hold('view', () => greedy('view'));
    // Somebody waits: whoever comes now does not take what is theirs.
    nowMs += 500;
    expect(budget.available).toBe(50);
    expect(budget.take(1)).toBe(false);
    for (let i = 0; i < 12; i++) {
      nowMs += 20;
      jest.advanceTimersByTime(20);
    }
    expect(turns).toEqual(['log', 'view', 'log', 'view', 'log', 'view', 'log']);
    expect(rates.held).toEqual({ log: 4, view: 3 });
    expect(told).toEqual([{ name: 'one', perSecond: 100, held: 1 }]);
    nowMs += 60_000;
    budget.hold('log', () => {});
    expect(told.at(-1)).toEqual({ name: 'one', perSecond: 100, held: 7 });
  });
});
