import { Scale } from '@depthcast/protocol';
import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { BUCKET_SECONDS, BUCKETS_MAX, RollingTrades } from './rolling-trades.ts';

const ONE = Scale.ofStep('1');
const T0 = 1_700_000_000;

const step = fc.record({
  wait: fc.constantFrom(0, 0, 1, 60, 299, 301, 3_600, 40_000, 90_000),
  price: fc.constantFrom(1, 7, 6_183_763),
  lots: fc.constantFrom(0, 1, 3, 10 ** 12, Number.MAX_SAFE_INTEGER),
  buys: fc.boolean(),
  restored: fc.boolean(),
});

describe('what was traded in 24 hours', () => {
  it('is what a sum over all trades says, exactly, also after a restore', () => {
    let forgot = 0;
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60, size: 'max' }), (steps) => {
        let rolling = new RollingTrades(T0);
        let second = T0;
        const trades: { bucket: number; price: bigint; lots: bigint; buys: boolean }[] = [];
        for (const { wait, price, lots, buys, restored } of steps) {
          second += wait;
          if (rolling.advance(second)) forgot++;
          rolling.add(price, lots, buys);
          const bucket = Math.floor(second / BUCKET_SECONDS);
          trades.push({ bucket, price: BigInt(price), lots: BigInt(lots), buys });
          const held = trades.filter((trade) => trade.bucket > bucket - BUCKETS_MAX);
          const sum = (of: (trade: (typeof trades)[number]) => bigint) => held.reduce((total, t) => total + of(t), 0n);
          const [bought, sold] = [sum((t) => (t.buys ? t.lots : 0n)), sum((t) => (t.buys ? 0n : t.lots))];
          expect(rolling.volumeText(ONE)).toBe(String(bought + sold));
          const json = rolling.json(ONE, ONE);
          expect(json).toContain(`"buy_volume":${bought},"sell_volume":${sold},"buy_sell_ratio":`);
          expect(json.endsWith('null')).toBe(sold === 0n);
          const volume = bought + sold;
          const vwap = /"vwap":(\d+)\.(\d\d)/.exec(json);
          expect(vwap === null).toBe(volume === 0n);
          if (vwap !== null) {
            const twiceOff = 2n * (BigInt(`${vwap[1]}${vwap[2]}`) * volume - 100n * sum((t) => t.price * t.lots));
            expect(twiceOff > -volume && twiceOff <= volume).toBe(true);
          }
          const memory = JSON.stringify(rolling.memory());
          if (!restored) continue;
          rolling = new RollingTrades(0, JSON.parse(memory));
          expect(JSON.stringify(rolling.memory())).toBe(memory);
        }
      }),
    );
    expect(forgot).toBeGreaterThan(20);
  });

  it('takes a bounded room', () => {
    const rolling = new RollingTrades(T0);
    for (let i = 0; i < 3 * BUCKETS_MAX; i++) {
      rolling.advance(T0 + i * BUCKET_SECONDS);
      rolling.add(1, 1, true);
    }
    expect(rolling.memory().buckets).toHaveLength(BUCKETS_MAX);
    expect(rolling.volumeText(ONE)).toBe(String(BUCKETS_MAX));
  });
});
