import { expect, it } from '@jest/globals';
import { EPOCH, gatewayOf, newLog } from '../testing/memory-gateway.ts';
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

it("the log's time does not go back where old clocks are read again, and does where another log's come live", () => {
  const clock = new EventClock(() => 0);
  clock.onClock('1704067200000000000', { isReplayed: true });
  clock.onClock('1704067203000000000');
  clock.onClock('1704067201000000000', { isReplayed: true });
  expect(clock.tsNs).toBe('1704067203000000000');
  clock.onClock('1704067204000000000', { isReplayed: true });
  expect(clock.tsNs).toBe('1704067204000000000');
  clock.onClock('1609459200000000000');
  expect([clock.nowUs, clock.tsNs]).toEqual([1_609_459_200_000_000, '1609459200000000000']);
});

it("a gateway that reads its log again dates orders as before, and by another log's clock when that is reached", async () => {
  const log = newLog();
  const second = (n: number) => `{"type":"clock","ts_ns":17040${String(n).padStart(5, '0')}000000000,"second":${n}}`;
  for (let i = 1; i <= 5_000; i++) log.append('clock', second(i));
  const gateway = gatewayOf(log);
  const until = async (offset: number) => {
    for (let i = 0; i < 400 && gateway.window.tail?.offset !== offset; i++)
      await new Promise((resolve) => setTimeout(resolve, 5));
    expect(gateway.window.tail?.offset).toBe(offset);
  };
  await until(5_000);
  const readings: string[] = [];
  const range = log.range.bind(log);
  log.range = (after, countMax) => {
    readings.push(gateway.clock.tsNs);
    return range(after, countMax);
  };
  // The end is lost, another engine goes on, and all of the log is read once more.
  log.lose(1);
  log.openEpoch(EPOCH + 1);
  log.append('clock', second(5_000));
  await until(1);
  expect(gateway.stats.restarts).toBe(2);
  expect(readings.length).toBeGreaterThan(5);
  expect(new Set(readings)).toEqual(new Set(['1704005000000000000']));
  // Another log, of another time.
  log.entries = [];
  log.spans = [];
  log.openEpoch(EPOCH + 2);
  log.append('clock', second(7));
  await new Promise((resolve) => setTimeout(resolve, 300));
  await until(1);
  expect(gateway.clock.tsNs).toBe('1704000007000000000');
  await gateway.stop();
});
