/** Words of orders, as inputs, events and the orders API use them. */

/** Characters that the price and the size of an order may have as text: a longer one is no order, wherever it is read. */
export const ORDER_DECIMAL_CHARS_MAX = 40;

/** Of these ACCEPTED and PARTIALLY_FILLED are open; the others end an order. VeloZ seed. */
export const orderStatuses = ['ACCEPTED', 'PARTIALLY_FILLED', 'FILLED', 'CANCELLED', 'REJECTED', 'EXPIRED'] as const;
export type OrderStatus = (typeof orderStatuses)[number];

export function isOpenStatus(status: OrderStatus): boolean {
  return status === 'ACCEPTED' || status === 'PARTIALLY_FILLED';
}

/** Until cancelled; at once or never, in part; at once or never, as a whole. */
export const timesInForce = ['GTC', 'IOC', 'FOK'] as const;
export type TimeInForce = (typeof timesInForce)[number];

export const orderSides = ['BUY', 'SELL'] as const;
export type OrderSide = (typeof orderSides)[number];

/** Why an order was refused, or ended with something left: the `reason` of `order_update` and `order_state`. */
export const orderReasons = {
  symbol_unknown: 'no symbol input has defined the symbol',
  symbol_not_tradable: 'the symbol takes no orders',
  book_not_synced: 'the book does not follow its venue at the moment',
  price_invalid: 'the price is not a positive multiple of the tick',
  qty_invalid: 'the size is not a positive multiple of the lot, or outside its bounds',
  notional_too_small: 'price × size is less than the symbol takes',
  notional_too_large: 'price × size is more than 10^15 of the quote asset',
  order_invalid: 'postOnly without a price, or with IOC or FOK',
  insufficient_balance: 'the account has not got what the order needs',
  account_limit: 'one account more than the engine holds',
  open_orders_limit: 'the account, or all of them together, have as many open orders as they may',
  positions_limit: 'one position more than the engine holds',
  book_full: 'the book holds as many orders as it may',
  no_liquidity: 'nobody offers anything',
  post_only: 'it would have matched at once',
  self_trade: "it would have met the account's own order",
  not_filled_at_once: 'what IOC, FOK or a market order leaves',
  match_limit: 'it met more orders than one input may',
  unknown_order: 'the account has no such open order',
  symbol_changed: "the symbol's tick, step, depth rule or assets changed under it",
} as const;
export type OrderReason = keyof typeof orderReasons;
