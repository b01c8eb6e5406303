import { setTimeout as sleep } from 'node:timers/promises';
import { Market } from '@depthcast/market';
import { MarketProbe } from '@depthcast/testing';
import { describe, expect, it } from '@jest/globals';
import { SimulatorVenue } from './simulator-venue.ts';

describe('the simulator', () => {
  it('gives synced books, seconds and its rate, and stops when unsubscribed', async () => {
    const venue = new SimulatorVenue({ symbols: ['BTCUSD', 'ETHUSD', 'XYZ'], seed: 1, ratePerSecond: 3_000 });
    const probe = new MarketProbe(new Market());
    venue.resync('before anyone listens: nothing happens');
    const startMs = performance.now();
    const subscription = venue.inputs().subscribe((input) => probe.accept(input));
    await sleep(1_100);
    subscription.unsubscribe();
    const elapsedMs = performance.now() - startMs;
    const stopped = probe.inputs.length;
    const diffs = probe.inputs.filter((input) => input.type === 'depth').length;
    expect(diffs).toBeGreaterThan(elapsedMs * 3 * 0.8);
    expect(diffs).toBeLessThanOrEqual(elapsedMs * 3 + 1);
    expect(probe.inputs.some((input) => input.type === 'clock')).toBe(true);
    for (const symbol of ['BTCUSD', 'ETHUSD', 'XYZ'])
      expect(probe.statuses(symbol)).toEqual(['buffering', 'buffering', 'synced']);
    expect(probe.market.rejectedInputs).toBe(0);
    await sleep(20);
    expect(probe.inputs).toHaveLength(stopped);
  });

  it('starts every book anew on resync, and nothing is missing after it', async () => {
    const venue = new SimulatorVenue({ symbols: ['BTCUSD'], seed: 1, ratePerSecond: 1_000 });
    const probe = new MarketProbe(new Market());
    const subscription = venue.inputs().subscribe((input) => probe.accept(input));
    await sleep(50);
    venue.resync('new epoch');
    const fresh = new MarketProbe(new Market());
    for (const input of probe.inputs.slice(-3)) fresh.accept(input);
    const before = probe.inputs.length;
    await sleep(50);
    subscription.unsubscribe();
    for (const input of probe.inputs.slice(before)) fresh.accept(input);
    expect(fresh.statuses('BTCUSD')).toEqual(['buffering', 'buffering', 'synced']);
    expect(probe.statuses('BTCUSD')).toEqual(['buffering', 'buffering', 'synced', 'buffering', 'synced']);
    expect(fresh.levels('BTCUSD')).toEqual(probe.levels('BTCUSD'));
    expect(probe.inputs.length).toBeGreaterThan(before + 20);
  });

  it('moves each symbol every 300 ms unless told otherwise', async () => {
    const venue = new SimulatorVenue({ symbols: ['BTCUSD', 'ETHUSD', 'ADAUSD'], seed: 1 });
    const diffs: string[] = [];
    const subscription = venue.inputs().subscribe((input) => {
      if (input.type === 'depth') diffs.push(input.symbol);
    });
    await sleep(1_000);
    subscription.unsubscribe();
    expect(diffs.slice(0, 6)).toEqual(['BTCUSD', 'ETHUSD', 'ADAUSD', 'BTCUSD', 'ETHUSD', 'ADAUSD']);
    expect(diffs.length).toBeGreaterThanOrEqual(8);
    expect(diffs.length).toBeLessThanOrEqual(10);
  });
});
