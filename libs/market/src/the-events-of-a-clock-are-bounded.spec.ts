import type { Input, LogEvent } from '@depthcast/protocol';
import { describe, expect, it } from '@jest/globals';
import { Market } from './market.ts';
import { SCRIPT_SECOND, ScriptedInputs } from './scripted-inputs.ts';
import { CLOCK_EVENTS_MAX } from './symbol-table.ts';

/** What one append may hold. */
const APPEND_ENTRIES_MAX = 16_000;
const SYMBOLS = 2_500;

/** Topics of one type, as symbols. */
function symbolsOf(type: string, events: LogEvent[]): string[] {
  return events.filter(({ topic }) => topic.startsWith(`${type}:`)).map(({ topic }) => topic.slice(type.length + 1));
}

describe('a clock of more symbols than one input may tell of', () => {
  const clock = new ScriptedInputs('clock');
  const market = new Market();
  const producers = Array.from({ length: SYMBOLS }, (_, i) => new ScriptedInputs(`p${i}`, `S${i}`));
  const apply = (of: (inputs: ScriptedInputs) => Input) => {
    for (const inputs of producers) market.apply(of(inputs));
  };
  market.apply(clock.clock(SCRIPT_SECOND));
  apply((inputs) => inputs.symbol());
  apply((inputs) => inputs.trade(1, '5', '1'));
  const first = market.apply(clock.clock(SCRIPT_SECOND + 1));
  const restored = Market.restore(market.snapshot());
  const next = clock.clock(SCRIPT_SECOND + 2);
  const second = market.apply(next);

  it('stays within what is appended as a whole', () => {
    expect(first.length).toBeGreaterThanOrEqual(CLOCK_EVENTS_MAX);
    expect(first.length).toBeLessThan(APPEND_ENTRIES_MAX);
  });

  it('goes on with the next one, where it stopped, and leaves nobody out', () => {
    const told = new Set(symbolsOf('kline', first));
    expect(told.size).toBeLessThan(SYMBOLS);
    const rest = symbolsOf('kline', second);
    expect(rest[0]).toBe(`S${told.size}`);
    expect(new Set([...told, ...rest]).size).toBe(SYMBOLS);
    // Those that have been told of have nothing new but their ticker.
    expect(rest.length + told.size * 6).toBe(SYMBOLS * 6);
    expect(symbolsOf('ticker', second)).toHaveLength(SYMBOLS);
  });

  it('from a restored state as well', () => {
    expect(restored.apply(next)).toEqual(second);
    expect(restored.snapshot()).toBe(market.snapshot());
  });
});
