import { invalid, normalizeSymbol, type Query, single } from '@depthcast/protocol';
import { oneOf } from '../transports/query.ts';
import type { OrdersWanted } from './account-replica.ts';

export const WAIT_MS_MAX = 30_000;
export const WAIT_MS_DEFAULT = 5_000;
/** What an account has at most: 1,000 open orders, and 100 that have ended. */
export const ORDERS_LIMIT_MAX = 1_100;
/** All that are open. */
export const ORDERS_LIMIT_DEFAULT = 1_000;
export const ORDER_PARAMETERS = ['account', 'wait', 'wait_ms', 'status', 'symbol', 'limit'] as const;

/** `wait=ack`. @throws DepthcastError `PARAMETER_INVALID` */
export function wantsAck(query: Query): boolean {
  const wait = single(query, 'wait');
  if (wait === undefined || wait === 'ack') return wait === 'ack';
  throw invalid('wait', wait, 'ack');
}

/** @throws DepthcastError `PARAMETER_INVALID` */
export function waitMsOf(query: Query): number {
  return integer(query, 'wait_ms', WAIT_MS_MAX, WAIT_MS_DEFAULT);
}

/** Which orders to list. @throws DepthcastError `PARAMETER_INVALID` */
export function ordersWanted(query: Query): OrdersWanted {
  return {
    status: oneOf(query, 'status', ['open', 'all'], 'open'),
    symbol: symbolOf(query),
    limit: integer(query, 'limit', ORDERS_LIMIT_MAX, ORDERS_LIMIT_DEFAULT),
  };
}

/** @throws DepthcastError `PARAMETER_INVALID` */
export function symbolOf(query: Query): string | undefined {
  const symbol = single(query, 'symbol');
  return symbol === undefined ? undefined : normalizeSymbol(symbol);
}

function integer(query: Query, name: string, max: number, otherwise: number): number {
  const text = single(query, name);
  if (text === undefined) return otherwise;
  const value = /^\d{1,9}$/.test(text) ? Number(text) : 0;
  if (value >= 1 && value <= max) return value;
  throw invalid(name, text, `a whole number from 1 to ${max}`);
}
