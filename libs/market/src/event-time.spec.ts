import { formatTsNs, type Input, parsePayload } from '@depthcast/protocol';
import { describe, expect, it } from '@jest/globals';
import { Market } from './market.ts';
import { SCRIPT_SECOND, ScriptedInputs } from './scripted-inputs.ts';

const YEAR_2100_US = 4_102_444_800_000_000;

function topics(market: Market, input: Input): string[] {
  return market.apply(input).map(({ topic }) => topic);
}

describe('event time', () => {
  it('each second counts once, whoever sends it, and never goes back', () => {
    const market = new Market();
    const a = new ScriptedInputs('a');
    const b = new ScriptedInputs('b');
    expect(topics(market, a.clock(SCRIPT_SECOND))).toEqual(['clock']);
    expect(topics(market, b.clock(SCRIPT_SECOND))).toEqual([]);
    expect(topics(market, b.clock(SCRIPT_SECOND - 1))).toEqual([]);
    expect(market.eventTimeUs).toBe(SCRIPT_SECOND * 1_000_000);
    expect(topics(market, b.clock(SCRIPT_SECOND + 3))).toEqual(['clock']);
    expect(market.eventTimeUs).toBe((SCRIPT_SECOND + 3) * 1_000_000);
  });

  it('of nothing yet is 0, which JSON does not write as 0000', () => {
    expect([formatTsNs(0), formatTsNs(1)]).toEqual(['0', '1000']);
    const [refusal] = new Market().applyEntry('nonsense', '{');
    expect(parsePayload(refusal?.payload as string)).toMatchObject({ type: 'error', ts_ns: 0n });
  });

  it('is not poisoned by a venue that dates a message 2100', () => {
    const market = new Market();
    const inputs = new ScriptedInputs();
    market.apply(inputs.symbol());
    market.apply(inputs.clock(SCRIPT_SECOND));
    const late = { ...inputs.trade(1, '100', '1'), tsEventUs: YEAR_2100_US } as Input;
    expect(market.apply(late)[0]?.payload).toContain('"ts_ns":4102444800000000000,');
    expect(market.eventTimeUs).toBe(SCRIPT_SECOND * 1_000_000);
    expect(topics(market, inputs.clock(SCRIPT_SECOND + 1))).toEqual(['clock', 'ticker:BTCUSD']);
  });
});

describe('book snapshots', () => {
  it('come every 60 s of event time, of synced books only', () => {
    const market = new Market();
    const inputs = new ScriptedInputs();
    market.apply(inputs.symbol());
    const at = (second: number) =>
      topics(market, inputs.clock(SCRIPT_SECOND + second)).includes('book_snapshot:BTCUSD');
    expect(at(0)).toBe(false);
    market.apply(inputs.snapshot(1, [['1', '1']], [['2', '1']]));
    expect([at(1), at(2), at(60), at(61), at(62)]).toEqual([true, false, false, true, false]);
    market.apply(inputs.feed('down'));
    expect(at(200)).toBe(false);
    market.apply(inputs.feed('up'));
    expect(at(201)).toBe(false);
    market.apply(inputs.snapshot(1, [['1', '1']], [['2', '1']]));
    expect([at(202), at(203)]).toEqual([true, false]);
  });
});
