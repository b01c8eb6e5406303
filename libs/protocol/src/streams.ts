import { DepthcastError } from './errors.ts';
import type { EventType, KlineInterval } from './events.ts';
import { quote } from './parameters.ts';
import { normalizeSymbol, SYMBOL_PATTERN } from './symbols.ts';

/** Views of a book, `SYMBOL:TYPE:LEVELS`: rendered by the gateway, always the newest. */
export const viewTypes = ['MBP', 'MBO'] as const;
export type ViewType = (typeof viewTypes)[number];

export interface LogStreamEvents {
  readonly types: readonly EventType[];
  /** Of klines only those of this interval. */
  readonly interval?: KlineInterval;
}

/**
 * Log-type streams, `SYMBOL:TYPE`: which of a symbol's events they give, each of them, as it stands in the log. All of
 * them say how the book stands: that nothing comes may mean that nothing happens, or that the venue is gone.
 */
export const logStreamEvents = {
  TRADES: { types: ['trade', 'book_status'] },
  TICKER: { types: ['ticker', 'book_status'] },
  KLINE_1m: { types: ['kline', 'book_status'], interval: '1m' },
  KLINE_5m: { types: ['kline', 'book_status'], interval: '5m' },
  KLINE_15m: { types: ['kline', 'book_status'], interval: '15m' },
  KLINE_1h: { types: ['kline', 'book_status'], interval: '1h' },
  KLINE_12h: { types: ['kline', 'book_status'], interval: '12h' },
  KLINE_1d: { types: ['kline', 'book_status'], interval: '1d' },
  BBO: { types: ['bbo', 'book_status'] },
  ANALYTICS: { types: ['analytics', 'book_status'] },
  /** The raw book: deltas after a snapshot, with checksums. */
  L2: { types: ['book_change', 'book_status'] },
  /** The same of a book of orders. */
  L3: { types: ['book_order', 'book_orders', 'book_status'] },
} as const satisfies Record<string, LogStreamEvents>;
export type LogStreamType = keyof typeof logStreamEvents;
export const logStreamTypes = Object.keys(logStreamEvents) as LogStreamType[];

export type StreamType = ViewType | LogStreamType;
export const streamTypes: readonly StreamType[] = [...viewTypes, ...logStreamTypes];

/** The most levels (MBP) or orders (MBO) a side that one view shows. */
export const LEVELS_MAX = 1_000;
export const LEVELS_DEFAULT = 20;

/** A derived subscription, `SYMBOL:TYPE:LEVELS`. */
export interface ViewStream {
  readonly symbol: string;
  readonly type: ViewType;
  readonly levels: number;
}

/** A subscription to one symbol's events of the log, `SYMBOL:TYPE`. */
export interface LogStream {
  readonly symbol: string;
  readonly type: LogStreamType;
}

export type Stream = ViewStream | LogStream;

export interface StreamDefaults {
  readonly type: ViewType;
  readonly levels: number;
}

export function isView(stream: Stream): stream is ViewStream {
  return isViewType(stream.type);
}

/** The seed's `stream_id`: `BTCUSD_MBP_5`; without levels where there are none: `BTCUSD_TRADES`. */
export function streamId(stream: Stream): string {
  const id = `${stream.symbol}_${stream.type}`;
  return isView(stream) ? `${id}_${stream.levels}` : id;
}

/**
 * Reads `SYMBOL:TYPE:LEVELS` (market-depth seed), or `SYMBOL:TYPE` of a log-type stream. TYPE and a view's LEVELS may
 * be left out for the defaults.
 *
 * @throws DepthcastError `STREAM_INVALID` naming the part, what came and what is allowed.
 */
export function parseStream(definition: string, defaults: StreamDefaults): Stream {
  const parts = definition.split(':');
  const [symbolText = '', typeText, levelsText] = parts;
  const symbol = normalizeSymbol(symbolText);
  const invalid = `Invalid stream definition ${quote(definition)}`;
  if (parts.length > 3 || !SYMBOL_PATTERN.test(symbol)) {
    throw new DepthcastError('STREAM_INVALID', `${invalid}: write SYMBOL:TYPE:LEVELS`);
  }
  const type = typeText === undefined ? defaults.type : parseType(typeText, streamTypes, `${invalid}: type`);
  if (isViewType(type)) {
    const levels = levelsText === undefined ? defaults.levels : parseLevels(levelsText, `${invalid}: levels`);
    return { symbol, type, levels };
  }
  if (levelsText !== undefined) {
    throw new DepthcastError('STREAM_INVALID', `${invalid}: ${type} takes no levels, write ${symbol}:${type}`);
  }
  return { symbol, type };
}

/** @throws DepthcastError `STREAM_INVALID`; `field` begins its message. */
export function parseViewType(text: string, field: string): ViewType {
  return parseType(text, viewTypes, field);
}

/** @throws DepthcastError `STREAM_INVALID`; `field` begins its message. */
export function parseLevels(text: string, field: string): number {
  const levels = /^\d{1,9}$/.test(text.trim()) ? Number(text) : 0;
  if (levels < 1 || levels > LEVELS_MAX) {
    throw new DepthcastError('STREAM_INVALID', `${field} ${quote(text)} is not a whole number from 1 to ${LEVELS_MAX}`);
  }
  return levels;
}

function parseType<T extends StreamType>(text: string, types: readonly T[], field: string): T {
  const upper = text.trim().toUpperCase();
  const known = types.find((type) => type.toUpperCase() === upper);
  if (!known) throw new DepthcastError('STREAM_INVALID', `${field} ${quote(text)} is not one of ${types.join(', ')}`);
  return known;
}

function isViewType(type: StreamType): type is ViewType {
  return (viewTypes as readonly StreamType[]).includes(type);
}
