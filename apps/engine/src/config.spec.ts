import { DEFAULT_MARKET_OPTIONS } from '@depthcast/market';
import { describe, expect, it } from '@jest/globals';
import { readConfig, USAGE, variableOf } from './config.ts';

describe("the engine's environment", () => {
  it('has defaults for everything', () => {
    expect(readConfig([], {})).toMatchObject({
      LOG_BYTES_MAX: 512 * 1024 * 1024,
      SNAPSHOT_EVERY_MS: 10_000,
      market: {},
    });
  });

  it('takes every option of the market under its name', () => {
    for (const [option, value] of Object.entries(DEFAULT_MARKET_OPTIONS)) {
      expect(readConfig([], { [variableOf(option)]: String(value) })?.market).toEqual({ [option]: value });
    }
    expect(variableOf('wideSpreadBps')).toBe('WIDE_SPREAD_BPS');
  });

  it('runs every partition, or those that it is told to', () => {
    expect(readConfig([], {})?.PARTITION).toEqual([0]);
    expect(readConfig([], { PARTITIONS: '3' })?.PARTITION).toEqual([0, 1, 2]);
    expect(readConfig([], { PARTITIONS: '3', PARTITION: '' })?.PARTITION).toEqual([0, 1, 2]);
    expect(readConfig([], { PARTITIONS: '4', PARTITION: '2' })?.PARTITION).toEqual([2]);
    expect(readConfig([], { PARTITIONS: '12', PARTITION: '11, 2,11' })?.PARTITION).toEqual([2, 11]);
    expect(() => readConfig([], { PARTITIONS: '4', PARTITION: '2,4' })).toThrow(
      'PARTITION: got "2,4", takes whole numbers from 0 to 3 divided by commas, with PARTITIONS=4',
    );
  });

  it('takes what paper accounts begin with as text', () => {
    expect(readConfig([], { PAPER_BALANCES: ' USD:5,BTC:0.5 ' })?.market).toEqual({ paperBalances: 'USD:5,BTC:0.5' });
  });

  it.each([
    ['LOG_BYTES_MAX', '12', 'LOG_BYTES_MAX: got "12", takes a whole number from 1048576'],
    ['WIDE_SPREAD_BPS', 'wide', 'WIDE_SPREAD_BPS: got "wide", takes a number from 0.01 to 20000'],
    ['LARGE_TRADE_WARMUP_TRADES', '1000', 'LARGE_TRADE_WARMUP_TRADES: got "1000", takes a whole number from 1 to 512'],
    ['PARTITIONS', '65', 'PARTITIONS: got "65", takes a whole number from 1 to 64 (partitions)'],
    ['PARTITION', '1', 'PARTITION: got "1", takes whole numbers from 0 to 0 divided by commas, with PARTITIONS=1'],
    ['PARTITION', '0,-1', 'PARTITION: got "0,-1", takes whole numbers from 0 to 0'],
    ['PARTITION', '0x0', 'PARTITION: got "0x0", takes whole numbers from 0 to 0'],
    ['PAPER_BALANCES', 'USD', 'PAPER_BALANCES: got "USD", takes a list such as USD:10000000'],
  ])('refuses %s=%s and names all three', (variable, value, message) => {
    expect(() => readConfig([], { [variable]: value })).toThrow(message);
  });

  it('refuses arguments that it does not know, and tells how to find those it does', () => {
    expect(() => readConfig(['--nope'], {})).toThrow(/Unknown option '--nope'.*see --help/);
    expect(() => readConfig(['extra'], {})).toThrow(/extra.*see --help/);
  });

  it('is printed by --help, every variable of it', () => {
    expect(readConfig(['--help'], { LOG_BYTES_MAX: 'x' })).toBeUndefined();
    const { market, ...settings } = readConfig([], {}) ?? { market: {} };
    const variables = [...Object.keys(settings), ...Object.keys(DEFAULT_MARKET_OPTIONS).map(variableOf)];
    for (const variable of variables) expect(USAGE).toMatch(new RegExp(`^  ${variable}\\b`, 'm'));
    expect(market).toEqual({});
  });
});
