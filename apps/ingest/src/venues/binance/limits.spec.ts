import { describe, expect, it } from '@jest/globals';
import { AttemptBudget } from './attempt-budget.ts';
import { backoffMs } from './backoff.ts';
import { marketSymbol } from './market-symbol.ts';
import { planConnections } from './streams.ts';
import { WeightBudget } from './weight-budget.ts';

describe('backoff', () => {
  it('doubles its ceiling with each attempt up to the cap, and may wait anything below it', () => {
    const almostOne = { baseMs: 250, capMs: 30_000, random: () => 0.999_999 };
    expect([0, 1, 2, 3, 7, 8, 50, 5_000].map((attempt) => backoffMs(attempt, almostOne))).toEqual([
      250, 500, 1_000, 2_000, 30_000, 30_000, 30_000, 30_000,
    ]);
    expect(backoffMs(5, { ...almostOne, random: () => 0 })).toBe(0);
    expect(backoffMs(5, { ...almostOne, random: () => 0.5 })).toBe(4_000);
  });

  it('begins to double where it is told to', () => {
    const late = { baseMs: 1_000, capMs: 30_000, growsFrom: 3, random: () => 0.999_999 };
    expect([0, 1, 2, 3, 4, 5, 6, 99].map((attempt) => backoffMs(attempt, late))).toEqual([
      1_000, 1_000, 1_000, 2_000, 4_000, 8_000, 16_000, 30_000,
    ]);
  });

  it('spreads over the whole range by default', () => {
    const waits = Array.from({ length: 300 }, () => backoffMs(2, { baseMs: 1_000, capMs: 30_000 }));
    expect(Math.min(...waits)).toBeLessThan(1_000);
    expect(Math.max(...waits)).toBeGreaterThan(3_000);
    expect(Math.max(...waits)).toBeLessThanOrEqual(4_000);
  });
});

describe('the connection budget', () => {
  it('never lets more than 300 attempts into any 5 minutes', () => {
    const budget = new AttemptBudget();
    const madeMs: number[] = [];
    for (let nowMs = 0; nowMs < 1_200_000; nowMs += 100) if (budget.take(nowMs) === 0) madeMs.push(nowMs);
    expect(madeMs).toHaveLength(1_200);
    for (const [i, atMs] of madeMs.entries())
      expect(atMs - (madeMs[i - 300] ?? Number.NEGATIVE_INFINITY)).toBeGreaterThanOrEqual(300_000);
  });

  it('says how long to wait', () => {
    const budget = new AttemptBudget(2, 1_000);
    expect([budget.take(0), budget.take(400), budget.take(500), budget.take(1_000)]).toEqual([0, 0, 500, 0]);
  });
});

describe('the weight budget', () => {
  it('lets a burst pass, then an even rate', () => {
    const budget = new WeightBudget(3_000);
    let passed = 0;
    for (let nowMs = 0; nowMs <= 60_000; nowMs += 50) if (budget.take(250, nowMs) === 0) passed++;
    // 12 from the full bucket and 12 that a minute refills.
    expect(passed).toBe(24);
    expect(budget.take(250, 60_050)).toBeGreaterThan(0);
  });

  it('silences everything for as long as the venue said', () => {
    const budget = new WeightBudget();
    budget.pauseUntil(7_000);
    budget.pauseUntil(5_000);
    expect(budget.take(1, 1_000)).toBe(6_000);
    expect(budget.take(1, 7_000)).toBe(0);
  });
});

describe('connections', () => {
  it('carry at most 1,024 streams and a URL that front ends take, with no symbol left out', () => {
    const markets = Array.from({ length: 900 }, (_, i) => marketSymbol(`A${i}USDT`, 'spot', '0.01', '1'));
    const plans = planConnections('wss://venue.example/', markets);
    expect(plans.flatMap((plan) => plan.markets)).toEqual(markets);
    for (const { url, markets: carried } of plans) {
      const streams = (url.split('streams=')[1] as string).split('/');
      expect(streams).toHaveLength(carried.length * 3);
      expect(streams.length).toBeLessThanOrEqual(1_024);
      expect(url.length).toBeLessThan(8_000);
    }
    expect(plans[0]?.url).toMatch(
      /^wss:\/\/venue.example\/stream\?streams=a0usdt@depth@100ms\/a0usdt@bookTicker\/a0usdt@trade\//,
    );
  });
});
