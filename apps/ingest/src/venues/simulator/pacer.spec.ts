import { describe, expect, it } from '@jest/globals';
import { Pacer } from './pacer.ts';

const START_US = 5_000_000;

function take(pacer: Pacer, nowUs: number): number[] {
  const dueUs: number[] = [];
  pacer.skipStall(nowUs);
  for (; pacer.nextDueUs <= nowUs; pacer.pay()) dueUs.push(pacer.nextDueUs);
  return dueUs;
}

describe.each([3.3, 10, 999, 50_000])('a pace of %d a second', (rate) => {
  it('is exact to a microsecond over a minute, however uneven the timers', () => {
    const pacer = new Pacer(rate, START_US);
    const dueUs: number[] = [];
    for (let nowUs = START_US; nowUs < START_US + 60_000_000; nowUs += 1_000 + ((nowUs * 7) % 90_000)) {
      dueUs.push(...take(pacer, nowUs));
    }
    expect(dueUs.length).toBeGreaterThan(59.8 * rate - 1);
    const wrong = dueUs.filter((us, i) => Math.abs(us - START_US - ((i + 1) * 1_000_000) / rate) > 0.51);
    expect(wrong).toEqual([]);
  });
});

describe('a pacer', () => {
  it('makes up at most 100 ms after a stall, and goes on at its pace', () => {
    const pacer = new Pacer(1_000, 0);
    expect(take(pacer, 50_000)).toHaveLength(50);
    const owed = take(pacer, 60_000_000);
    expect(owed).toHaveLength(101);
    expect(owed[0]).toBe(59_900_000);
    expect(take(pacer, 60_010_000)).toHaveLength(10);
    expect(take(pacer, 60_010_000)).toHaveLength(0);
  });

  it('does not forget what a slow pace owes, however late the timer', () => {
    const pacer = new Pacer(2, 0);
    expect(take(pacer, 499_000)).toEqual([]);
    expect(take(pacer, 520_000)).toEqual([500_000]);
    expect(pacer.nextDueUs).toBe(1_000_000);
    expect(take(pacer, 1_300_000)).toEqual([1_200_000]);
  });
});
