import { ORDER_ID_PATTERN, orderSides, timesInForce } from '@depthcast/protocol';
import { ORDER_FIELDS } from '../commands/order-request.ts';
import { answer, listOf, operation, schemaRef } from './openapi-parts.ts';
import { ORDERS } from './parameters.ts';
import { type Json, object, oneOf, text } from './schemas.ts';

type Field = keyof typeof ORDER_FIELDS;

const number = { anyOf: [{ type: 'number', exclusiveMinimum: 0 }, text()] };
const FIELDS: Readonly<Record<Field, Json>> = {
  symbol: text(),
  side: oneOf(orderSides),
  qty: number,
  price: number,
  type: oneOf(['LIMIT', 'MARKET']),
  time_in_force: oneOf(timesInForce, 'GTC'),
  post_only: { type: 'boolean', default: false },
  client_order_id: { type: 'string', pattern: ORDER_ID_PATTERN.source },
};
const REQUIRED: readonly Field[] = ['symbol', 'side', 'qty'];

const described = Object.entries(FIELDS).map(([name, schema]) => [
  name,
  { ...schema, description: ORDER_FIELDS[name as Field] },
]);
const ORDER: Json = {
  type: 'object',
  properties: Object.fromEntries(described),
  required: REQUIRED,
  additionalProperties: false,
};
const TAKEN = object({ client_order_id: text(), status: text(), account: text(), symbol: text() });

const ID = {
  client_order_id: { schema: FIELDS.client_order_id, description: 'the name that the order was given', required: true },
} as const;

export const orderPaths: Json = {
  '/api/orders': {
    post: operation({
      id: 'place_order',
      tag: 'orders',
      summary: 'A paper order',
      description: 'Safe to send again under the same client_order_id: it places one order.',
      asked: 'by mode',
      query: ORDERS.place,
      body: ORDER,
      answers: {
        200: answer("with wait=ack: the engine's first word of it", schemaRef('order_update')),
        202: answer('on its way to the engine', TAKEN),
        422: answer('the engine has refused it, and says why', schemaRef('order_update')),
      },
      errors: [
        'PARAMETER_INVALID',
        'ORDER_INVALID',
        'SYMBOL_UNKNOWN',
        'DECIMAL_INVALID',
        'DECIMAL_OFF_STEP',
        'DECIMAL_OUT_OF_RANGE',
        'ORIGIN_FORBIDDEN',
        'BODY_TOO_LARGE',
        'BODY_TYPE_UNKNOWN',
        'OVERLOADED',
        'ACK_TIMEOUT',
      ],
    }),
    get: operation({
      id: 'list_orders',
      tag: 'orders',
      summary: "An account's orders, the newest first",
      asked: 'by mode',
      query: ORDERS.list,
      answers: { 200: answer('how they stand', listOf('orders', schemaRef('order_state'))) },
      errors: ['PARAMETER_INVALID', 'SYMBOL_UNKNOWN', 'OVERLOADED'],
    }),
  },
  '/api/orders/{client_order_id}': {
    get: operation({
      id: 'get_order',
      tag: 'orders',
      summary: 'How one order stands',
      asked: 'by mode',
      path: ID,
      query: ORDERS.one,
      answers: { 200: answer('how it stands', schemaRef('order_state')) },
      errors: ['PARAMETER_INVALID', 'ORDER_UNKNOWN', 'OVERLOADED'],
    }),
    delete: operation({
      id: 'cancel_order',
      tag: 'orders',
      summary: 'Cancels an order',
      asked: 'by mode',
      path: ID,
      query: ORDERS.cancel,
      answers: { 200: answer('it is CANCELLED', schemaRef('order_update')) },
      errors: ['PARAMETER_INVALID', 'ORDER_INVALID', 'ORIGIN_FORBIDDEN', 'ORDER_UNKNOWN', 'OVERLOADED', 'ACK_TIMEOUT'],
    }),
  },
  '/api/account': {
    get: operation({
      id: 'get_account',
      tag: 'orders',
      summary: "An account's balances",
      asked: 'by mode',
      query: ORDERS.one,
      answers: { 200: answer('all of them', schemaRef('account')) },
      errors: ['PARAMETER_INVALID', 'OVERLOADED'],
    }),
  },
  '/api/positions': {
    get: operation({
      id: 'list_positions',
      tag: 'orders',
      summary: "What an account's fills have come to, by symbol",
      asked: 'by mode',
      query: ORDERS.one,
      answers: { 200: answer('one a symbol', listOf('positions', schemaRef('position'))) },
      errors: ['PARAMETER_INVALID', 'OVERLOADED'],
    }),
  },
};
