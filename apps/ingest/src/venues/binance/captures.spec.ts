import { Market } from '@depthcast/market';
import { FakeBinance, findCapture, MarketProbe, until } from '@depthcast/testing';
import { expect, it } from '@jest/globals';
import { BinanceVenue } from './binance-venue.ts';

const file = findCapture('spot_btcusdt_20240808.gz');
if (!file) console.warn('skipped: spot_btcusdt_20240808.gz is neither in DEPTHCAST_DATA nor in ../shared/data/binance');

(file ? it : it.skip)(
  'the spot capture over real sockets gives books that agree with the venue’s own best bid and ask',
  async () => {
    const fake = await FakeBinance.start({ symbols: [{ symbol: 'BTCUSDT', tick: '0.01000000', step: '0.00001000' }] });
    const probe = new MarketProbe(new Market(), false);
    const malformed: string[] = [];
    const venue = new BinanceVenue({
      symbols: ['BTCUSDT'],
      wsUrl: fake.wsUrl,
      restUrl: fake.restUrl,
      stallMs: 20_000,
      report: {
        malformed: (kind) => malformed.push(kind),
        reconnect: () => {},
        snapshotFetched: () => {},
        info: () => {},
        warn: () => {},
      },
    });
    const subscription = venue.inputs().subscribe((input) => probe.accept(input));
    try {
      await until(() => fake.streams.open === 1 && probe.has('BTCUSDT') && probe.statuses('BTCUSDT').length === 3);
      expect(await fake.playCapture(file as string)).toBe(41_248);
      // The last diff of the capture.
      await until(() => probe.follow('BTCUSDT').last === 50093421584, 10_000, 'the capture’s end');
      expect(probe.statuses('BTCUSDT')).toEqual(['buffering', 'stale', 'buffering', 'synced']);
      expect(probe.differences).toEqual([]);
      expect(probe.comparisons).toBeGreaterThanOrEqual(564);
      expect(malformed).toEqual([]);
      expect(probe.market.rejectedInputs).toBe(0);
    } finally {
      subscription.unsubscribe();
      await fake.close();
    }
  },
);
