import type { OrderReason, OrderSide, OrderStatus, TimeInForce } from '@depthcast/protocol';

/** How an order stands: all that `order_update` and `order_state` say of it, its numbers as they stand on the wire. */
export interface KnownOrder {
  readonly account: string;
  readonly clientOrderId: string;
  /** The market's own running number; also the order's id in a book of orders. '' when it was refused unread. */
  readonly venueOrderId: string;
  readonly symbol: string;
  readonly side: OrderSide;
  /** Undefined where an order that was refused had none that could be read; the price, at market too. */
  readonly qty: string | undefined;
  readonly price: string | undefined;
  status: OrderStatus;
  reason: OrderReason | '';
  executedQty: string;
  /** 0 before the first fill. */
  avgPrice: string;
  /** When it came to stand so. */
  lastUs: number;
}

/** An order of a paper account while it is open. Plain data, so that it goes into a state and comes back. */
export interface PaperOrder extends KnownOrder {
  readonly lots: number;
  /** The limit; undefined at market. */
  readonly ticks: number | undefined;
  /** IOC or FOK at market, whatever the input said. */
  readonly tif: TimeInForce;
  readonly postOnly: boolean;
  /** Lots that have been traded. */
  executed: number;
  /** What they came to, as an amount of the quote asset. */
  notional: bigint;
  /** What it holds of {@link lockedAsset} for what is still to be traded. */
  locked: bigint;
  lockedAsset: string;
  /** Lots that must trade at its price before it does. Of symbols whose book is of levels; matching's alone. */
  queueAhead: number;
}

/** As JSON holds it. */
export type PaperOrderMemory = Omit<PaperOrder, 'notional' | 'locked'> & {
  readonly notional: string;
  readonly locked: string;
};

export function paperOrderMemory(order: PaperOrder): PaperOrderMemory {
  return { ...order, notional: String(order.notional), locked: String(order.locked) };
}

export function restorePaperOrder(memory: PaperOrderMemory): PaperOrder {
  // JSON has left out what is undefined.
  const { ticks, qty, price } = memory;
  return { ...memory, ticks, qty, price, notional: BigInt(memory.notional), locked: BigInt(memory.locked) };
}
