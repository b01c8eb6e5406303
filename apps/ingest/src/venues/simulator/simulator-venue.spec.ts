import { setTimeout as sleep } from 'node:timers/promises';
import type { UnstampedInput } from '@depthcast/protocol';
import { afterEach, describe, expect, it, jest } from '@jest/globals';
import { type SimulatedMarketOptions } from './simulated-market.ts';
import { SimulatorVenue } from './simulator-venue.ts';

const START_MS = 1_767_225_600_123;
const OPTIONS: SimulatedMarketOptions = { symbols: ['BTCUSD', 'ETHUSD', 'XYZ'], seed: 1, ratePerSecond: 3_000 };

afterEach(() => void jest.useRealTimers());

function follow(venue: SimulatorVenue) {
  const inputs: UnstampedInput[] = [];
  const subscription = venue.inputs().subscribe((input) => inputs.push(input));
  return { inputs, stop: () => subscription.unsubscribe() };
}

const isFlow = ({ type }: UnstampedInput): boolean => type === 'order' || type === 'cancel' || type === 'amend';

describe('the simulator', () => {
  it('gives its books, its rate and seconds, in real time, and stops when unsubscribed', async () => {
    const venue = new SimulatorVenue(OPTIONS);
    venue.resync('before anyone listens: nothing happens');
    const { inputs, stop } = follow(venue);
    const opening = inputs.length;
    expect(inputs.filter(({ type }) => type === 'feed')).toMatchObject(
      OPTIONS.symbols.map((symbol) => ({ symbol, status: 'up', reason: 'start' })),
    );
    const startMs = performance.now();
    await sleep(1_100);
    stop();
    const elapsedMs = performance.now() - startMs;
    const sent = inputs.slice(opening);
    const flow = sent.filter(isFlow).length;
    expect(flow).toBeGreaterThan(elapsedMs * 3 * 0.8);
    expect(flow).toBeLessThanOrEqual(elapsedMs * 3 + 310);
    expect(sent.some(({ type }) => type === 'clock')).toBe(true);
    expect(Math.abs((inputs.at(-1)?.tsRecvUs ?? 0) / 1_000 - Date.now())).toBeLessThan(500);
    const stopped = inputs.length;
    venue.resync('after everyone left: nothing happens');
    await sleep(20);
    expect(inputs).toHaveLength(stopped);
  });

  it('gives the same bytes for the same start, seed and rate', () => {
    const run = (options: SimulatedMarketOptions): string => {
      jest.useFakeTimers({ now: START_MS });
      const { inputs, stop } = follow(new SimulatorVenue(options));
      jest.advanceTimersByTime(2_000);
      stop();
      jest.useRealTimers();
      return JSON.stringify(inputs);
    };
    const given = run(OPTIONS);
    expect(run(OPTIONS)).toBe(given);
    expect(run({ ...OPTIONS, seed: 2 })).not.toBe(given);
    expect(JSON.parse(given).filter(isFlow).length).toBeGreaterThan(8_000);
  });

  it('starts every book anew on resync, or those that are named', () => {
    jest.useFakeTimers({ now: START_MS });
    const venue = new SimulatorVenue(OPTIONS);
    const { inputs, stop } = follow(venue);
    jest.advanceTimersByTime(1_000);
    const before = inputs.length;
    venue.resync('new epoch');
    venue.resync('the engine has a gap', new Set(['XYZ']));
    stop();
    const again = inputs.slice(before);
    expect(again.filter(({ type }) => type === 'symbol')).toMatchObject(
      [...OPTIONS.symbols, 'XYZ'].map((symbol) => ({ symbol, depthRule: 'matched' })),
    );
    expect(again.filter(({ type }) => type === 'feed')).toMatchObject([
      ...OPTIONS.symbols.map((symbol) => ({ symbol, status: 'up', reason: 'new epoch' })),
      { symbol: 'XYZ', status: 'up', reason: 'the engine has a gap' },
    ]);
    expect(again.filter(({ type }) => type === 'order').length).toBeGreaterThan(4 * 600);
  });
});
