import { seedTime } from '@depthcast/book';
import { LEVELS_DEFAULT, LEVELS_MAX, logStreamEvents, logStreamTypes, viewTypes } from '@depthcast/protocol';
import { Controller, Get, Inject, Redirect } from '@nestjs/common';
import type { GatewayConfig } from '../config.ts';
import { Gateway } from '../gateway.ts';
import { SEED_TYPES, SUBSCRIBABLE_TYPES } from './event-types.ts';
import { INTERVAL_MS_MAX, INTERVAL_MS_MIN } from './stream-params.ts';

export const CONFIG = Symbol('config');

/** What there is to be had here: GET /api and GET /symbols. */
@Controller()
export class InfoController {
  readonly #gateway: Gateway;
  readonly #config: GatewayConfig;

  constructor(gateway: Gateway, @Inject(CONFIG) config: GatewayConfig) {
    this.#gateway = gateway;
    this.#config = config;
  }

  /** Whoever opens the bare address in a browser finds out what is here. */
  @Get()
  @Redirect('/api', 302)
  root(): void {}

  @Get('symbols')
  symbols() {
    const { state, watch } = this.#gateway;
    return {
      symbols: state.symbols,
      details: state.symbols.map((symbol) => {
        const replica = state.book(symbol);
        const { book } = replica ?? {};
        return {
          symbol,
          status: watch.isStale ? 'stale' : (replica?.status ?? 'buffering'),
          data_types: ['MBP'],
          ...(book ? { tick: book.priceScale.step, step: book.sizeScale.step } : {}),
          bid_levels: book?.bids.length ?? 0,
          ask_levels: book?.asks.length ?? 0,
          sequence: replica?.cursor?.offset ?? null,
          timestamp: replica?.tsEventUs ? seedTime(replica.tsEventUs / 1000) : null,
        };
      }),
    };
  }

  @Get('api')
  api() {
    const { INTERVAL_MS, STREAMS_MAX, SESSIONS_MAX, KEEPALIVE_MS, HEARTBEAT_MS } = this.#config;
    return {
      name: 'depthcast gateway',
      endpoints: [
        {
          path: '/stream',
          method: 'GET',
          description: 'Order book views and streams of single event types as Server-Sent Events',
        },
        { path: '/api/stream', method: 'GET', description: 'The event log as Server-Sent Events, with exact resume' },
        { path: '/symbols', method: 'GET', description: 'The symbols available here' },
        { path: '/api', method: 'GET', description: 'This document' },
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
          data_type: `default data type, ${viewTypes.join(' or ')} (MBP)`,
          max_levels: `default levels, 1 to ${LEVELS_MAX} (${LEVELS_DEFAULT})`,
          interval: `ms between frames, ${INTERVAL_MS_MIN} to ${INTERVAL_MS_MAX}, 0 for every change (${INTERVAL_MS})`,
          last_id: 'the last id received; the Last-Event-ID header wins over it',
        },
        events: ['connection_info', 'market_data', 'heartbeat', 'error', 'reset'],
      },
      api_stream: {
        parameters: {
          types: `event types, divided by commas, or all (${SEED_TYPES.join(',')})`,
          symbols: 'symbols, divided by commas (all)',
          last_id: "resume after this id, a cursor or an integer; 0 is the log's beginning; Last-Event-ID wins over it",
          ids: 'cursor (epoch-offset) or int (a monotonic integer) (cursor)',
          chain: '1 adds a prev: line, the id of the event before in this subscription (0)',
        },
        events: SUBSCRIBABLE_TYPES,
        control_events: ['reset', 'book_status', 'error'],
      },
      limits: {
        sessions: SESSIONS_MAX,
        streams_per_session: STREAMS_MAX,
        levels: LEVELS_MAX,
        keep_alive_ms: KEEPALIVE_MS,
        heartbeat_ms: HEARTBEAT_MS,
      },
    };
  }
}
