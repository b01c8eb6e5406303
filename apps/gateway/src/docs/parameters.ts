import { klineIntervals, LEVELS_DEFAULT, LEVELS_MAX, viewTypes } from '@depthcast/protocol';
import { ACCOUNT_DEFAULT } from '../auth/identity.ts';
import { ORDERS_LIMIT_DEFAULT, ORDERS_LIMIT_MAX, WAIT_MS_DEFAULT, WAIT_MS_MAX } from '../commands/order-params.ts';
import { REPLAY_DOCUMENT, SPEED_MAX } from '../replay/replay-params.ts';
import { SEED_TYPES, SUBSCRIBABLE_TYPES } from '../transports/event-types.ts';
import { MAX_RATE_MAX, MAX_RATE_MIN } from '../transports/max-rate.ts';
import { INTERVAL_MS_MAX, INTERVAL_MS_MIN } from '../transports/stream-params.ts';
import { type Json, oneOf, text, whole } from './schemas.ts';

/** A query parameter, of REST and of streams alike. */
export interface Parameter {
  readonly schema: Json;
  readonly description: string;
  readonly required?: true;
}

export type Parameters = Readonly<Record<string, Parameter>>;

const LAST_ID = "the last id received; the header Last-Event-ID wins over it; 0 is the log's beginning";
const ROWS_MAX = 10_000;

const account: Parameter = {
  schema: text(),
  description: `whose: without a token any (${ACCOUNT_DEFAULT}), with one its own`,
};
const symbols: Parameter = { schema: text(), description: 'symbols of GET /symbols, divided by commas (all)' };
const symbol: Parameter = { schema: text(), description: 'one of /api/history/symbols' };
const shared = {
  last_id: { schema: text(), description: LAST_ID },
  max_rate: {
    schema: whole(MAX_RATE_MIN, MAX_RATE_MAX),
    description: 'messages a second at most: more wait in the log, and of views the newest comes',
  },
  ticket: { schema: text(), description: 'of POST /api/stream/ticket, where no header can be sent; good once' },
  from: { schema: text(), description: REPLAY_DOCUMENT.from },
  speed: {
    schema: { anyOf: [whole(1, SPEED_MAX), oneOf(['max'])], default: 1 },
    description: REPLAY_DOCUMENT.speed,
  },
} satisfies Parameters;

export const STREAM: Parameters = {
  streams: { schema: text(), description: 'SYMBOL:TYPE:LEVELS or SYMBOL:TYPE, divided by commas' },
  symbols,
  data_type: { schema: oneOf(viewTypes, 'MBP'), description: 'of definitions without one' },
  max_levels: { schema: whole(1, LEVELS_MAX, LEVELS_DEFAULT), description: 'of definitions without levels' },
  interval: {
    schema: { anyOf: [oneOf([0]), whole(INTERVAL_MS_MIN, INTERVAL_MS_MAX)] },
    description: 'ms between two frames of a view; 0: every change',
  },
  ...shared,
};

export const LOG: Parameters = {
  types: {
    schema: { ...text(), default: SEED_TYPES.join(',') },
    description: `all, or some of ${SUBSCRIBABLE_TYPES.join(', ')}, divided by commas`,
  },
  symbols,
  account,
  ids: { schema: oneOf(['cursor', 'int'], 'cursor'), description: 'epoch-offset, or a monotonic integer' },
  chain: { schema: oneOf(['0', '1'], '0'), description: '1: a prev: line in each frame, the id of the one before' },
  ...shared,
};

const wait_ms: Parameter = {
  schema: whole(1, WAIT_MS_MAX, WAIT_MS_DEFAULT),
  description: 'how long to wait for the engine, ms',
};
export const ORDERS = {
  place: {
    account,
    wait: { schema: oneOf(['ack']), description: "answers with the engine's word; without it 202 at once" },
    wait_ms,
  },
  cancel: { account, wait_ms },
  one: { account },
  list: {
    account,
    status: { schema: oneOf(['open', 'all'], 'open'), description: 'all: the last that have ended too' },
    symbol: { schema: text(), description: 'only orders of it' },
    limit: { schema: whole(1, ORDERS_LIMIT_MAX, ORDERS_LIMIT_DEFAULT), description: 'how many at most' },
  },
} satisfies Record<string, Parameters>;

const TIME = 'ms since 1970, or ISO 8601, which is UTC without a zone';
const times: Parameters = {
  start_time: { schema: text(), description: `from then on: ${TIME}` },
  end_time: { schema: text(), description: `before then: ${TIME}` },
};
const rows = (otherwise: number): Parameters => ({
  ...times,
  after: { schema: text(), description: 'a cursor, exclusive: `next` of the page before' },
  before: { schema: text(), description: 'a cursor, exclusive' },
  limit: { schema: whole(1, ROWS_MAX, otherwise), description: 'rows; of a file up to 100,000,000, all without it' },
  format: { schema: oneOf(['json', 'csv', 'parquet']), description: 'wins over Accept' },
});
const needed = { symbol: { ...symbol, required: true } } satisfies Parameters;
const ofEvents: Parameters = { types: { schema: text(), description: 'event types, divided by commas' }, account };
const interval: Parameter = { schema: oneOf(klineIntervals, '1m'), description: 'of the bars' };

export const HISTORY = {
  symbols: {},
  updates: { ...needed, ...rows(100) },
  trades: { ...needed, ...rows(100) },
  candles: { ...needed, interval, ...rows(500) },
  events: { symbols, ...ofEvents, ...rows(100) },
  book: {
    ...needed,
    at: { schema: text(), description: 'a time or a cursor (the newest book)' },
    levels: {
      schema: { anyOf: [whole(1, LEVELS_MAX), oneOf(['all'])], default: LEVELS_DEFAULT },
      description: 'levels, or orders, a side',
    },
  },
  latency: { symbol, ...times },
  stats: {},
  export: {
    data: { schema: oneOf(['events', 'updates', 'trades', 'candles'], 'events'), description: 'what' },
    symbols,
    ...ofEvents,
    interval,
    ...rows(100),
  },
} satisfies Record<string, Parameters>;
