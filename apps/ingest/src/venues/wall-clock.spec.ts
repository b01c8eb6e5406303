import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
import { SteadyClock } from './wall-clock.ts';

const START_MS = 1_767_225_600_123;

beforeEach(() => void jest.useFakeTimers({ now: START_MS }));
afterEach(() => void jest.useRealTimers());

describe('the steady clock', () => {
  it('is wall time, and goes on when the clock is set back', () => {
    const clock = new SteadyClock();
    expect(clock.nowUs()).toBe(START_MS * 1_000);
    jest.advanceTimersByTime(2_500);
    expect(clock.nowUs()).toBe((START_MS + 2_500) * 1_000);
    jest.setSystemTime(START_MS - 3_600_000);
    jest.advanceTimersByTime(100);
    expect(clock.nowUs()).toBe((START_MS + 2_600) * 1_000);
  });

  it('jumps when the clock is set forward, or the machine has slept', () => {
    const clock = new SteadyClock();
    jest.setSystemTime(START_MS + 3_600_000);
    expect(clock.nowUs()).toBe((START_MS + 3_600_000) * 1_000);
    jest.advanceTimersByTime(100);
    expect(clock.nowUs()).toBe((START_MS + 3_600_100) * 1_000);
  });
});
