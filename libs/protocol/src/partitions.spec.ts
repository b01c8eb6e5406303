import { describe, expect, it } from '@jest/globals';
import { crc16, partitionOf } from './partitions.ts';

describe('the partition of a symbol', () => {
  it('is by CRC-16/XMODEM, as Redis Cluster slots are', () => {
    expect(crc16('123456789')).toBe(0x31c3);
    expect(crc16('')).toBe(0);
  });

  it('is the only one where there is one, and the same everywhere where there are several', () => {
    const symbols = ['BTCUSD', 'ETHUSD', 'ADAUSD', 'BTCUSDT', 'BTCUSDT.P'];
    expect(symbols.map((symbol) => partitionOf(symbol, 1))).toEqual([0, 0, 0, 0, 0]);
    expect(symbols.map((symbol) => partitionOf(symbol, 4))).toEqual(symbols.map((symbol) => crc16(symbol) % 4));
  });

  it('spreads a thousand symbols', () => {
    const counts = [0, 0, 0, 0];
    for (let i = 0; i < 1_000; i++) (counts[partitionOf(`SYM${i}USD`, 4)] as number)++;
    for (const count of counts) expect(count).toBeGreaterThan(200);
  });
});
