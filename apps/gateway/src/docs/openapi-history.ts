import { HISTORY_ENDPOINTS } from '../history/endpoints.ts';
import { answer, operation, schemaRef } from './openapi-parts.ts';
import { HISTORY } from './parameters.ts';
import { array, type Json, nullable, object, text, whole } from './schemas.ts';

type Name = keyof typeof HISTORY_ENDPOINTS;

const time = nullable(whole());
const cursor = nullable(text('a cursor'));
const price = nullable({ type: 'number' });
const levels = { type: 'array', items: { type: 'array', items: text(), minItems: 2, maxItems: 2 } };

/** A page of rows: the very bytes of the wire. */
function page(name: string, rows: Json, head: Record<string, Json> = {}): Json {
  return object({ ...head, [name]: array(rows), count: whole(0), next: cursor, previous: cursor }, ['previous']);
}

const events = page('events', object({ id: text('its cursor'), type: text(), data: { type: 'object' } }));
const symbol = { symbol: text() };
const FILE = {
  'text/csv': { schema: text('RFC 4180, the names of the columns first') },
  'application/vnd.apache.parquet': { schema: { type: 'string', contentMediaType: 'application/octet-stream' } },
};

const ANSWERS: Readonly<Record<Name, Json>> = {
  symbols: object({
    symbols: array(text()),
    count: whole(0),
    details: array(
      object({
        ...symbol,
        events: whole(0),
        updates: whole(0),
        trades: whole(0),
        first_time: time,
        last_time: time,
      }),
    ),
  }),
  updates: page('updates', schemaRef('bbo'), symbol),
  trades: page('trades', schemaRef('trade'), symbol),
  candles: page('candles', schemaRef('kline'), { ...symbol, interval: text() }),
  events,
  book: object(
    {
      ...symbol,
      at: text('the moment that was asked for, as a cursor'),
      cursor: text("the book's last change up to it"),
      bids: levels,
      asks: levels,
      checksum: whole(0),
      bid_orders: array({ type: 'array' }),
      ask_orders: array({ type: 'array' }),
    },
    ['bid_orders', 'ask_orders'],
  ),
  latency: object({
    symbol: nullable(text()),
    start_time: time,
    end_time: time,
    unit: { const: 'ms' },
    count: whole(0),
    ...{ min: price, mean: price, p50: price, p95: price, p99: price, max: price },
  }),
  stats: object({
    store: { type: 'object' },
    retention: { type: 'object' },
    symbols: whole(0),
    events: whole(0),
    lag_events: time,
    partitions: array({ type: 'object' }),
  }),
  export: events,
};

const PAGED: readonly Name[] = ['updates', 'trades', 'candles', 'events', 'export'];

/** `/api/history/*`: the journal's answers, which a gateway hands on. */
export function historyPaths(): Json {
  const names = Object.keys(HISTORY_ENDPOINTS) as Name[];
  return Object.fromEntries(names.map((name) => [`/api/history/${name}`, { get: historyOperation(name) }]));
}

function historyOperation(name: Name): Json {
  const given = answer(HISTORY_ENDPOINTS[name], ANSWERS[name]);
  const content = { ...(given.content as Json), ...(PAGED.includes(name) ? FILE : {}) };
  return operation({
    id: `history_${name}`,
    tag: 'history',
    summary: HISTORY_ENDPOINTS[name],
    asked: 'by mode',
    query: HISTORY[name],
    answers: { 200: { ...given, content } },
    errors: [
      'PARAMETER_INVALID',
      'SYMBOL_UNKNOWN',
      'CURSOR_INVALID',
      'HISTORY_MISSING',
      'HISTORY_UNAVAILABLE',
      'OVERLOADED',
    ],
  });
}
