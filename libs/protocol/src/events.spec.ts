import { describe, expect, it } from '@jest/globals';
import { EVENT_TYPES, eventTopic, parseEvent, parseTopic } from './events.ts';
import { inputSchema, inputTopic } from './inputs.ts';

describe('an event', () => {
  it('keeps ts_ns exact, beyond what a double holds', () => {
    const payload = '{"type":"market","symbol":"BTCUSDT","ts_ns":1704067200000000001,"price":50000.0}';
    expect(parseEvent('market', payload)).toEqual({
      type: 'market',
      symbol: 'BTCUSDT',
      ts_ns: 1704067200000000001n,
      price: 50000,
    });
  });

  it('is refused when a field is missing or of another type', () => {
    expect(() => parseEvent('market', '{"type":"market","symbol":"BTCUSDT","ts_ns":1}')).toThrow();
    expect(() => parseEvent('bbo', '{"symbol":"BTCUSDT","bidPrice":1}')).toThrow();
  });

  it('has a topic that says type, symbol and owner', () => {
    expect(eventTopic('clock')).toBe('clock');
    expect(parseTopic(eventTopic('trade', 'BTCUSDT.P'))).toEqual({ type: 'trade', symbol: 'BTCUSDT.P' });
    expect(parseTopic(eventTopic('error', 'BTCUSD', 'alice'))).toEqual({
      type: 'error',
      symbol: 'BTCUSD',
      account: 'alice',
    });
    expect(EVENT_TYPES).toContain('book_change');
  });
});

describe('an input', () => {
  it('is refused with the field named', () => {
    const result = inputSchema.safeParse({ type: 'trade', src: 's', seq: 0, symbol: 'BTCUSD' });
    expect(result.error?.issues.map((issue) => issue.path.join('.'))).toEqual(expect.arrayContaining(['seq', 'price']));
  });

  it('has a topic of type and symbol', () => {
    expect(inputTopic({ type: 'clock' })).toBe('clock');
    expect(inputTopic({ type: 'depth', symbol: 'BTCUSD' })).toBe('depth:BTCUSD');
  });
});
