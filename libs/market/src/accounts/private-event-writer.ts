import { eventTopic, formatTsNs, type InputOf, type LogEvent } from '@depthcast/protocol';
import type { KnownOrder } from './paper-order.ts';

/*
 * The VeloZ seed's private events, field by field, as wire bytes. Concatenated: accounts, symbols and ids have passed
 * their patterns and need no escape, numbers are exact decimal text already, and times must not pass through a Number.
 */

export function orderUpdateEvent(order: KnownOrder): LogEvent {
  return {
    topic: eventTopic('order_update', order.symbol, order.account),
    payload: `{"type":"order_update","ts_ns":${formatTsNs(order.lastUs)},"client_order_id":"${order.clientOrderId}"${venueId(order)},"status":"${order.status}","symbol":"${order.symbol}","side":"${order.side}"${number('qty', order.qty)}${number('price', order.price)},"reason":"${order.reason}"}`,
  };
}

export function orderStateEvent(order: KnownOrder): LogEvent {
  return { topic: eventTopic('order_state', order.symbol, order.account), payload: orderStateJson(order) };
}

export function orderStateJson(order: KnownOrder): string {
  return `{"type":"order_state","client_order_id":"${order.clientOrderId}","status":"${order.status}","symbol":"${order.symbol}","side":"${order.side}"${number('order_qty', order.qty)}${number('limit_price', order.price)}${venueId(order)},"executed_qty":${order.executedQty},"avg_price":${order.avgPrice},"reason":"${order.reason}","last_ts_ns":${formatTsNs(order.lastUs)}}`;
}

export function fillEvent(order: KnownOrder, qty: string, price: string, tsUs: number): LogEvent {
  return {
    topic: eventTopic('fill', order.symbol, order.account),
    payload: `{"type":"fill","ts_ns":${formatTsNs(tsUs)},"client_order_id":"${order.clientOrderId}","symbol":"${order.symbol}","qty":${qty},"price":${price}}`,
  };
}

/** @param balances JSON of the list of balances. */
export function accountEvent(account: string, balances: string, tsUs: number): LogEvent {
  return {
    topic: eventTopic('account', undefined, account),
    payload: `{"type":"account","ts_ns":${formatTsNs(tsUs)},"balances":${balances}}`,
  };
}

/** There is no such order, so there is nothing to say of it but its name. */
export function refusedCancelEvent({ account, orderId, symbol, tsEventUs }: InputOf<'cancel'>): LogEvent {
  return {
    topic: eventTopic('order_update', symbol, account),
    payload: `{"type":"order_update","ts_ns":${formatTsNs(tsEventUs)},"client_order_id":"${orderId}","status":"REJECTED"${text('symbol', symbol)},"reason":"unknown_order"}`,
  };
}

/** An order that was refused unread has no number. */
function venueId({ venueOrderId }: KnownOrder): string {
  return venueOrderId === '' ? '' : `,"venue_order_id":"${venueOrderId}"`;
}

function number(name: string, decimal: string | undefined): string {
  return decimal === undefined ? '' : `,"${name}":${decimal}`;
}

function text(name: string, value: string | undefined): string {
  return value === undefined ? '' : `,"${name}":"${value}"`;
}
