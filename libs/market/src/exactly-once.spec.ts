import type { Input } from '@depthcast/protocol';
import { describe, expect, it } from '@jest/globals';
import { Market } from './market.ts';
import { SCRIPT_SECOND, ScriptedInputs } from './scripted-inputs.ts';
import { SOURCES_MAX } from './source-ledger.ts';

const HOUR_SECONDS = 3_600;

function count(market: Market, input: Input): number {
  return market.apply(input).length;
}

/** Event time goes on, second by second. */
function pass(market: Market, clock: ScriptedInputs, from: number, seconds: number): void {
  for (let i = 1; i <= seconds; i++) market.apply(clock.clock(from + i));
}

describe('an input has an effect once', () => {
  it('however often and in whatever company it is sent again', () => {
    const market = new Market();
    const a = new ScriptedInputs('a');
    const b = new ScriptedInputs('b');
    const first = a.symbol();
    const trade = a.trade(1, '100', '1');
    market.apply(first);
    expect(count(market, trade)).toBe(2);
    expect([count(market, trade), count(market, first)]).toEqual([0, 0]);
    b.symbol();
    expect(count(market, b.trade(2, '100', '1'))).toBe(2); // the same seq of another source
  });

  it('a hole in the numbers is fine: the producer dropped what it could not queue', () => {
    const market = new Market();
    const a = new ScriptedInputs('a');
    market.apply(a.symbol());
    a.trade(1, '100', '1');
    expect(count(market, a.trade(2, '100', '1'))).toBe(2);
  });

  it('a refused one counts as seen, so that it is reported once', () => {
    const market = new Market();
    const bad = '{"src":"a","seq":5,"type":"trade","symbol":"NONE"}';
    expect(market.applyEntry('trade:NONE', bad)).toHaveLength(1);
    expect(market.applyEntry('trade:NONE', bad)).toHaveLength(0);
    expect(market.rejectedInputs).toBe(1);
  });
});

describe('a source', () => {
  it('is forgotten after an hour of event time without input, not before', () => {
    const market = new Market();
    const a = new ScriptedInputs('a');
    const clock = new ScriptedInputs('clock');
    market.apply(clock.clock(SCRIPT_SECOND));
    market.apply(a.symbol());
    const trade = a.trade(1, '100', '1');
    market.apply(trade);
    pass(market, clock, SCRIPT_SECOND, HOUR_SECONDS - 1);
    expect(count(market, trade)).toBe(0); // and this was input from it
    pass(market, clock, SCRIPT_SECOND + HOUR_SECONDS - 1, HOUR_SECONDS - 1);
    expect(count(market, trade)).toBe(0);
    pass(market, clock, SCRIPT_SECOND + 2 * HOUR_SECONDS - 2, HOUR_SECONDS);
    expect(count(market, trade)).toBe(2);
  });

  it('is not forgotten by a jump of event time: it may be waiting to send again', () => {
    const market = new Market();
    const a = new ScriptedInputs('a');
    const clock = new ScriptedInputs('clock');
    market.apply(clock.clock(SCRIPT_SECOND));
    market.apply(a.symbol());
    const trade = a.trade(1, '100', '1');
    market.apply(trade);
    market.apply(clock.clock(SCRIPT_SECOND + 100 * HOUR_SECONDS));
    expect(count(market, trade)).toBe(0);
  });

  it(`beyond ${SOURCES_MAX} of them takes the place of the one silent longest`, () => {
    const market = new Market();
    const old = new ScriptedInputs('old');
    const live = new ScriptedInputs('live');
    market.apply(old.symbol());
    const first = old.trade(1, '100', '1');
    market.apply(first);
    market.apply(live.clock(SCRIPT_SECOND));
    const second = live.trade(2, '100', '1');
    market.apply(second);
    for (let i = 0; i < SOURCES_MAX - 1; i++) market.apply(new ScriptedInputs(`s${i}`).symbol());
    expect(count(market, second)).toBe(0);
    expect(count(market, first)).toBe(2);
  });
});
