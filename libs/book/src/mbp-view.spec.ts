import { Scale } from '@depthcast/protocol';
import { describe, expect, it } from '@jest/globals';
import { L2Book } from './l2-book.ts';
import { renderMbp, renderMbpSide } from './mbp-view.ts';

function sample(): L2Book {
  const book = new L2Book(Scale.ofStep('0.01'), Scale.ofStep('0.00000001'));
  book.replace(
    [
      ['45000.50', '1.5'],
      ['45000.49', '0.00000001'],
    ],
    [['90071992547409.91', '2']],
  );
  return book;
}

describe('an MBP side', () => {
  it("has the market-depth seed's fields in the seed's order, as exact number literals", () => {
    expect(renderMbpSide(sample(), 'bid', 10)).toBe(
      '[{"price":45000.50,"quantity":1.50000000,"order_count":null,"side":"Bid","total_quantity":1.50000000,"avg_age_ms":null},' +
        '{"price":45000.49,"quantity":0.00000001,"order_count":null,"side":"Bid","total_quantity":1.50000001,"avg_age_ms":null}]',
    );
    expect(renderMbpSide(sample(), 'ask', 10)).toBe(
      '[{"price":90071992547409.91,"quantity":2.00000000,"order_count":null,"side":"Ask","total_quantity":2.00000000,"avg_age_ms":null}]',
    );
  });

  it('shows no more levels than asked for, and an empty side as an empty list', () => {
    expect(JSON.parse(renderMbpSide(sample(), 'bid', 1))).toHaveLength(1);
    expect(renderMbpSide(new L2Book(Scale.ofStep('1'), Scale.ofStep('1')), 'bid', 5)).toBe('[]');
  });

  it('adds sizes up exactly, even beyond what one size can be', () => {
    for (const step of ['0.01', '0.05', '25']) {
      const sizes = Scale.ofStep(step);
      const book = new L2Book(Scale.ofStep('1'), sizes);
      const size = sizes.format(sizes.stepsMax);
      book.replace(
        ['9', '8', '7', '6'].map((price) => [price, size]),
        [],
      );
      const totals = Array.from(
        renderMbpSide(book, 'bid', 4).matchAll(/"total_quantity":([\d.]+)/g),
        ([, text]) => text,
      );
      expect(totals).toEqual([1n, 2n, 3n, 4n].map((n) => sizes.formatSum(n * BigInt(sizes.stepsMax))));
    }
  });

  it("makes the seed's data object of both", () => {
    expect(JSON.parse(renderMbp(sample(), 1))).toEqual({
      format: 'MBP',
      bids: [{ price: 45000.5, quantity: 1.5, order_count: null, side: 'Bid', total_quantity: 1.5, avg_age_ms: null }],
      asks: [
        { price: 90071992547409.91, quantity: 2, order_count: null, side: 'Ask', total_quantity: 2, avg_age_ms: null },
      ],
    });
  });
});
