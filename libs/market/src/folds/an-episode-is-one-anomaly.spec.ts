import { type EventOf, type Input, parseEvent } from '@depthcast/protocol';
import { describe, expect, it } from '@jest/globals';
import { Market } from '../market.ts';
import type { MarketOptions } from '../market-options.ts';
import { SCRIPT_SECOND, ScriptedInputs } from '../scripted-inputs.ts';

/** Second by second: what to apply in it; anomalies as `<second> <kind> <value> <threshold>`. */
function played(options: Partial<MarketOptions>, seconds: number, of: (at: number, inputs: ScriptedInputs) => Input[]) {
  const market = new Market(options);
  const inputs = new ScriptedInputs();
  const anomalies: string[] = [];
  const apply = (input: Input, at: number) => {
    for (const { topic, payload } of market.apply(input)) {
      if (topic !== 'anomaly:BTCUSD') continue;
      const { kind, value, threshold }: EventOf<'anomaly'> = parseEvent('anomaly', payload);
      anomalies.push(`${at} ${kind} ${value} ${threshold}`);
    }
  };
  apply(inputs.symbol(), 0);
  apply(inputs.clock(SCRIPT_SECOND), 0);
  for (let at = 1; at <= seconds; at++) {
    for (const input of of(at, inputs)) apply(input, at);
    apply(inputs.clock(SCRIPT_SECOND + at), at);
  }
  return anomalies;
}

const trades = (inputs: ScriptedInputs, count: number, qty: string) =>
  Array.from({ length: count }, () => inputs.trade(1, '100', qty));

describe('a volume spike', () => {
  const QUIET: Partial<MarketOptions> = { largeTradeFactor: 1e6 };
  const usual = (inputs: ScriptedInputs) => trades(inputs, 10, '0.1');
  const at = (spikes: number[], seconds: number, options: Partial<MarketOptions> = {}) =>
    played({ ...QUIET, ...options }, seconds, (second, inputs) =>
      spikes.includes(second) ? trades(inputs, 10, '5') : usual(inputs),
    );

  it('is said once an episode, which 10 s below half of the threshold end', () => {
    // An average of 1 a second, so a threshold of 10; at 80 the earlier spikes have raised it.
    expect(at([65, 66, 69, 72], 75)).toEqual(['65 volume_spike 50 10']);
    expect(at([65, 75], 80)).toEqual(['65 volume_spike 50 10', expect.stringMatching(/^75 volume_spike 50 1\d\.\d+$/)]);
    expect(at([65, 74], 80)).toHaveLength(1);
  });

  it('is not said before the warm-up is over', () => {
    expect(at([30], 60)).toEqual([]);
    expect(at([60], 60)).toEqual([]);
    expect(at([61], 61)).toEqual(['61 volume_spike 50 10']);
    expect(at([31], 31, { volumeSpikeWarmupSeconds: 30 })).toHaveLength(1);
  });

  it('that lasts becomes usual: another one must be larger still', () => {
    const lasting = Array.from({ length: 500 }, (_, i) => 65 + i);
    expect(at(lasting, 560)).toHaveLength(1);
    const spikes = played(QUIET, 560, (second, inputs) =>
      trades(inputs, 10, second > 550 && second < 553 ? '500' : second >= 65 ? '5' : '0.1'),
    );
    expect(spikes.map((line) => line.split(' ', 3).join(' '))).toEqual(['65 volume_spike 50', '551 volume_spike 5000']);
  });

  it('is one of many trades: in a quiet symbol each trade is many times the average', () => {
    const rare = (count: number) =>
      played(QUIET, 300, (second, inputs) => (second % 50 === 1 ? trades(inputs, count, '1') : []));
    expect(rare(9)).toEqual([]);
    expect(rare(10).length).toBeGreaterThan(0);
  });
});

describe('a wide spread', () => {
  const quoted = (spreads: Record<number, string>, seconds: number, options: Partial<MarketOptions> = {}) =>
    played(options, seconds, (second, inputs) => {
      const ask = spreads[second];
      return ask === undefined ? [] : [inputs.snapshot(second, [['100', '1']], [[ask, '1']])];
    });

  it('is said once an episode, in basis points of the mid', () => {
    expect(quoted({ 1: '100.1', 20: '101', 21: '100.4', 22: '101' }, 60)).toEqual(['20 wide_spread 99.5 50']);
    expect(quoted({ 1: '100.1', 20: '101', 22: '100.1', 40: '101' }, 60)).toHaveLength(2);
    expect(quoted({ 1: '100.1', 20: '101', 22: '100.1', 31: '101' }, 60)).toHaveLength(2);
    expect(quoted({ 1: '100.1', 20: '101', 22: '100.1', 30: '101' }, 60)).toHaveLength(1);
    expect(quoted({ 1: '100.1', 20: '100.5' }, 60)).toEqual([]);
  });

  it('is not said before the book has been synced for its warm-up, nor of half a book', () => {
    expect(quoted({ 1: '101' }, 10)).toEqual([]);
    expect(quoted({ 1: '101' }, 11)).toEqual(['11 wide_spread 99.5 50']);
    expect(played({}, 60, (at, inputs) => (at === 1 ? [inputs.snapshot(1, [['100', '1']], [])] : []))).toEqual([]);
  });

  it('of a book that is not in step is nobody’s', () => {
    const lost = played({}, 60, (at, inputs) => {
      if (at === 1) return [inputs.snapshot(1, [['100', '1']], [['100.1', '1']])];
      if (at === 20)
        return [
          inputs.depth(
            2,
            2,
            [],
            [
              ['100.1', '0'],
              ['110', '1'],
            ],
          ),
          inputs.feed('down'),
        ];
      if (at === 40) return [inputs.feed('up'), inputs.snapshot(9, [['100', '1']], [['110', '1']])];
      return [];
    });
    expect(lost).toEqual(['50 wide_spread 952.38 50']);
  });
});

describe('a large trade', () => {
  /** Sizes 0.001 … 0.100 over and over, so that the 0.99 quantile is 0.099 or 0.1 and the threshold five times it. */
  const traded = (large: Record<number, string>, seconds: number, options: Partial<MarketOptions> = {}) =>
    played({ volumeSpikeFactor: 1e6, ...options }, seconds, (second, inputs) => [
      ...Array.from({ length: 10 }, (_, i) =>
        inputs.trade(1, '100', `0.${String((((second - 1) * 10 + i) % 100) + 1).padStart(3, '0')}`),
      ),
      ...(large[second] === undefined ? [] : [inputs.trade(1, '100', large[second])]),
    ]);

  it('is said at once, and once an episode', () => {
    expect(traded({ 30: '9', 31: '9', 35: '9' }, 60)).toEqual([expect.stringMatching(/^30 large_trade 9 0\.(495|5)$/)]);
    expect(traded({ 30: '9', 41: '9' }, 60)).toHaveLength(2);
    expect(traded({ 30: '0.4' }, 60)).toEqual([]);
  });

  it('is not said before so many trades have been seen', () => {
    expect(traded({ 20: '9' }, 20)).toEqual([]);
    expect(traded({ 21: '9' }, 21)).toHaveLength(1);
    expect(traded({ 6: '9' }, 6, { largeTradeWarmupTrades: 50 })).toHaveLength(1);
  });

  it('is the same after a restore, also when all that are remembered have been replaced', () => {
    const inputs = new ScriptedInputs();
    const market = new Market();
    market.apply(inputs.symbol());
    const go = (of: Market[], from: number, to: number) => {
      for (let i = from; i < to; i++) {
        const next = i % 50 === 0 ? inputs.clock(SCRIPT_SECOND + i) : inputs.trade(i, '100', String((i * 7919) % 997));
        const [one, two] = of.map((each) => each.apply(next));
        if (two !== undefined) expect(two).toEqual(one);
      }
    };
    go([market], 0, 700);
    const restored = Market.restore(market.snapshot());
    go([market, restored], 700, 1_400);
    expect(restored.snapshot()).toBe(market.snapshot());
  });

  it('is measured by the last 512 trades: what was large becomes usual', () => {
    const grown = played({ volumeSpikeFactor: 1e6 }, 200, (second, inputs) =>
      trades(inputs, 10, second <= 30 ? '0.1' : '10'),
    );
    // One episode of 7 s, after which 10 is the quantile.
    expect(grown).toEqual(['31 large_trade 10 0.5']);
  });
});
