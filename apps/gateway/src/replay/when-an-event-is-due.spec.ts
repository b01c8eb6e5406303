import { describe, expect, it } from '@jest/globals';
import { EventTimes, timeOf } from './event-times.ts';
import { ReplayClock } from './replay-clock.ts';
import { parseReplay } from './replay-params.ts';

const NOW = Date.parse('2026-01-01T00:00:00Z');
const event = (seconds: number) => Buffer.from(`{"ts_ns":${seconds}000000000}`);

describe('the time of an event', () => {
  it('is its own, to the microsecond', () => {
    expect(timeOf(Buffer.from('{"type":"market","ts_ns":1704067200123456789}'))).toBe(1_704_067_200_123_456);
    expect(timeOf(Buffer.from('{"symbol":"A","timestamp":1704067200123}'))).toBe(1_704_067_200_123_000);
    expect(timeOf(Buffer.from('{"type":"epoch","ts_ns":"x"}'))).toBeUndefined();
  });

  it('never goes back, and is not ahead of the clock by more than a second', () => {
    const times = new EventTimes();
    const of = (type: string, seconds: number) => times.of(type, event(seconds)) / 1e6;
    expect([of('market', 10), of('clock', 12), of('market', 11), of('market', 12)]).toEqual([10, 12, 12, 12]);
    expect([of('market', 99), of('clock', 14), of('market', 14)]).toEqual([13, 14, 14]);
    expect(times.of('epoch', Buffer.from('{}'))).toBe(14_000_000);
  });
});

describe('an event', () => {
  it('is due after its distance from the start, divided by the speed', () => {
    const clock = new ReplayClock(4, 1_000, 10_000_000);
    expect([clock.dueMs(10_000_000), clock.dueMs(12_000_000), clock.dueMs(14_000_000)]).toEqual([1_000, 1_500, 2_000]);
  });

  it('is due at once when it is the first after a cursor', () => {
    const clock = new ReplayClock(1, 1_000, undefined);
    expect([clock.dueMs(50_000_000), clock.dueMs(51_000_000)]).toEqual([1_000, 2_000]);
  });

  it('after hours in which nothing ran is due after five seconds of them, however often it is asked about', () => {
    const clock = new ReplayClock(1, 0, 0);
    clock.dueMs(1_000_000);
    const due = [clock.dueMs(7_201_000_000), clock.dueMs(7_201_000_000), clock.dueMs(7_202_000_000)];
    expect(due).toEqual([6_000, 6_000, 7_000]);
  });
});

describe('from and speed', () => {
  it.each([
    [{}, undefined],
    [{ from: '1767225600000-7' }, { from: { epoch: 1_767_225_600_000, offset: 7 }, speed: 1 }],
    [
      { from: ' 1700000000000 ', speed: '1000' },
      { from: 1_700_000_000_000, speed: 1_000 },
    ],
    [
      { from: '2024-08-08T00:00:00.5+02:00', speed: 'MAX' },
      { from: 1_723_068_000_500 - 0, speed: Number.POSITIVE_INFINITY },
    ],
    [{ from: '2024-08-08' }, { from: 1_723_075_200_000, speed: 1 }],
  ])('%j are read', (query, expected) => {
    const read = parseReplay(query, NOW);
    if (expected === undefined) expect(read).toBeUndefined();
    else expect(read).toMatchObject(expected);
  });

  it.each([
    [{ from: 'yesterday' }, 'from "yesterday" is not allowed: takes ms since 1970'],
    [{ from: '' }, 'from "" is not allowed'],
    [{ from: '2024-08-08T00:00:00' }, 'with its zone'],
    [{ from: '-5' }, 'from "-5" is not allowed'],
    [{ from: '2024-13-01' }, 'from "2024-13-01" is not allowed'],
    [{ from: '2026-01-01T00:00:01Z' }, 'takes what has been, up to 2026-01-01T00:00:00.000Z'],
    [{ from: '0', speed: '0' }, 'speed "0" is not allowed: takes 1 to 1000, or max'],
    [{ from: '0', speed: '2000' }, 'speed "2000" is not allowed'],
    [{ from: '0', speed: '1.5' }, 'speed "1.5" is not allowed'],
    [{ from: '0', speed: 'abc' }, 'speed "abc" is not allowed'],
    [{ speed: '5' }, 'takes the parameter from beside it'],
    [{ from: ['0', '1'] }, 'one value'],
    [{ 'from[]': '0' }, 'is no parameter'],
  ])('%j are refused with the parameter named', (query, message) => {
    expect(() => parseReplay(query, NOW)).toThrow(message);
  });
});
