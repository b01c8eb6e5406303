import { describe, expect, it } from '@jest/globals';
import { LagWatch } from './lag.ts';

const at = (offset: number, epoch = 5) => ({ epoch, offset });
const redis = { bytesPerEntry: 500, usedBytes: 30e6, maxBytes: 100e6 };

/** 1,000 events/s for so many seconds, a look at it each half second. */
function run(lag: LagWatch, seconds: number, stored: (tip: number) => number, fromMs = 0) {
  let told = lag.sample({ tip: at(fromMs), ...redis }, at(stored(fromMs)), fromMs);
  for (let ms = fromMs + 500; ms <= fromMs + seconds * 1_000; ms += 500) {
    told = lag.sample({ tip: at(ms), ...redis }, at(stored(ms)), ms);
  }
  return told;
}

describe('LagWatch', () => {
  it('says how many events are missing, and for how long', () => {
    const lag = new LagWatch();
    expect(run(lag, 10, (tip) => tip)).toMatchObject({ events: 0, seconds: 0 });
    expect(run(lag, 20, () => 10_000, 10_000)).toMatchObject({ events: 20_000, seconds: 19.5 });
    expect(run(lag, 1, (tip) => tip - 2_000, 30_500).seconds).toBeCloseTo(1.5);
  });

  it('stays right over hours, though it keeps only so much', () => {
    const lag = new LagWatch();
    expect(run(lag, 7_200, () => 0)).toMatchObject({ events: 7_200_000, seconds: 7_199.5 });
    expect(run(lag, 1, () => 3_600_000, 7_200_000).seconds).toBeGreaterThan(3_500);
  });

  it('says how long the memory lasts at the present rate', () => {
    // 50 MB are left up to 80 %, at 0.5 MB/s.
    expect(run(new LagWatch(), 60, () => 0).memorySecondsLeft).toBeCloseTo(100, 0);
    const lag = new LagWatch();
    const full = { ...redis, usedBytes: 81e6 };
    expect(lag.sample({ tip: at(1), ...full }, at(0), 0).memorySecondsLeft).toBe(0);
    expect(lag.sample({ tip: at(1), ...redis }, at(0), 500).memorySecondsLeft).toBe(Number.POSITIVE_INFINITY);
    const unbounded = { ...redis, maxBytes: 0 };
    expect(lag.sample({ tip: at(900), ...unbounded }, at(0), 1_000).memorySecondsLeft).toBe(Number.POSITIVE_INFINITY);
  });

  it('counts at least the events of the present epoch while an older one is being stored', () => {
    const lag = new LagWatch();
    expect(lag.sample({ tip: at(41, 9), ...redis }, at(7, 5), 0).events).toBe(42);
    expect(lag.sample({ tip: at(41, 9), ...redis }, undefined, 0).events).toBe(42);
    expect(lag.sample({ tip: at(41, 9), ...redis }, at(99, 9), 0).events).toBe(0);
  });
});
