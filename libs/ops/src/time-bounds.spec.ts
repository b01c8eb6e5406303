import { describe, expect, it, jest } from '@jest/globals';
import { nowAndThen } from './now-and-then.ts';
import { within } from './within.ts';

describe('what is waited for within a time', () => {
  it('is what came of it, or nothing, and rejects as it does', async () => {
    expect(await within(Promise.resolve(1), 1_000)).toBe(1);
    expect(await within(new Promise(() => {}), 5)).toBeUndefined();
    await expect(within(Promise.reject(new Error('no')), 1_000)).rejects.toThrow('no');
  });
});

describe('what is told now and then', () => {
  it('is told at once, and then once in so long', () => {
    jest.useFakeTimers();
    const told: string[] = [];
    const tell = nowAndThen(100, (text: string) => told.push(text));
    for (let ms = 0; ms < 250; ms += 10) {
      tell(String(ms));
      jest.advanceTimersByTime(10);
    }
    expect(told).toEqual(['0', '100', '200']);
    jest.useRealTimers();
  });
});
