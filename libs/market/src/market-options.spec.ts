import { DepthcastError } from '@depthcast/protocol';
import { describe, expect, it } from '@jest/globals';
import { Market } from './market.ts';
import { DEFAULT_MARKET_OPTIONS, LOGIC_VERSION, logicVersionOf, marketOptions } from './market-options.ts';
import { SCRIPT_SECOND, ScriptedInputs } from './scripted-inputs.ts';

describe('options', () => {
  it('are the defaults where nothing else is said, in one order', () => {
    expect(marketOptions()).toEqual(DEFAULT_MARKET_OPTIONS);
    const [a, b] = [
      { wideSpreadBps: 7, anomalyRelease: 0 },
      { anomalyRelease: 0, wideSpreadBps: 7 },
    ];
    expect(JSON.stringify(marketOptions(a))).toBe(JSON.stringify(marketOptions(b)));
    expect(new Market(a).snapshot()).toBe(new Market(b).snapshot());
  });

  it.each([
    [{ wideSpreadBps: 0 }, 'wideSpreadBps 0 is not a number from 0.01 to 20000'],
    [{ volumeSpikeFactor: Number.NaN }, 'volumeSpikeFactor null is not a number from 1 to 1000000'],
    [{ largeTradeQuantile: '0.9' as unknown as number }, 'largeTradeQuantile "0.9" is not a number from 0.5 to 1'],
    [{ largeTradeWarmupTrades: 513 }, 'largeTradeWarmupTrades 513 is not a whole number from 1 to 512'],
    [{ anomalyCalmSeconds: 1.5 }, 'anomalyCalmSeconds 1.5 is not a whole number from 1 to 86400'],
    [
      { paperBalances: 'USD' },
      'paperBalances "USD" is not a list such as USD:10000000,BTC:0.5 of at most 64 different assets, with up to 10^15 of each',
    ],
    [{ paperBalances: 5 as unknown as string }, 'paperBalances 5 is not a list such as'],
    [{ paperBalances: 'usd:1' }, 'paperBalances "usd:1" is not a list'],
    [{ paperBalances: 'USD:-1' }, 'paperBalances "USD:-1" is not a list'],
    [{ paperBalances: 'USD:1:2' }, 'paperBalances "USD:1:2" is not a list'],
    [{ paperBalances: 'USD:1,' }, 'paperBalances "USD:1," is not a list'],
    [{ paperBalances: 'USD:1,USD:2' }, 'paperBalances "USD:1,USD:2" is not a list'],
    [{ paperBalances: 'USD:0.0000000000000000001' }, 'is not a list'],
    [{ paperBalances: 'USD:1000000000000000.1' }, 'is not a list'],
    [{ paperBalances: Array.from({ length: 65 }, (_, i) => `A${i}:1`).join() }, 'is not a list'],
    [{ toString: 1 } as object, 'toString is not an option of the market'],
  ])('%p are refused, the option named', (options, message) => {
    const make = () => new Market(options);
    expect(make).toThrow(DepthcastError);
    expect(make).toThrow(message);
  });
});

describe('starting balances', () => {
  it.each(['', 'USD:0', 'USD:1000000000000000', Array.from({ length: 64 }, (_, i) => `A${i}:1`).join()])(
    'may be %p',
    (paperBalances) => expect(marketOptions({ paperBalances }).paperBalances).toBe(paperBalances),
  );
});

describe('the options of a state', () => {
  it('hold for the market that is restored from it', () => {
    const market = new Market({ wideSpreadBps: 7 });
    expect(Market.restore(market.snapshot()).snapshot()).toBe(market.snapshot());
    expect(Market.restore(market.snapshot()).logicVersion).toBe(market.logicVersion);
  });

  it('may be overlaid there, from which on the events are those of the new ones', () => {
    const inputs = new ScriptedInputs();
    const market = new Market({ wideSpreadBps: 100, anomalyRelease: 0.25 });
    market.apply(inputs.symbol());
    market.apply(inputs.clock(SCRIPT_SECOND));
    market.apply(inputs.snapshot(1, [['100', '1']], [['100.7', '1']]));
    for (let i = 1; i <= 11; i++) expect(anomalies(market.apply(inputs.clock(SCRIPT_SECOND + i)))).toBe(0);
    const stricter = Market.restore(market.snapshot(), { wideSpreadBps: 60 });
    expect(stricter.snapshot()).toContain('"wideSpreadBps":60');
    expect(stricter.snapshot()).toContain('"anomalyRelease":0.25');
    const clock = inputs.clock(SCRIPT_SECOND + 12);
    expect([anomalies(market.apply(clock)), anomalies(stricter.apply(clock))]).toEqual([0, 1]);
  });
});

describe('the logic version', () => {
  it('tells markets apart whose events may not be compared', () => {
    const versions = [
      {},
      { wideSpreadBps: 7 },
      { wideSpreadBps: 8 },
      { volumeSpikeFactor: 7 },
      { paperBalances: '' },
    ].map(logicVersionOf);
    expect(new Set(versions).size).toBe(5);
    expect(versions[0]).toBe(LOGIC_VERSION);
    expect(versions[1]).toMatch(new RegExp(`^${LOGIC_VERSION}-[0-9a-f]{8}$`));
    expect(logicVersionOf({ wideSpreadBps: DEFAULT_MARKET_OPTIONS.wideSpreadBps })).toBe(LOGIC_VERSION);
    expect(new Market({ wideSpreadBps: 7 }).logicVersion).toBe(versions[1]);
  });
});

function anomalies(events: { topic: string }[]): number {
  return events.filter(({ topic }) => topic.startsWith('anomaly:')).length;
}
