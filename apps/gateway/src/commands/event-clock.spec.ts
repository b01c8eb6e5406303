import { expect, it } from '@jest/globals';
import { EventClock } from './event-clock.ts';

it("the log's time goes on for a second after each of its clocks, and then stands", () => {
  let nowMs = 1_800_000_000_000;
  const clock = new EventClock(() => nowMs);
  expect([clock.nowUs, clock.tsNs]).toEqual([1_800_000_000_000_000, '1800000000000000000']);
  clock.onClock('1704067200000000000');
  expect([clock.nowUs, clock.tsNs]).toEqual([1_704_067_200_000_000, '1704067200000000000']);
  nowMs += 400;
  expect(clock.nowUs).toBe(1_704_067_200_400_000);
  // The same clock again, in another batch or after a restart, does not set it back.
  clock.onClock('1704067200000000000');
  expect(clock.nowUs).toBe(1_704_067_200_400_000);
  nowMs += 60_000;
  expect(clock.nowUs).toBe(1_704_067_200_999_999);
  nowMs -= 3_600_000;
  expect(clock.nowUs).toBe(1_704_067_200_000_000);
  clock.onClock('1704067203000000000');
  expect(clock.nowUs).toBe(1_704_067_203_000_000);
});
