import { DepthcastError, type InputOf, type OrderReason, type Scale } from '@depthcast/protocol';
import { AMOUNT_MAX, trimmed } from './amount.ts';
import type { Instrument } from './instrument.ts';
import type { PaperOrder } from './paper-order.ts';

/** What an order trades in, or why it cannot. */
export type Tradable = Instrument | 'symbol_unknown' | 'symbol_not_tradable';

/** The order that an input asks for, without a number yet, and the rule that it breaks; '' when it breaks none. */
export function readOrder(
  input: InputOf<'order'>,
  tradable: Tradable,
): { order: PaperOrder; reason: OrderReason | '' } {
  const { account = '', orderId, symbol, side, qty, price, postOnly = false } = input;
  const instrument = typeof tradable === 'string' ? undefined : tradable;
  const lots = instrument && stepsOf(instrument.sizes, qty);
  const ticks = instrument && price !== undefined ? stepsOf(instrument.prices, price) : undefined;
  const order: PaperOrder = {
    account,
    clientOrderId: orderId,
    venueOrderId: '',
    symbol,
    side,
    qty: instrument && lots !== undefined ? wireText(instrument.sizes, lots) : undefined,
    price: instrument && ticks !== undefined ? wireText(instrument.prices, ticks) : undefined,
    status: 'ACCEPTED',
    reason: '',
    executedQty: '0',
    avgPrice: '0',
    lastUs: input.tsEventUs,
    lots: lots ?? 0,
    ticks,
    tif: price === undefined && input.tif !== 'FOK' ? 'IOC' : (input.tif ?? 'GTC'),
    postOnly,
    executed: 0,
    notional: 0n,
    locked: 0n,
    lockedAsset: '',
    queueAhead: 0,
  };
  if (typeof tradable === 'string') return { order, reason: tradable };
  return { order, reason: brokenRule(order, price !== undefined, tradable) };
}

function brokenRule(order: PaperOrder, hasPrice: boolean, instrument: Instrument): OrderReason | '' {
  const { lots, ticks = 0 } = order;
  const { lotLots, minLots, maxLots, minNotional } = instrument;
  if (order.postOnly && (!hasPrice || order.tif !== 'GTC')) return 'order_invalid';
  if (lots === 0 || lots % lotLots !== 0 || lots < minLots || lots > maxLots) return 'qty_invalid';
  if (!hasPrice) return '';
  if (ticks === 0) return 'price_invalid';
  const notional = instrument.quoteOf(ticks, lots);
  if (notional < minNotional) return 'notional_too_small';
  return notional > AMOUNT_MAX ? 'notional_too_large' : '';
}

/** Steps of the scale as the JSON number that events show. */
export function wireText(scale: Scale, steps: number): string {
  return trimmed(scale.format(steps));
}

function stepsOf(scale: Scale, text: string): number | undefined {
  try {
    return scale.parse(text);
  } catch (error) {
    if (error instanceof DepthcastError) return undefined;
    throw error;
  }
}
