import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { inputSchema, Scale } from '@depthcast/protocol';
import { until } from '@depthcast/testing';
import { describe, expect, it } from '@jest/globals';
import { BinanceVenue } from './binance-venue.ts';
import { type ExchangeInfoSymbol, tradingRules } from './trading-rules.ts';

const SIZES = Scale.ofDecimals(8);
const PRICE_FILTER = { filterType: 'PRICE_FILTER', minPrice: '0.01', maxPrice: '1000000.0', tickSize: '0.01000000' };
const LOT_SIZE = { filterType: 'LOT_SIZE', minQty: '0.00001000', maxQty: '9000.00000000', stepSize: '0.00001000' };
const NOTIONAL = {
  filterType: 'NOTIONAL',
  minNotional: '5.00000000',
  applyMinToMarket: true,
  maxNotional: '9000000.0',
};
const BTCUSDT = {
  symbol: 'BTCUSDT',
  status: 'TRADING',
  baseAsset: 'BTC',
  baseAssetPrecision: 8,
  quoteAsset: 'USDT',
  quotePrecision: 8,
  filters: [PRICE_FILTER, LOT_SIZE, { filterType: 'ICEBERG_PARTS', limit: 10 }, NOTIONAL],
};
const RULES = {
  baseAsset: 'BTC',
  quoteAsset: 'USDT',
  lot: '0.00001000',
  minQty: '0.00001000',
  maxQty: '9000.00000000',
  minNotional: '5.00000000',
};

const withLotSize = (lotSize: object): ExchangeInfoSymbol => ({
  ...BTCUSDT,
  filters: [PRICE_FILTER, { ...LOT_SIZE, ...lotSize }, NOTIONAL],
});

describe('trading rules out of exchangeInfo', () => {
  it('are those of LOT_SIZE and NOTIONAL, or of MIN_NOTIONAL', () => {
    expect(tradingRules(BTCUSDT, SIZES)).toEqual(RULES);
    const minNotional = { filterType: 'MIN_NOTIONAL', minNotional: '10.0', applyToMarket: true, avgPriceMins: 5 };
    expect(tradingRules({ ...BTCUSDT, filters: [LOT_SIZE, minNotional] }, SIZES)).toEqual({
      ...RULES,
      minNotional: '10.0',
    });
  });

  it('have a largest size that can be held exactly, in whole lots', () => {
    const rules = tradingRules(withLotSize({ stepSize: '1.00000000', minQty: '1', maxQty: '46116860414.00' }), SIZES);
    expect(rules).toMatchObject({ lot: '1.00000000', maxQty: '90071992.00000000' });
    expect(SIZES.parse(rules?.maxQty as string)).toBeLessThanOrEqual(Number.MAX_SAFE_INTEGER);
  });

  it.each<[string, ExchangeInfoSymbol]>([
    ['no LOT_SIZE', { ...BTCUSDT, filters: [PRICE_FILTER, NOTIONAL] }],
    ['no NOTIONAL', { ...BTCUSDT, filters: [PRICE_FILTER, LOT_SIZE] }],
    ['no base asset', { ...BTCUSDT, baseAsset: undefined }],
    ['an asset that no topic could carry', { ...BTCUSDT, baseAsset: '币安人生' }],
    ['the same asset twice', { ...BTCUSDT, quoteAsset: 'BTC' }],
    ['a lot of nothing', withLotSize({ stepSize: '0.00000000' })],
    ['a lot that is finer than sizes are', withLotSize({ stepSize: '0.000000001' })],
    ['a largest size below the smallest', withLotSize({ maxQty: '0.00000001' })],
    ['a largest size of nothing', withLotSize({ minQty: '0.0', maxQty: '0.0' })],
    ['a number where text was', withLotSize({ minQty: 1 })],
    ['text that is no number', withLotSize({ maxQty: '1e9' })],
  ])('are none where the venue gives %s', (_, entry) => {
    expect(tradingRules(entry, SIZES)).toBeUndefined();
  });
});

/** A venue whose exchangeInfo has these symbols, and that serves nothing else. */
async function withExchangeInfo(symbols: unknown[], use: (port: number) => Promise<void>): Promise<void> {
  const server = createServer((_, response) => response.end(JSON.stringify({ symbols })));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  try {
    await use((server.address() as AddressInfo).port);
  } finally {
    server.closeAllConnections();
    server.close();
  }
}

/** The first definition of the venue's one symbol, and what it told its operators. */
async function firstDefinition(port: number): Promise<{ definition: object; infos: object[] }> {
  const definitions: object[] = [];
  const infos: object[] = [];
  const venue = new BinanceVenue({
    symbols: ['BTCUSDT'],
    wsUrl: `ws://127.0.0.1:${port}`,
    restUrl: `http://127.0.0.1:${port}`,
    stallMs: 20_000,
    report: {
      malformed: () => {},
      reconnect: () => {},
      snapshotFetched: () => {},
      info: (message, fields) => infos.push({ message, ...fields }),
      warn: () => {},
    },
  });
  const subscription = venue.inputs().subscribe((input) => input.type === 'symbol' && definitions.push(input));
  try {
    return { definition: await until(() => definitions[0]), infos };
  } finally {
    subscription.unsubscribe();
  }
}

describe('the Binance venue', () => {
  it('defines symbols with them', () =>
    withExchangeInfo([BTCUSDT], async (port) => {
      const { definition, infos } = await firstDefinition(port);
      expect(definition).toMatchObject({ tick: '0.01', step: '0.00000001', depthRule: 'spot', trading: RULES });
      expect(inputSchema.safeParse({ ...definition, src: 'test', seq: 1 }).error).toBeUndefined();
      expect(infos).toEqual([]);
    }));

  it('defines symbols without them where there are none, and says so in one line', () =>
    withExchangeInfo([{ ...BTCUSDT, filters: [PRICE_FILTER, LOT_SIZE] }], async (port) => {
      const { definition, infos } = await firstDefinition(port);
      expect(definition).toMatchObject({ type: 'symbol', symbol: 'BTCUSDT', tick: '0.01' });
      expect(definition).not.toHaveProperty('trading');
      expect(infos).toEqual([
        { message: 'no paper orders: exchangeInfo lacks their rules', count: 1, symbols: ['BTCUSDT'] },
      ]);
    }));
});
