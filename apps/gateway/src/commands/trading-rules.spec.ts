import type { SymbolDefinition } from '@depthcast/book';
import type { DepthcastError } from '@depthcast/protocol';
import { describe, expect, it } from '@jest/globals';
import type { OrderRequest } from './order-request.ts';
import { checkRules } from './trading-rules.ts';

const RULES: SymbolDefinition = {
  venue: 'test',
  book: 'orders',
  tick: '0.05',
  step: '0.0001',
  trading: { base_asset: 'BTC', quote_asset: 'USD', lot: '0.001', min_qty: '0.01', max_qty: '100', min_notional: '5' },
};

function refusal(qty: string, price?: string, rules: SymbolDefinition = RULES): string | undefined {
  const order = { symbol: 'BTCUSD', qty, price } as OrderRequest;
  try {
    checkRules(order, rules);
  } catch (error) {
    expect((error as DepthcastError).status).toBe(400);
    return `${(error as DepthcastError).code}: ${(error as DepthcastError).message}`;
  }
  return undefined;
}

describe("a symbol's rules", () => {
  it.each([
    ['1', '100'],
    ['0.01', '500'],
    ['0.010', '500.050000'],
    ['100', '0.05'],
    ['0.05', '100'],
    ['0.01', undefined],
  ])('let %s at %s pass', (qty, price) => {
    expect(refusal(qty, price)).toBeUndefined();
  });

  it.each([
    ['1', '100.01', 'DECIMAL_OFF_STEP: price "100.01" is not a multiple of 0.05'],
    ['1', '0.0500000001', 'DECIMAL_OFF_STEP: price "0.0500000001" is not a multiple of 0.05'],
    ['0.0105', '1000', 'DECIMAL_OFF_STEP: qty "0.0105" is not a multiple of 0.001'],
    ['99999999999999999999', undefined, expect.stringMatching(/^DECIMAL_OUT_OF_RANGE: qty/)],
    ['1', '99999999999999999999', expect.stringMatching(/^DECIMAL_OUT_OF_RANGE: price/)],
    ['0.009', '1000', 'ORDER_INVALID: qty "0.009" is not allowed: takes at least 0.01'],
    ['100.001', '1', 'ORDER_INVALID: qty "100.001" is not allowed: takes at most 100'],
    ['0.01', '499.95', 'ORDER_INVALID: qty "0.01" is not allowed: takes so much that price × qty is at least 5'],
  ])('refuse %s at %s by the name of the field and what is allowed', (qty, price, message) => {
    expect(refusal(qty, price)).toEqual(message);
  });

  it('refuse every order where there are none to trade by', () => {
    expect(refusal('1', '1', { ...RULES, trading: undefined })).toBe('ORDER_INVALID: symbol "BTCUSD" takes no orders');
  });
});
