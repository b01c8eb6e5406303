import type { BookKind } from '@depthcast/book';
import {
  DepthcastError,
  invalid,
  isView,
  LEVELS_DEFAULT,
  type LogStream,
  type LogStreamEvents,
  logStreamEvents,
  normalizeSymbol,
  parseLevels,
  parseStream,
  parseViewType,
  type Query,
  quote,
  type Stream,
  type StreamDefaults,
  single,
  streamId,
  type ViewStream,
} from '@depthcast/protocol';
import { topicText } from '../fanout/topics.ts';
import type { ResumeRequest } from '../resume/locator.ts';
import { insteadOf, needsOrders, noOrders } from '../views/streams-of-orders.ts';
import { parseMaxRate } from './max-rate.ts';
import { list, refuseArrayForms, resumeRequest } from './query.ts';

/** A stream that cannot be given, as the market-depth seed's `error` event says it. */
export interface StreamError {
  readonly event: 'error';
  readonly code: number;
  readonly message: string;
  /** The definition as it was given. */
  readonly stream_id: string;
}

/**
 * What `GET /stream` was asked for: the streams that can be given, and the errors of the others. A stream of orders of a
 * symbol whose kind of book is not known yet is given, and an error says that nothing may come of it.
 */
export interface StreamSubscription {
  readonly views: readonly ViewStream[];
  readonly logStreams: readonly LogStream[];
  readonly errors: readonly StreamError[];
  /** Every symbol was asked for, with these: those that the log names later too. */
  readonly every: StreamDefaults | undefined;
  readonly intervalMs: number;
  /** Messages a second. */
  readonly maxRate: number | undefined;
  readonly resume: ResumeRequest | undefined;
}

export interface KnownSymbols {
  readonly symbols: readonly string[];
  /** What a symbol's book is made of; `undefined` while that is not known. */
  readonly kindOf: (symbol: string) => BookKind | undefined;
}

export interface StreamParamOptions extends KnownSymbols {
  readonly intervalMsDefault: number;
  readonly streamsMax: number;
}

export const STREAM_PARAMETERS = [
  'streams',
  'symbols',
  'data_type',
  'max_levels',
  'interval',
  'max_rate',
  'last_id',
  'ticket',
] as const;
export const INTERVAL_MS_MIN = 50;
export const INTERVAL_MS_MAX = 60_000;
const STREAM_ID_CHARS_MAX = 100;
const NOT_YET = 503;

/**
 * Reads the query of `/stream`. A bad stream is an error of its own, the others flow.
 *
 * @throws DepthcastError `PARAMETER_INVALID` or `STREAM_INVALID` when a parameter of all streams is bad.
 */
export function parseStreamSubscription(
  query: Query,
  lastEventId: string | readonly string[] | undefined,
  options: StreamParamOptions,
): StreamSubscription {
  refuseArrayForms(query, STREAM_PARAMETERS);
  const defaults = parseDefaults(query);
  const streams = new Map<string, Stream>();
  const errors = new Map<string, StreamError>();
  const doubts: StreamError[] = [];
  const given = definitions(query);
  const all = given ?? options.symbols.map((symbol) => ({ text: symbol, read: () => ({ symbol, ...defaults }) }));
  for (const { text, read } of all) {
    // Asked for twice it is one, good or bad.
    if (errors.has(text)) continue;
    const isFull = given !== undefined && streams.size + errors.size >= options.streamsMax;
    try {
      const stream = checkStream(read(defaults), options);
      const id = streamId(stream);
      if (streams.has(id)) continue;
      if (isFull) throw tooMany(options.streamsMax);
      streams.set(id, stream);
      const doubt = doubtOf(stream, text, options);
      if (doubt) doubts.push(doubt);
    } catch (error) {
      errors.set(text, streamError(isFull ? tooMany(options.streamsMax) : error, text));
      if (isFull) break;
    }
  }
  const wanted = [...streams.values()];
  return {
    views: wanted.filter(isView),
    logStreams: wanted.filter((stream) => !isView(stream)),
    errors: [...errors.values(), ...doubts],
    every: given ? undefined : defaults,
    intervalMs: parseInterval(query, options.intervalMsDefault),
    maxRate: parseMaxRate(query),
    resume: resumeRequest(lastEventId, query),
  };
}

/** The topics that log-type streams give. */
export function topicsOf(streams: readonly LogStream[]): string[] {
  return streams.flatMap(({ symbol, type }) => {
    const { types, interval }: LogStreamEvents = logStreamEvents[type];
    return types.map((eventType) => topicText(eventType, symbol, eventType === 'kline' ? interval : undefined));
  });
}

/** The body of the 400 when no stream can be given: the first error, and all of them when there are several. */
export function errorBody(errors: readonly StreamError[]): StreamError & { errors?: readonly StreamError[] } {
  const [first] = errors as [StreamError, ...StreamError[]];
  return errors.length > 1 ? { ...first, errors } : first;
}

export function streamError(error: unknown, definition: string): StreamError {
  if (!(error instanceof DepthcastError)) throw error;
  const { status, message } = error;
  return { event: 'error', code: status, message, stream_id: shownDefinition(definition) };
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
  if (streams) throw invalid('streams', '', 'SYMBOL:TYPE:LEVELS or SYMBOL:TYPE, divided by commas');
  throw invalid('symbols', '', 'symbols of GET /symbols, divided by commas');
}

function tooMany(streamsMax: number): DepthcastError {
  const message = `more than ${streamsMax} streams: this one and what follows it are left out`;
  return new DepthcastError('PARAMETER_INVALID', message);
}

/**
 * Whether there is such a stream here.
 *
 * @throws DepthcastError `SYMBOL_UNKNOWN` or `MBO_UNAVAILABLE`
 */
export function checkStream(stream: Stream, { symbols, kindOf }: KnownSymbols): Stream {
  if (!symbols.includes(stream.symbol)) {
    const known = symbols.length > 0 ? `: takes ${symbols.slice(0, 20).join(', ')}` : '';
    throw new DepthcastError('SYMBOL_UNKNOWN', `Unknown symbol ${quote(stream.symbol)}${known}`);
  }
  if (needsOrders(stream) && kindOf(stream.symbol) === 'levels') throw noOrders(stream);
  return stream;
}

/** Said of a stream that is given, but may be silent for ever: a refusal would end a browser's EventSource for good. */
export function doubtOf(stream: Stream, definition: string, { kindOf }: KnownSymbols): StreamError | undefined {
  if (!needsOrders(stream) || kindOf(stream.symbol) !== undefined) return undefined;
  const { symbol, type } = stream;
  const message = `It is not known yet whether ${symbol} has a book of orders: ${type} begins if it has, ask for ${insteadOf(stream)} if not`;
  return { event: 'error', code: NOT_YET, message, stream_id: shownDefinition(definition) };
}

function parseDefaults(query: Query): StreamDefaults {
  const type = single(query, 'data_type');
  const levels = single(query, 'max_levels');
  return {
    type: type === undefined ? 'MBP' : parseViewType(type, 'data_type'),
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

/** What came, without what would not be seen, and not all of it. */
export function shownDefinition(definition: string): string {
  const printable = [...definition].filter((c) => c >= ' ' && c !== '\u007f').join('');
  return printable.slice(0, STREAM_ID_CHARS_MAX);
}
