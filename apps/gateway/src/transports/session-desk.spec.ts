import { DepthcastError } from '@depthcast/protocol';
import { afterEach, describe, expect, it, jest } from '@jest/globals';
import { AddressLimit } from './address-limit.ts';
import { type Guest, SessionDesk } from './session-desk.ts';

const nowMs = () => Math.round(performance.now());

class FakeGuest implements Guest {
  endedMs = Number.NaN;
  said = '';
  isReading = true;
  left = 0;
  readonly socket = { destroyed: false, destroy: () => this.#gone() };
  #closed: (() => void)[] = [];

  onClose(closed: () => void): void {
    this.#closed.push(closed);
  }

  end(text: string): void {
    this.said = text;
    this.endedMs = nowMs();
    if (this.isReading) this.#gone();
  }

  #gone(): void {
    this.socket.destroyed = true;
    for (const closed of this.#closed.splice(0)) closed();
  }
}

function deskOf(count: number, drainMs: number): { desk: SessionDesk; guests: FakeGuest[] } {
  const desk = new SessionDesk({
    sessionsMax: 10_000,
    addresses: new AddressLimit(10_000),
    drainMs,
    isStarted: () => true,
  });
  const guests = Array.from({ length: count }, () => new FakeGuest());
  for (const guest of guests) desk.enter(guest, '::1', () => guest.left++);
  return { desk, guests };
}

describe('a desk', () => {
  afterEach(() => {
    jest.useRealTimers();
  });

  it('says goodbye to many evenly over the time it has, each with another time to come back', async () => {
    jest.useFakeTimers();
    const { desk, guests } = deskOf(1_000, 5_000);
    const startedMs = nowMs();
    const drained = desk.drain();
    expect(desk.refuses('::1')?.code).toBe('OVERLOADED');
    await jest.advanceTimersByTimeAsync(8_000);
    await drained;
    const endsMs = guests.map(({ endedMs }) => endedMs - startedMs);
    for (let half = 0; half < 10; half++) {
      const ended = endsMs.filter((ms) => ms >= half * 500 && ms < (half + 1) * 500);
      expect(ended.length).toBeGreaterThanOrEqual(90);
      expect(ended.length).toBeLessThanOrEqual(111);
    }
    expect(guests.every(({ left }) => left === 1)).toBe(true);
    const retries = guests.map(({ said }) => Number(/^retry: (\d+)\n\n$/.exec(said)?.[1]));
    expect(Math.min(...retries)).toBeGreaterThanOrEqual(500);
    expect(Math.max(...retries)).toBeLessThanOrEqual(1_000);
    expect(new Set(retries).size).toBeGreaterThan(200);
    expect(desk.closed.get('drain')).toBe(1_000);
  });

  it('says it to a hundred at once, and to any number where it has no time', async () => {
    for (const [count, drainMs] of [
      [100, 60_000],
      [1_000, 0],
    ] as const) {
      const { desk, guests } = deskOf(count, drainMs);
      const drained = desk.drain();
      expect(guests.every(({ left }) => left === 1)).toBe(true);
      await drained;
    }
  });

  it('does not wait for those who do not read their goodbye for longer than two seconds', async () => {
    jest.useFakeTimers();
    const { desk, guests } = deskOf(3, 5_000);
    (guests[1] as FakeGuest).isReading = false;
    let isDrained = false;
    void desk.drain().then(() => {
      isDrained = true;
    });
    await jest.advanceTimersByTimeAsync(1_900);
    expect(isDrained).toBe(false);
    await jest.advanceTimersByTimeAsync(200);
    expect(isDrained).toBe(true);
  });

  it('closes one that is too slow with the reason and a time to come back, and cuts it off when it does not read that', async () => {
    jest.useFakeTimers();
    const { desk, guests } = deskOf(3, 5_000);
    const slow = guests[1] as FakeGuest;
    slow.isReading = false;
    const error = new DepthcastError('SESSION_TOO_SLOW', 'fell back');
    desk.dismissSlow(slow.socket as never, error);
    expect(slow.said).toMatch(/^retry: \d+\n\nevent: error\ndata: .*"error":"SESSION_TOO_SLOW".*\n\n$/);
    expect(slow.said).toContain('"code":503');
    expect(slow.left).toBe(1);
    await jest.advanceTimersByTimeAsync(4_900);
    expect(slow.socket.destroyed).toBe(false);
    await jest.advanceTimersByTimeAsync(200);
    expect(slow.socket.destroyed).toBe(true);
    expect(guests.map(({ left }) => left)).toEqual([0, 1, 0]);
    expect(desk.closed.get('session_too_slow')).toBe(1);
  });
});
