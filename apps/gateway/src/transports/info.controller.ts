import { type BookReplica, L3Book, seedTime } from '@depthcast/book';
import { LEVELS_DEFAULT, LEVELS_MAX, logStreamEvents, logStreamTypes, viewTypes } from '@depthcast/protocol';
import { Controller, Get, Inject, NotFoundException, Redirect } from '@nestjs/common';
import { ACCOUNT_DEFAULT } from '../auth/identity.ts';
import { TICKET_PATH } from '../auth/request-identity.ts';
import { TICKET_SECONDS } from '../auth/tickets.ts';
import { BODY_BYTES_MAX } from '../commands/order-body.ts';
import { ORDERS_LIMIT_DEFAULT, ORDERS_LIMIT_MAX, WAIT_MS_DEFAULT, WAIT_MS_MAX } from '../commands/order-params.ts';
import { ORDER_FIELDS } from '../commands/order-request.ts';
import type { GatewayConfig } from '../config.ts';
import { HISTORY_DOCUMENT } from '../history/endpoints.ts';
import { Partitions } from '../partitions/partitions.ts';
import { REPLAY_DOCUMENT } from '../replay/replay-params.ts';
import { HEADER_BYTES_MAX } from './client-error.ts';
import { SEED_TYPES, SUBSCRIBABLE_TYPES } from './event-types.ts';
import { MAX_RATE_MAX, MAX_RATE_MIN } from './max-rate.ts';
import { INTERVAL_MS_MAX, INTERVAL_MS_MIN } from './stream-params.ts';

export const CONFIG = Symbol('config');
const MAX_RATE_TEXT = `messages a second at most, ${MAX_RATE_MIN} to ${MAX_RATE_MAX}: more wait in the log, and of views the newest comes (all)`;

/** What there is to be had here: GET /api and GET /symbols. */
@Controller()
export class InfoController {
  readonly #partitions: Partitions;
  readonly #config: GatewayConfig;

  constructor(partitions: Partitions, @Inject(CONFIG) config: GatewayConfig) {
    this.#partitions = partitions;
    this.#config = config;
  }

  /** Whoever opens the bare address in a browser finds out what is here. */
  @Get()
  @Redirect('/api', 302)
  root(): void {
    if (!this.#config.WEB_ENABLED) throw new NotFoundException('there is no page here: WEB_ENABLED is false');
  }

  @Get('symbols')
  async symbols() {
    const release = await this.#partitions.use(undefined);
    release();
    const { symbols } = this.#partitions;
    const details = symbols.map((symbol) => {
      const { state, watch } = this.#partitions.of(symbol);
      return symbolDetails(state.book(symbol) as BookReplica, watch.isStale);
    });
    return { symbols, details };
  }

  @Get('api')
  api() {
    const { INTERVAL_MS, STREAMS_MAX, SESSIONS_MAX, ORDERS_PENDING_MAX, KEEPALIVE_MS, HEARTBEAT_MS } = this.#config;
    return {
      name: 'depthcast gateway',
      endpoints: [
        {
          path: '/stream',
          method: 'GET',
          description: 'Order book views and streams of single event types as Server-Sent Events',
        },
        { path: '/api/stream', method: 'GET', description: 'The event log as Server-Sent Events, with exact resume' },
        { path: '/protected/stream', method: 'GET', description: '/stream, with a token' },
        { path: '/protected/api/stream', method: 'GET', description: '/api/stream, with a token' },
        { path: TICKET_PATH, method: 'POST', description: 'A one-time ticket for a stream, for a token' },
        {
          path: '/socket.io/',
          method: 'GET',
          description: 'Socket.IO 4: best prices, views and streams of single event types (docs/SOCKETIO.md)',
        },
        { path: '/api/orders', method: 'POST', description: 'A paper order; 202 once it is on its way to the engine' },
        { path: '/api/orders', method: 'GET', description: "An account's orders, the newest first" },
        { path: '/api/orders/{client_order_id}', method: 'GET', description: 'How one order stands' },
        { path: '/api/orders/{client_order_id}', method: 'DELETE', description: 'Cancels an order' },
        { path: '/api/account', method: 'GET', description: "An account's balances" },
        { path: '/api/positions', method: 'GET', description: "What an account's fills have come to, by symbol" },
        ...HISTORY_DOCUMENT,
        { path: '/symbols', method: 'GET', description: 'The symbols available here' },
        { path: '/api', method: 'GET', description: 'This document' },
        { path: '/docs', method: 'GET', description: 'The same in full, to be read: OpenAPI (/docs-json)' },
        { path: '/docs/asyncapi.json', method: 'GET', description: 'What streams and Socket.IO send: AsyncAPI' },
        { path: '/health', method: 'GET', description: 'Whether this process should be left running' },
        { path: '/ready', method: 'GET', description: 'Whether clients should be sent here' },
        { path: '/metrics', method: 'GET', description: 'Prometheus metrics' },
      ],
      stream: {
        definition: '{SYMBOL}:{DATA_TYPE}:{MAX_LEVELS}',
        views: viewTypes,
        log_definition: '{SYMBOL}:{LOG_TYPE}',
        log_types: Object.fromEntries(logStreamTypes.map((type) => [type, logStreamEvents[type].types])),
        parameters: {
          streams:
            'stream definitions, divided by commas; DATA_TYPE and MAX_LEVELS may be left out; a LOG_TYPE takes no levels',
          symbols: 'symbols that take the defaults, divided by commas; without streams and symbols: all',
          data_type: `default data type, ${viewTypes.join(' or ')} (MBP); MBO and L3 are of symbols whose data_types have MBO`,
          max_levels: `default levels, 1 to ${LEVELS_MAX} (${LEVELS_DEFAULT})`,
          interval: `ms between frames, ${INTERVAL_MS_MIN} to ${INTERVAL_MS_MAX}, 0 for every change (${INTERVAL_MS})`,
          max_rate: MAX_RATE_TEXT,
          last_id: 'the last id received; the Last-Event-ID header wins over it',
          ...REPLAY_DOCUMENT,
        },
        events: ['connection_info', 'market_data', 'heartbeat', 'error', 'reset', 'replay'],
      },
      api_stream: {
        parameters: {
          types: `event types, divided by commas, or all (${SEED_TYPES.join(',')})`,
          symbols: 'symbols, divided by commas (all)',
          account: `whose order_update, fill, order_state, account and position events to give (${ACCOUNT_DEFAULT})`,
          max_rate: MAX_RATE_TEXT,
          last_id: "resume after this id, a cursor or an integer; 0 is the log's beginning; Last-Event-ID wins over it",
          ids: 'cursor (epoch-offset) or int (a monotonic integer) (cursor)',
          chain: '1 adds a prev: line, the id of the event before in this subscription (0)',
          ...REPLAY_DOCUMENT,
        },
        events: SUBSCRIBABLE_TYPES,
        control_events: ['reset', 'book_status', 'error', 'connection_info', 'replay'],
      },
      orders: ORDERS_DOCUMENT,
      authentication: { mode: this.#config.AUTH_MODE, ...AUTHENTICATION_DOCUMENT },
      limits: {
        sessions_per_ip: this.#config.SESSIONS_PER_IP_MAX,
        header_bytes: HEADER_BYTES_MAX,
        sessions: SESSIONS_MAX,
        streams_per_session: STREAMS_MAX,
        replays: this.#config.REPLAYS_MAX,
        levels: LEVELS_MAX,
        orders_pending: ORDERS_PENDING_MAX,
        body_bytes: BODY_BYTES_MAX,
        keep_alive_ms: KEEPALIVE_MS,
        heartbeat_ms: HEARTBEAT_MS,
      },
    };
  }
}

const AUTHENTICATION_DOCUMENT = {
  modes: {
    off: 'nobody is asked: the account parameter decides',
    optional: 'market data is public, what belongs to an account takes a token, whose subject is the account',
    required: 'everything takes a token but /, /api, /docs, /health, /ready and /metrics',
  },
  header: 'Authorization: Bearer <JSON Web Token>',
  ticket: `?ticket= of a stream, where no header can be sent: good once, for ${TICKET_SECONDS} s`,
  answers: {
    401: 'TOKEN_MISSING, TOKEN_INVALID, TOKEN_EXPIRED, TOKEN_REVOKED or TICKET_INVALID; on a stream the same as its last event',
    403: 'FORBIDDEN: what was asked for is of another account',
  },
} as const;

const ORDERS_DOCUMENT = {
  parameters: {
    account: `whose orders these are, of every endpoint (${ACCOUNT_DEFAULT})`,
    wait: "POST: ack answers with the order_update, the engine's first or how an order stands that was known; without it 202 as soon as the order is in the inbox",
    wait_ms: `POST with wait=ack, DELETE: how long to wait for the engine, 1 to ${WAIT_MS_MAX} (${WAIT_MS_DEFAULT})`,
    status: 'GET: open: all that are, or all: the last 100 that have ended too (open)',
    symbol:
      'GET: only orders of it, one of GET /symbols (all); of /api/account: in whose partition, where there are several',
    limit: `GET: how many at most, 1 to ${ORDERS_LIMIT_MAX} (${ORDERS_LIMIT_DEFAULT})`,
  },
  body: ORDER_FIELDS,
  answers: {
    200: 'what was asked for, in the words of the order_update, order_state, account and position events',
    202: 'client_order_id, status, account, symbol; status is PENDING until the engine has answered',
    400: 'the field or parameter, what came and what it takes',
    404: 'the account has no such order, or to cancel none that is open',
    415: 'a body that is no JSON, is compressed, or of another charset than UTF-8',
    422: 'the engine has refused the order: its order_update, with the reason',
    503: 'come back after Retry-After with the same client_order_id, which places the order once',
    504: 'in the inbox, and no answer of the engine yet',
  },
} as const;

function symbolDetails({ symbol, definition, book, kind, status, cursor, tsEventUs }: BookReplica, isStale: boolean) {
  const [tick, step] = book ? [book.priceScale.step, book.sizeScale.step] : [definition?.tick, definition?.step];
  // JSON leaves out what is undefined: unknown.
  return {
    symbol,
    venue: definition?.venue,
    status: isStale ? 'stale' : status,
    data_types: kind === 'orders' ? ['MBP', 'MBO'] : ['MBP'],
    tick,
    step,
    bid_levels: book?.bids.length ?? 0,
    ask_levels: book?.asks.length ?? 0,
    order_count: book instanceof L3Book ? book.orderCount : undefined,
    trading: definition?.trading,
    sequence: cursor?.offset ?? null,
    timestamp: tsEventUs ? seedTime(tsEventUs / 1000) : null,
  };
}
