import { describe, expect, it } from '@jest/globals';
import { klineIntervals } from './events.ts';
import { isView, logStreamEvents, logStreamTypes, parseStream, parseViewType, streamId } from './streams.ts';

const defaults = { type: 'MBP', levels: 20 } as const;

describe('a stream definition', () => {
  it('is SYMBOL:TYPE:LEVELS, as in the seed', () => {
    const stream = parseStream('BTCUSD:MBP:5', defaults);
    expect(stream).toEqual({ symbol: 'BTCUSD', type: 'MBP', levels: 5 });
    expect(streamId(stream)).toBe('BTCUSD_MBP_5');
  });

  it('takes defaults for what is left out, lower case and a slash', () => {
    expect(parseStream('btc/usd', defaults)).toEqual({ symbol: 'BTCUSD', type: 'MBP', levels: 20 });
    expect(parseStream('ETHUSD:mbo', { type: 'MBP', levels: 7 })).toEqual({ symbol: 'ETHUSD', type: 'MBO', levels: 7 });
    expect(parseStream('BTCUSDT.P:MBP:1', defaults).symbol).toBe('BTCUSDT.P');
  });

  it.each(logStreamTypes)('is SYMBOL:%s for events of the log, in any case', (type) => {
    const stream = parseStream(`btc/usd:${type.toLowerCase()}`, defaults);
    expect(stream).toEqual({ symbol: 'BTCUSD', type });
    expect(streamId(stream)).toBe(`BTCUSD_${type}`);
    expect(isView(stream)).toBe(false);
  });

  it('has a type for the klines of each interval', () => {
    const intervals = logStreamTypes.map((type) => logStreamEvents[type]).filter((events) => 'interval' in events);
    expect(intervals.map(({ interval }) => interval)).toEqual(klineIntervals);
  });

  it('takes the views alone for a default', () => {
    expect(parseViewType(' mbo', 'data_type')).toBe('MBO');
    expect(() => parseViewType('TRADES', 'data_type')).toThrow('data_type "TRADES" is not one of MBP, MBO');
  });

  it.each([
    ['BTCUSD:XYZ:5', `type "XYZ" is not one of MBP, MBO, ${logStreamTypes.join(', ')}`],
    ['BTCUSD:KLINE_2m', 'type "KLINE_2m" is not one of MBP, MBO, TRADES'],
    ['BTCUSD:TRADES:5', '"BTCUSD:TRADES:5": TRADES takes no levels, write BTCUSD:TRADES'],
    ['BTCUSD:L2:', 'L2 takes no levels'],
    ['BTCUSD:MBP:0', 'levels "0" is not a whole number from 1 to 1000'],
    ['BTCUSD:MBP:-1', 'levels "-1"'],
    ['BTCUSD:MBP:abc', 'levels "abc"'],
    ['BTCUSD:MBP:1001', 'levels "1001"'],
    ['BTCUSD:MBP:1e2', 'levels "1e2"'],
    ['BTCUSD:MBP:', 'levels ""'],
    ['BTCUSD:MBP:5:6', 'write SYMBOL:TYPE:LEVELS'],
    ['', 'write SYMBOL:TYPE:LEVELS'],
    ['BTC\nUSD:MBP:5', 'write SYMBOL:TYPE:LEVELS'],
    [':MBP:5', 'write SYMBOL:TYPE:LEVELS'],
  ])('%j is refused, and the message names what is wrong', (definition, message) => {
    expect(() => parseStream(definition, defaults)).toThrow(message);
  });
});
