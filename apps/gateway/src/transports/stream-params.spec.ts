import type { BookKind } from '@depthcast/book';
import type { Query } from '@depthcast/protocol';
import { describe, expect, it } from '@jest/globals';
import { parseStreamSubscription } from './stream-params.ts';

const KINDS: Record<string, BookKind | undefined> = { LEVELS: 'levels', ORDERS: 'orders', NEW: undefined };

const parse = (query: Query) =>
  parseStreamSubscription(query, undefined, {
    symbols: Object.keys(KINDS),
    kindOf: (symbol) => KINDS[symbol],
    intervalMsDefault: 300,
    streamsMax: 5,
  });

describe('a stream of orders', () => {
  it.each([
    ['MBO:7', 'LEVELS has price levels, no orders: MBO is not available, ask for LEVELS:MBP:7'],
    ['MBO', 'LEVELS has price levels, no orders: MBO is not available, ask for LEVELS:MBP:20'],
    ['L3', 'LEVELS has price levels, no orders: L3 is not available, ask for LEVELS:L2'],
  ])('%s is given of a book of orders, and refused of one of levels', (type, message) => {
    const { views, logStreams, errors } = parse({ streams: `LEVELS:${type},ORDERS:${type}` });
    expect([...views, ...logStreams].map(({ symbol }) => symbol)).toEqual(['ORDERS']);
    expect(errors).toEqual([{ event: 'error', code: 400, message, stream_id: `LEVELS:${type}` }]);
  });

  it('is given with a word of doubt while the kind of the book is not known, and said once', () => {
    const { views, logStreams, errors } = parse({ streams: 'NEW:MBO:5,NEW:L3,new:mbo:5,NEW:MBP:5,NEW:L2' });
    expect(views).toEqual([
      { symbol: 'NEW', type: 'MBO', levels: 5 },
      { symbol: 'NEW', type: 'MBP', levels: 5 },
    ]);
    expect(logStreams).toEqual([
      { symbol: 'NEW', type: 'L3' },
      { symbol: 'NEW', type: 'L2' },
    ]);
    const doubt = (type: string, instead: string) =>
      `It is not known yet whether NEW has a book of orders: ${type} begins if it has, ask for ${instead} if not`;
    expect(errors).toEqual([
      { event: 'error', code: 503, message: doubt('MBO', 'NEW:MBP:5'), stream_id: 'NEW:MBO:5' },
      { event: 'error', code: 503, message: doubt('L3', 'NEW:L2'), stream_id: 'NEW:L3' },
    ]);
  });

  it('for all symbols is an error for each that has none, and the others flow', () => {
    const { views, errors, every } = parse({ data_type: 'MBO', max_levels: '3' });
    expect(every).toEqual({ type: 'MBO', levels: 3 });
    expect(views.map(({ symbol }) => symbol)).toEqual(['ORDERS', 'NEW']);
    expect(errors.map(({ code, stream_id }) => [code, stream_id])).toEqual([
      [400, 'LEVELS'],
      [503, 'NEW'],
    ]);
    expect(parse({ symbols: 'ORDERS,LEVELS', data_type: 'MBO' })).toMatchObject({
      views: [{ symbol: 'ORDERS' }],
      errors: [{ stream_id: 'LEVELS' }],
    });
  });
});
