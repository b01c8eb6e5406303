import { Scale } from '@depthcast/protocol';
import { describe, expect, it } from '@jest/globals';
import { L3Book } from './l3-book.ts';
import { renderMbo, renderMboSide } from './mbo-view.ts';
import { renderMbpSide } from './mbp-view.ts';

/** 2024-01-15T10:30:01Z, in µs. */
const T = 1_705_314_601_000_000;

function sample(): L3Book {
  const book = new L3Book(Scale.ofStep('0.01'), Scale.ofStep('0.00000001'));
  book.add('order_1642248601234_567890', 'bid', 4_500_050, 150_000_000, T);
  book.add('order_2', 'bid', 4_500_049, 1, T + 1_000_000);
  book.add('order_3', 'bid', 4_500_050, 2, T + 250_999);
  book.add('said "so"\n', 'ask', 9_007_199_254_740_991, 200_000_000, T);
  return book;
}

describe('an MBO side', () => {
  it("has the market-depth seed's fields in the seed's order, by priority, as exact number literals", () => {
    expect(renderMboSide(sample(), 'bid', 10, T + 1_500_000)).toBe(
      '[{"order_id":"order_1642248601234_567890","price":45000.50,"quantity":1.50000000,"side":"Bid","timestamp":"2024-01-15T10:30:01Z","age_ms":1500},' +
        '{"order_id":"order_3","price":45000.50,"quantity":0.00000002,"side":"Bid","timestamp":"2024-01-15T10:30:01.250Z","age_ms":1249},' +
        '{"order_id":"order_2","price":45000.49,"quantity":0.00000001,"side":"Bid","timestamp":"2024-01-15T10:30:02Z","age_ms":500}]',
    );
  });

  it('counts orders, not levels, and shows an empty side as an empty list', () => {
    const ids = (n: number) =>
      JSON.parse(renderMboSide(sample(), 'bid', n, T)).map((o: { order_id: string }) => o.order_id);
    expect(ids(2)).toEqual(['order_1642248601234_567890', 'order_3']);
    expect(ids(0)).toEqual([]);
    expect(renderMboSide(new L3Book(Scale.ofStep('1'), Scale.ofStep('1')), 'ask', 5, T)).toBe('[]');
  });

  it("makes the seed's data object of both, whatever an id is written with", () => {
    const data = JSON.parse(renderMbo(sample(), 1, T));
    expect(data).toMatchObject({
      format: 'MBO',
      bids: [{ side: 'Bid' }],
      asks: [{ order_id: 'said "so"\n', side: 'Ask' }],
    });
    expect(Object.keys(data)).toEqual(['format', 'bids', 'asks']);
  });

  it('gives no negative age to an order that is newer than now', () => {
    expect(JSON.parse(renderMboSide(sample(), 'bid', 9, T)).map((o: { age_ms: number }) => o.age_ms)).toEqual([
      0, 0, 0,
    ]);
  });
});

describe('an MBP side of an order book', () => {
  it("has the seed's order counts, cumulative quantities and average ages", () => {
    expect(renderMbpSide(sample(), 'bid', 10, T + 1_500_000)).toBe(
      '[{"price":45000.50,"quantity":1.50000002,"order_count":2,"side":"Bid","total_quantity":1.50000002,"avg_age_ms":1374},' +
        '{"price":45000.49,"quantity":0.00000001,"order_count":1,"side":"Bid","total_quantity":1.50000003,"avg_age_ms":500}]',
    );
  });

  it('gives no negative age to a level that is newer than now', () => {
    expect(JSON.parse(renderMbpSide(sample(), 'bid', 1, T - 1))).toMatchObject([{ avg_age_ms: 0 }]);
  });
});
