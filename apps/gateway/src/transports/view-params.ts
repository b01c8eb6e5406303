import {
  DepthcastError,
  LEVELS_DEFAULT,
  normalizeSymbol,
  parseLevels,
  parseStream,
  parseStreamType,
  type Stream,
  type StreamDefaults,
  streamId,
} from '@depthcast/protocol';
import type { ResumeRequest } from '../resume/locator.ts';
import { invalid, list, type Query, quote, resumeRequest, single } from './query.ts';

/** A stream that cannot be given, as the market-depth seed's `error` event says it. */
export interface StreamError {
  readonly event: 'error';
  readonly code: number;
  readonly message: string;
  /** The definition as it was given. */
  readonly stream_id: string;
}

/** What `GET /stream` was asked for: the streams that can be given, and the errors of the others. */
export interface ViewSubscription {
  readonly streams: readonly Stream[];
  readonly errors: readonly StreamError[];
  /** Every symbol was asked for, with these: those that the log names later too. */
  readonly every: StreamDefaults | undefined;
  readonly intervalMs: number;
  readonly resume: ResumeRequest | undefined;
}

export interface ViewParamOptions {
  readonly symbols: readonly string[];
  readonly intervalMsDefault: number;
  readonly streamsMax: number;
}

export const VIEW_PARAMETERS = ['streams', 'symbols', 'data_type', 'max_levels', 'interval', 'last_id'] as const;
export const INTERVAL_MS_MIN = 50;
export const INTERVAL_MS_MAX = 60_000;
const STREAM_ID_CHARS_MAX = 100;

/**
 * Reads the query of `/stream`. A bad stream is an error of its own, the others flow.
 *
 * @throws DepthcastError `PARAMETER_INVALID` or `STREAM_INVALID` when a parameter of all streams is bad.
 */
export function parseViewSubscription(
  query: Query,
  lastEventId: string | readonly string[] | undefined,
  options: ViewParamOptions,
): ViewSubscription {
  const defaults = parseDefaults(query);
  const streams = new Map<string, Stream>();
  const errors: StreamError[] = [];
  const given = definitions(query);
  const all = given ?? options.symbols.map((symbol) => ({ text: symbol, read: () => ({ symbol, ...defaults }) }));
  for (const [i, { text, read }] of all.entries()) {
    if (given && i >= options.streamsMax) {
      const message = `more than ${options.streamsMax} streams: ${all.length - i} are left out`;
      errors.push({ event: 'error', code: 400, message, stream_id: sanitize(text) });
      break;
    }
    try {
      const stream = check(read(defaults), options.symbols);
      streams.set(streamId(stream), stream);
    } catch (error) {
      errors.push(streamError(error, text));
    }
  }
  return {
    streams: [...streams.values()],
    errors,
    every: given ? undefined : defaults,
    intervalMs: parseInterval(query, options.intervalMsDefault),
    resume: resumeRequest(lastEventId, query),
  };
}

/** The body of the 400 when no stream can be given: the first error, and all of them when there are several. */
export function errorBody(errors: readonly StreamError[]): StreamError & { errors?: readonly StreamError[] } {
  const [first] = errors as [StreamError, ...StreamError[]];
  return errors.length > 1 ? { ...first, errors } : first;
}

export function streamError(error: unknown, definition: string): StreamError {
  if (!(error instanceof DepthcastError)) throw error;
  return { event: 'error', code: error.status, message: error.message, stream_id: sanitize(definition) };
}

interface Definition {
  readonly text: string;
  read(defaults: StreamDefaults): Stream;
}

/** `streams` and `symbols` add up; `undefined` without either: every symbol. */
function definitions(query: Query): Definition[] | undefined {
  const streams = list(query, 'streams');
  const symbols = list(query, 'symbols');
  if (!streams && !symbols) return undefined;
  const all = [
    ...(streams ?? []).map((text) => ({ text, read: (defaults: StreamDefaults) => parseStream(text, defaults) })),
    ...(symbols ?? []).map((text) => ({
      text,
      read: (defaults: StreamDefaults) => ({ symbol: normalizeSymbol(text), ...defaults }),
    })),
  ];
  if (all.length > 0) return all;
  if (streams) throw invalid('streams', '', 'SYMBOL:TYPE:LEVELS, divided by commas');
  throw invalid('symbols', '', 'symbols of GET /symbols, divided by commas');
}

function check(stream: Stream, symbols: readonly string[]): Stream {
  if (!symbols.includes(stream.symbol)) {
    const known = symbols.length > 0 ? `: takes ${symbols.slice(0, 20).join(', ')}` : '';
    throw new DepthcastError('SYMBOL_UNKNOWN', `Unknown symbol ${quote(stream.symbol)}${known}`);
  }
  if (stream.type === 'MBO') {
    throw new DepthcastError(
      'MBO_UNAVAILABLE',
      `${stream.symbol} has price levels, no orders: MBO is not available, ask for ${stream.symbol}:MBP:${stream.levels}`,
    );
  }
  return stream;
}

function parseDefaults(query: Query): StreamDefaults {
  const type = single(query, 'data_type');
  const levels = single(query, 'max_levels');
  return {
    type: type === undefined ? 'MBP' : parseStreamType(type, 'data_type'),
    levels: levels === undefined ? LEVELS_DEFAULT : parseLevels(levels, 'max_levels'),
  };
}

function parseInterval(query: Query, otherwise: number): number {
  const text = single(query, 'interval');
  if (text === undefined) return otherwise;
  const value = /^\d{1,9}$/.test(text.trim()) ? Number(text) : -1;
  if (value === 0 || (value >= INTERVAL_MS_MIN && value <= INTERVAL_MS_MAX)) return value;
  throw invalid('interval', text, `0 (every change) or ${INTERVAL_MS_MIN} to ${INTERVAL_MS_MAX} ms`);
}

function sanitize(definition: string): string {
  const printable = [...definition].filter((c) => c >= ' ' && c !== '\u007f').join('');
  return printable.slice(0, STREAM_ID_CHARS_MAX);
}
