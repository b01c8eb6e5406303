import { describe, expect, it } from '@jest/globals';
import { Balances } from './balances.ts';

describe('balances', () => {
  it('lock all that is free, and not one unit more', () => {
    const balances = new Balances('USD 1000000000000000001 0');
    expect(balances.lock('USD', 1_000_000_000_000_000_002n)).toBe(false);
    expect(balances.lock('BTC', 1n)).toBe(false);
    expect(balances.takeChanged()).toBe('');
    expect(balances.lock('USD', 1_000_000_000_000_000_001n)).toBe(true);
    expect(balances.takeChanged()).toBe('[{"asset":"USD","free":0,"locked":1.000000000000000001}]');
  });

  it.each([
    [11n, 1n],
    [10n, 11n],
  ])('throw when %p of 10 locked units are to be released and %p spent, and stay as they are', (amount, spent) => {
    const balances = new Balances('USD 0 10');
    expect(() => balances.release('USD', amount, spent)).toThrow('USD');
    expect(balances.memory()).toBe('USD 0 10');
  });
});
