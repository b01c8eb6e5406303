import {
  DepthcastError,
  normalizeSymbol,
  ORDER_DECIMAL_CHARS_MAX,
  ORDER_ID_PATTERN,
  type OrderSide,
  orderSides,
  quote,
  SYMBOL_PATTERN,
  type TimeInForce,
  timesInForce,
} from '@depthcast/protocol';
import { rawMembers } from './raw-json.ts';

/** An order as a client asks for it, its numbers as the text they came in. */
export interface OrderRequest {
  readonly symbol: string;
  readonly side: OrderSide;
  readonly qty: string;
  /** Without it the order is one at market. */
  readonly price: string | undefined;
  readonly tif: TimeInForce | undefined;
  readonly postOnly: boolean;
  readonly clientOrderId: string;
}

const orderTypes = ['LIMIT', 'MARKET'] as const;

/** What the body of `POST /api/orders` may have, and what each field takes. */
export const ORDER_FIELDS = {
  symbol: 'one of GET /symbols',
  side: orderSides.join(' or '),
  qty: 'a plain decimal above 0 such as 12.5, as a number or a string',
  price: 'a plain decimal above 0 such as 12.5, as a number or a string; without it the order is one at market',
  type: `${orderTypes.join(' or ')}; LIMIT needs a price, MARKET has none`,
  time_in_force: timesInForce.join(', '),
  post_only: 'true or false; true needs a price and GTC',
  client_order_id: 'at most 36 letters, digits, ., _ and -, but not . and .. alone; made here when it is left out',
} as const;

type Field = keyof typeof ORDER_FIELDS;
type Fields = ReadonlyMap<Field, string>;

const NUMBER = /^-?\d/;
const PLAIN_DECIMAL = /^\d+(\.\d+)?$/;
const ZERO = /^[0.]*$/;
/** What some languages write as JSON when their arithmetic went wrong. */
const NO_NUMBER = /"(\w+)"\s*:\s*(NaN|-?Infinity)\b/;
const SHOWN_CHARS_MAX = 60;

/**
 * Reads the body of `POST /api/orders`. Numbers are read from the text itself: as a JavaScript number `1e309` would be
 * infinite, and the last digits of long ones would be lost.
 *
 * @param newId makes the client order id where the body has none.
 * @throws DepthcastError `ORDER_INVALID`, naming the field, what came and what is allowed.
 */
export function parseOrder(body: string, newId: () => string): OrderRequest {
  const fields = readFields(body);
  const price = fields.has('price') ? decimal(fields, 'price') : undefined;
  const type = optional(fields, 'type', orderTypes);
  const tif = optional(fields, 'time_in_force', timesInForce);
  const postOnly = flag(fields, 'post_only');
  if (type !== undefined && (type === 'LIMIT') !== (price !== undefined))
    throw invalidField('type', fields.get('type'));
  if (postOnly && price === undefined) throw invalidField('post_only', fields.get('post_only'));
  if (postOnly && tif !== undefined && tif !== 'GTC') throw invalidField('post_only', fields.get('post_only'));
  return {
    symbol: symbolOf(fields),
    side: required(fields, 'side', orderSides),
    qty: decimal(fields, 'qty'),
    price,
    tif,
    postOnly,
    clientOrderId: fields.has('client_order_id') ? newClientOrderId(text(fields, 'client_order_id')) : newId(),
  };
}

/** @throws DepthcastError `ORDER_INVALID` */
export function clientOrderId(id: string): string {
  if (ORDER_ID_PATTERN.test(id)) return id;
  throw invalidField('client_order_id', JSON.stringify(id));
}

/** In a URL these two are steps between folders: of such a name an order could be neither asked for nor cancelled. */
function newClientOrderId(id: string): string {
  if (id === '.' || id === '..') throw invalidField('client_order_id', JSON.stringify(id));
  return clientOrderId(id);
}

/** Each field's raw JSON, once. */
function readFields(body: string): Fields {
  let value: unknown;
  try {
    value = JSON.parse(body);
  } catch {
    const [, name = '', literal] = NO_NUMBER.exec(body) ?? [];
    if (Object.hasOwn(ORDER_FIELDS, name)) throw invalidField(name as Field, literal);
    throw new DepthcastError('ORDER_INVALID', `body ${quote(body)} is not JSON: takes an object of ${names()}`);
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw new DepthcastError('ORDER_INVALID', `body ${quote(body)} is not an object: takes one of ${names()}`);
  }
  const fields = new Map<Field, string>();
  for (const [name, raw] of rawMembers(body)) {
    if (!Object.hasOwn(ORDER_FIELDS, name)) {
      throw new DepthcastError('ORDER_INVALID', `${quote(name)} is no field of an order: takes ${names()}`);
    }
    if (fields.has(name as Field)) throw new DepthcastError('ORDER_INVALID', `${name} is given twice: takes one value`);
    fields.set(name as Field, raw);
  }
  return fields;
}

function names(): string {
  return Object.keys(ORDER_FIELDS).join(', ');
}

function symbolOf(fields: Fields): string {
  const symbol = normalizeSymbol(text(fields, 'symbol'));
  if (!SYMBOL_PATTERN.test(symbol)) throw invalidField('symbol', fields.get('symbol'));
  return symbol;
}

function text(fields: Fields, name: Field): string {
  const raw = fields.get(name);
  if (!raw?.startsWith('"')) throw invalidField(name, raw);
  return JSON.parse(raw) as string;
}

function decimal(fields: Fields, name: Field): string {
  const raw = fields.get(name);
  const value = raw !== undefined && NUMBER.test(raw) ? raw : text(fields, name);
  if (value.length > ORDER_DECIMAL_CHARS_MAX || !PLAIN_DECIMAL.test(value) || ZERO.test(value))
    throw invalidField(name, raw);
  return value;
}

function flag(fields: Fields, name: Field): boolean {
  const raw = fields.get(name) ?? 'false';
  if (raw !== 'true' && raw !== 'false') throw invalidField(name, raw);
  return raw === 'true';
}

function required<T extends string>(fields: Fields, name: Field, allowed: readonly T[]): T {
  const value = text(fields, name);
  const known = allowed.find((one) => one === value);
  if (known === undefined) throw invalidField(name, fields.get(name));
  return known;
}

function optional<T extends string>(fields: Fields, name: Field, allowed: readonly T[]): T | undefined {
  return fields.has(name) ? required(fields, name, allowed) : undefined;
}

/** @param raw what came, as JSON. */
function invalidField(name: Field, raw: string | undefined): DepthcastError {
  const got = raw === undefined ? 'is missing' : `${shown(raw)} is not allowed`;
  return new DepthcastError('ORDER_INVALID', `${name} ${got}: takes ${ORDER_FIELDS[name]}`);
}

/** It is in quotes already where it is a string. */
function shown(raw: string): string {
  const line = raw.replace(/\s+/g, ' ');
  return line.length > SHOWN_CHARS_MAX ? `${line.slice(0, SHOWN_CHARS_MAX)}…` : line;
}
