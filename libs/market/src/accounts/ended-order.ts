import type { OrderReason, OrderSide, OrderStatus } from '@depthcast/protocol';
import type { KnownOrder } from './paper-order.ts';

/** An order that has come to its end, as compactly as it can be kept: there may be a hundred thousand. */
export interface EndedOrder {
  readonly clientOrderId: string;
  /** Event time of its end. */
  readonly endedSecond: number;
  /** All that is said of it but its account, then {@link endedSecond}: separated by spaces, which none of it has. */
  readonly text: string;
}

export function endedOrder(order: KnownOrder, endedSecond: number): EndedOrder {
  const { clientOrderId, venueOrderId, symbol, side, qty, price, status, reason } = order;
  const text = [
    ...[clientOrderId, venueOrderId, symbol, side, qty ?? '', price ?? '', status, reason],
    ...[order.executedQty, order.avgPrice, order.lastUs, endedSecond],
    // Joined, it is one flat text; concatenated, it would be a tree of a dozen.
  ].join(' ');
  return { clientOrderId, endedSecond, text };
}

/** @param text of an ended order. */
export function restoreEndedOrder(text: string): EndedOrder {
  const clientOrderId = text.slice(0, text.indexOf(' '));
  return { clientOrderId, endedSecond: Number(text.slice(text.lastIndexOf(' ') + 1)), text };
}

/** How it stood in the end. */
export function knownOrder(account: string, { clientOrderId, text }: EndedOrder): KnownOrder {
  const [, venueOrderId = '', symbol = '', side, qty, price, status, reason, executedQty = '', avgPrice = '', lastUs] =
    text.split(' ');
  return {
    ...{ account, clientOrderId, venueOrderId, symbol, executedQty, avgPrice, lastUs: Number(lastUs) },
    ...{ side: side as OrderSide, status: status as OrderStatus, reason: reason as OrderReason | '' },
    ...{ qty: qty === '' ? undefined : qty, price: price === '' ? undefined : price },
  };
}
