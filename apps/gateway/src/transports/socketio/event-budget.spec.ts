import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { EventBudget } from './event-budget.ts';

describe('the events that a client may send', () => {
  it('are never more than those of a second, and of the time since, however they come', () => {
    const limits = { eventsPerSecond: 10, refusalsMax: 5 };
    fc.assert(
      fc.property(fc.array(fc.record({ waitMs: fc.nat(500), events: fc.nat(30) })), (bursts) => {
        let nowMs = 1_000;
        const budget = new EventBudget(limits, () => nowMs);
        let taken = 0;
        for (const { waitMs, events } of bursts) {
          nowMs += waitMs;
          for (let i = 0; i < events; i++) if (budget.take()) taken++;
          expect(taken).toBeLessThanOrEqual(10 + ((nowMs - 1_000) * 10) / 1_000 + 1e-6);
        }
      }),
    );
  });

  it('are taken as fast as they are allowed, for ever', () => {
    let nowMs = 0;
    const budget = new EventBudget({ eventsPerSecond: 10, refusalsMax: 0 }, () => nowMs);
    for (let i = 0; i < 1_000; i++, nowMs += 100) expect(budget.take()).toBe(true);
    expect(budget.isAbused).toBe(false);
  });

  it('are abuse when refused again and again without a rest, not when a rest comes in between', () => {
    let nowMs = 0;
    const budget = new EventBudget({ eventsPerSecond: 10, refusalsMax: 5 }, () => nowMs);
    for (let second = 0; second < 20; second++, nowMs += 2_000) for (let i = 0; i < 15; i++) budget.take();
    expect(budget.isAbused).toBe(false);
    for (let i = 0; i < 16; i++) budget.take();
    expect(budget.isAbused).toBe(true);
  });
});
