import { type EventOf, parseEvent } from '@depthcast/protocol';
import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { Market } from '../market.ts';
import { SCRIPT_SECOND, ScriptedInputs } from '../scripted-inputs.ts';
import { NaiveBars } from './naive-bars.ts';

type Kline = EventOf<'kline'>;

/** A market whose event time is `second`, and what it says of bars. */
function started(second = SCRIPT_SECOND) {
  let market = new Market();
  const inputs = new ScriptedInputs();
  let said: { late_trades: number; early_trades: number } | undefined;
  let trades = 0;
  const apply = (input: Parameters<Market['apply']>[0]): Kline[] => {
    const klines: Kline[] = [];
    for (const { topic, payload } of market.apply(input)) {
      if (topic.startsWith('kline:')) klines.push(parseEvent('kline', payload));
      if (topic.startsWith('analytics:')) said = parseEvent('analytics', payload);
    }
    return klines;
  };
  apply(inputs.symbol({ step: '1' }));
  apply(inputs.snapshot(1, [['1', '1']], [['2', '1']]));
  if (second > 0) apply(inputs.clock(second));
  return {
    trade: (at: number, price: string, qty = '1', side: 'BUY' | 'SELL' = 'BUY') =>
      apply(inputs.trade(++trades, price, qty, side, Math.round(at * 1e6))),
    clock: (at: number) => apply(inputs.clock(at)),
    counted: () => [said?.late_trades, said?.early_trades],
    restore: () => {
      market = Market.restore(market.snapshot());
    },
  };
}

const short = ({ interval, open_ts, open, high, low, close, trades, closed }: Kline) =>
  `${interval} ${open_ts / 1_000 - T0} ${open} ${high} ${low} ${close} ×${trades}${closed ? ' closed' : ''}`;
const of = (interval: string, klines: Kline[]) => klines.filter((kline) => kline.interval === interval).map(short);

/** The beginning of a day. */
const T0 = 1_699_920_000;

const step = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({
      kind: fc.constant('trade' as const),
      // Mostly as it happens, some late, very late, early, very early.
      offsetMs: fc.constantFrom(0, 200, 200, 700, -500, -1_500, -3_000, -61_000, -400_000, 5_000, 10_999, 11_000, 1e12),
      ticks: fc.integer({ min: 1, max: 40 }),
      lots: fc.constantFrom(0, 1, 2, 7, 3 * 10 ** 14, Number.MAX_SAFE_INTEGER),
      buys: fc.boolean(),
    }),
  },
  {
    weight: 4,
    arbitrary: fc.record({
      kind: fc.constant('clock' as const),
      seconds: fc.constantFrom(1, 1, 1, 2, 19, 40, 55, 60, 61, 61, 130, 900, 5_000),
    }),
  },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('restore' as const) }) },
);

describe('bars of random trades', () => {
  it('are what adding up all trades of each bar gives; each closes once, in order, and is not touched again', () => {
    const reached = { flat: 0, average: 0, twoOpen: 0, late: 0, early: 0, beyond53Bits: 0 };
    fc.assert(
      fc.property(fc.array(step, { minLength: 60, maxLength: 300, size: 'max' }), (steps) => {
        const market = started(T0 + 3_000);
        const naive = new NaiveBars();
        const closedUpTo = new Map<string, number>();
        naive.clock(T0 + 3_000);
        let second = T0 + 3_000;
        for (const next of steps) {
          if (next.kind === 'restore') market.restore();
          else if (next.kind === 'trade') {
            const tsUs = second * 1e6 + next.offsetMs * 1e3;
            const { ticks, lots, buys } = next;
            market.trade(tsUs / 1e6, (ticks / 100).toFixed(2), String(lots), buys ? 'BUY' : 'SELL');
            naive.trade({ tsUs, ticks, lots, buys });
          } else {
            second += next.seconds;
            const klines = market.clock(second);
            expect(klines.map(({ type, symbol, ...rest }) => rest)).toEqual(naive.clock(second));
            for (const { interval, open_ts, closed, trades, sma, volume } of klines) {
              expect(open_ts).toBeGreaterThan(closedUpTo.get(interval) ?? 0);
              if (closed) closedUpTo.set(interval, open_ts);
              if (trades === 0) reached.flat++;
              if (sma !== undefined) reached.average++;
              if (volume > Number.MAX_SAFE_INTEGER) reached.beyond53Bits++;
            }
            if (klines.filter(({ interval, closed }) => interval === '1m' && !closed).length > 1) reached.twoOpen++;
          }
        }
        market.trade(second, '1');
        naive.trade({ tsUs: second * 1e6, ticks: 100, lots: 1, buys: true });
        market.clock(second + 1);
        expect(market.counted()).toEqual([naive.late, naive.early]);
        reached.late += naive.late;
        reached.early += naive.early;
      }),
      { numRuns: 60 },
    );
    // The trades have to reach everything for this to mean something.
    for (const count of Object.values(reached)) expect(count).toBeGreaterThan(3);
  });
});

describe('a bar', () => {
  it('closes 2 s after its end, once; until then it is told of in each second in which it changed', () => {
    const market = started(T0 + 50);
    market.trade(T0 + 50.2, '5');
    expect(of('1m', market.clock(T0 + 51))).toEqual(['1m 0 5 5 5 5 ×1']);
    expect(market.clock(T0 + 52)).toEqual([]);
    market.trade(T0 + 59.9, '7');
    expect(of('1m', market.clock(T0 + 61))).toEqual(['1m 0 5 7 5 7 ×2']);
    expect(of('1m', market.clock(T0 + 62))).toEqual(['1m 0 5 7 5 7 ×2 closed']);
    expect(market.clock(T0 + 63)).toEqual([]);
  });

  it('takes late trades while it is open, at the place that the venue gave them', () => {
    const market = started(T0 + 59);
    market.trade(T0 + 59.5, '5');
    market.clock(T0 + 60);
    market.trade(T0 + 60.1, '8');
    market.trade(T0 + 59.4, '4');
    expect(of('1m', market.clock(T0 + 61))).toEqual(['1m 0 4 5 4 5 ×2', '1m 60 8 8 8 8 ×1']);
    market.trade(T0 + 59.9, '6');
    expect(of('1m', market.clock(T0 + 62))).toEqual(['1m 0 4 6 4 6 ×3 closed']);
    market.trade(T0 + 59.95, '9');
    expect(of('5m', market.clock(T0 + 63))).toEqual([]);
    expect(market.counted()).toEqual([1, 0]);
  });

  it('is not closed by a trade of the future, which is in no bar', () => {
    const market = started(T0);
    market.trade(T0 + 0.5, '5');
    market.trade(4_102_444_800, '9');
    market.trade(T0 + 11, '9');
    market.trade(T0 + 10.9, '6');
    expect(of('1d', market.clock(T0 + 1))).toEqual(['1d 0 5 6 5 6 ×2']);
    expect(market.counted()).toEqual([0, 2]);
  });

  it('without trades is flat, where the clock has been in it', () => {
    const market = started(T0 + 1);
    market.trade(T0 + 1, '5');
    expect(of('1m', market.clock(T0 + 62))).toEqual(['1m 0 5 5 5 5 ×1 closed']);
    expect(market.clock(T0 + 121)).toEqual([]);
    expect(of('1m', market.clock(T0 + 122))).toEqual(['1m 60 5 5 5 5 ×0 closed']);
    // Event time jumps to 302: what was begun is told of, what was jumped over is not.
    const jumped = market.clock(T0 + 302);
    expect(of('1m', jumped)).toEqual(['1m 120 5 5 5 5 ×0 closed']);
    expect(of('5m', jumped)).toEqual(['5m 0 5 5 5 5 ×1 closed']);
    expect(jumped.find(({ trades }) => trades === 0)).not.toHaveProperty('vwap');
    expect(of('1m', market.clock(T0 + 362))).toEqual(['1m 300 5 5 5 5 ×0 closed']);
  });

  it('there is none before the first trade', () => {
    const market = started(T0);
    for (let i = 1; i < 400; i += 7) expect(market.clock(T0 + i)).toEqual([]);
  });
});

describe('before the first clock', () => {
  it('trades are taken as dated; the first clock says which of them can be', () => {
    const market = started(0);
    market.trade(T0 + 0.2, '5');
    market.trade(1, '6');
    market.trade(4_102_444_800, '7');
    market.trade(T0 + 0.9, '8');
    expect(market.clock(T0 + 1).map(short)).toEqual(
      ['1m', '5m', '15m', '1h', '12h', '1d'].map((interval) => `${interval} 0 5 8 5 8 ×2`),
    );
    expect(market.counted()).toEqual([1, 1]);
  });

  it('they cannot open any number of minutes', () => {
    const market = started(0);
    for (let i = 0; i < 100; i++) market.trade(T0 + 60 * i, '5');
    market.clock(T0 + 1);
    expect(market.counted()).toEqual([0, 99]);
  });
});

it('a symbol of another tick begins its bars anew; another depth rule is none of their business', () => {
  const market = new Market();
  const inputs = new ScriptedInputs();
  const klines = (second: number) =>
    market
      .apply(inputs.clock(second))
      .filter(({ topic }) => topic === 'kline:BTCUSD')
      .map(({ payload }) => parseEvent('kline', payload))
      .filter(({ interval }) => interval === '1m')
      .map(short);
  market.apply(inputs.symbol());
  market.apply(inputs.clock(T0));
  market.apply(inputs.trade(1, '5', '1', 'BUY', T0 * 1e6));
  market.apply(inputs.symbol({ depthRule: 'usdm' }));
  expect(klines(T0 + 1)).toEqual(['1m 0 5 5 5 5 ×1']);
  market.apply(inputs.symbol({ depthRule: 'usdm', tick: '0.5' }));
  market.apply(inputs.trade(2, '6.5', '1', 'BUY', T0 * 1e6));
  expect(klines(T0 + 2)).toEqual(['1m 0 6.5 6.5 6.5 6.5 ×1']);
});
