import type { Instrument } from './instrument.ts';
import type { PaperOrder } from './paper-order.ts';

/** The asset that an order holds while it is open. */
export function lockedAsset({ side }: PaperOrder, { base, quote }: Instrument): string {
  return side === 'BUY' ? quote : base;
}

/**
 * So much of it.
 *
 * @param costAtMarket of a market BUY, the exact cost of all that it is going to trade.
 */
export function neededBy(order: PaperOrder, instrument: Instrument, costAtMarket: bigint | undefined): bigint {
  if (order.side === 'SELL') return instrument.baseOf(order.lots);
  if (order.ticks !== undefined) return instrument.quoteOf(order.ticks, order.lots);
  if (costAtMarket === undefined) throw new Error(`the cost of market order ${order.venueOrderId} is not given`);
  return costAtMarket;
}
