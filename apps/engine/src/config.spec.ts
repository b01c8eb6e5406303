import { DEFAULT_MARKET_OPTIONS } from '@depthcast/market';
import { describe, expect, it } from '@jest/globals';
import { readConfig, variableOf } from './config.ts';

describe("the engine's environment", () => {
  it('has defaults for everything', () => {
    expect(readConfig({})).toMatchObject({ LOG_BYTES_MAX: 512 * 1024 * 1024, SNAPSHOT_EVERY_MS: 10_000, market: {} });
  });

  it('takes every threshold of the market under its name', () => {
    for (const [option, value] of Object.entries(DEFAULT_MARKET_OPTIONS)) {
      expect(readConfig({ [variableOf(option)]: String(value) }).market).toEqual({ [option]: value });
    }
    expect(variableOf('wideSpreadBps')).toBe('WIDE_SPREAD_BPS');
  });

  it.each([
    ['LOG_BYTES_MAX', '12', 'LOG_BYTES_MAX: got "12", takes a whole number from 1048576'],
    ['WIDE_SPREAD_BPS', 'wide', 'WIDE_SPREAD_BPS: got "wide", takes a number from 0.01 to 20000'],
    ['LARGE_TRADE_WARMUP_TRADES', '1000', 'LARGE_TRADE_WARMUP_TRADES: got "1000", takes a whole number from 1 to 512'],
  ])('refuses %s=%s and names all three', (variable, value, message) => {
    expect(() => readConfig({ [variable]: value })).toThrow(message);
  });
});
