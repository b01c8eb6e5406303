import { type Commands, type Host, integer } from './command.ts';
import { type Reply, ReplyError, syntaxError, wrongType } from './reply.ts';
import {
  AFTER_ALL,
  assertIdToAdd,
  assertPairs,
  BEFORE_ALL,
  parseId,
  parseRangeEnd,
  Stream,
  type StreamEntry,
} from './stream.ts';

function streamAt({ keyspace, clockMs }: Host, key: string): Stream | undefined {
  const value = keyspace.get(key, clockMs);
  if (value !== undefined && !(value instanceof Stream)) throw wrongType();
  return value;
}

const shown = (entries: readonly StreamEntry[]): Reply[] => entries.map(({ id, fields }) => [id, fields]);

function xadd(host: Host, [key = '', idText = '', ...fields]: readonly string[]): Reply {
  assertPairs(fields, 'xadd');
  assertIdToAdd(idText);
  // Refused before anything is made: a stream that was not there is not there afterwards either.
  const id = (streamAt(host, key) ?? new Stream()).idOf(idText, host.clockMs);
  return host.keyspace.stream(key, host.clockMs).add(id, fields);
}

/** `[COUNT n]`, or nothing. */
function countOf(options: readonly string[]): number {
  if (options.length === 0) return Number.POSITIVE_INFINITY;
  if (options.length !== 2 || options[0]?.toUpperCase() !== 'COUNT') throw syntaxError();
  return integer(options[1]);
}

function xrange(host: Host, [key = '', from = '', to = '', ...options]: readonly string[]): Reply {
  const start = parseRangeEnd(from, 'from');
  const end = parseRangeEnd(to, 'to');
  return shown(streamAt(host, key)?.range(start, end, countOf(options)) ?? []);
}

function xrevrange(host: Host, [key = '', to = '', from = '', ...options]: readonly string[]): Reply {
  const start = parseRangeEnd(from, 'from');
  const end = parseRangeEnd(to, 'to');
  return shown(streamAt(host, key)?.rangeFromEnd(start, end, countOf(options)) ?? []);
}

/** What a read asks for. */
export interface StreamRead {
  readonly key: string;
  /** A concrete id: `$` has been looked up. */
  readonly after: string;
  readonly countMax: number;
  /** Undefined: answered at once. 0: for ever. */
  readonly blockMs: number | undefined;
}

/** `[COUNT n] [BLOCK ms] STREAMS key id`: of one stream, which is all that is read here. */
export function parseRead(host: Host, args: readonly string[]): StreamRead {
  if (args.length < 3) throw new ReplyError("ERR wrong number of arguments for 'xread' command");
  let countMax = Number.POSITIVE_INFINITY;
  let blockMs: number | undefined;
  let i = 0;
  for (; i < args.length && args[i]?.toUpperCase() !== 'STREAMS'; i += 2) {
    const option = args[i]?.toUpperCase();
    if (option === 'COUNT') countMax = integer(args[i + 1]);
    else if (option === 'BLOCK') blockMs = integer(args[i + 1]);
    else throw syntaxError();
  }
  const [key, id, ...rest] = args.slice(i + 1);
  if (key === undefined || id === undefined || rest.length > 0) {
    const text = "ERR Unbalanced 'xread' list of streams: for each stream key an ID or '$' must be specified.";
    throw new ReplyError(text);
  }
  if (id !== '$') parseId(id, 0);
  const after = id === '$' ? (streamAt(host, key)?.lastId ?? '0-0') : id;
  return { key, after, countMax, blockMs };
}

/** Null when there is nothing yet. */
export function readStream(host: Host, { key, after, countMax }: StreamRead): Reply {
  const entries = streamAt(host, key)?.range(parseRangeEnd(`(${after}`, 'from'), AFTER_ALL, countMax) ?? [];
  return entries.length === 0 ? null : [[key, shown(entries)]];
}

/** `key MAXLEN|MINID [=|~] threshold [LIMIT n]`; no limit is obeyed but 0, which is none. */
function xtrim(host: Host, [key = '', strategy = '', ...rest]: readonly string[]): Reply {
  const [first = ''] = rest;
  const marked = first === '=' || first === '~';
  const [threshold = '', limit, limitCount] = marked ? rest.slice(1) : rest;
  if (limit !== undefined && (limit.toUpperCase() !== 'LIMIT' || limitCount !== '0')) throw syntaxError();
  const byLength = strategy.toUpperCase() === 'MAXLEN';
  if (!byLength && strategy.toUpperCase() !== 'MINID') throw syntaxError();
  const length = byLength ? integer(threshold) : 0;
  const id = byLength ? BEFORE_ALL : parseId(threshold, 0);
  if (!streamAt(host, key)) return 0;
  const stream = host.keyspace.stream(key, host.clockMs);
  return byLength ? stream.trimToLength(length, first === '~') : stream.trimBelow(id, first === '~');
}

function xinfo(host: Host, [what = '', key = '']: readonly string[]): Reply {
  if (what.toUpperCase() !== 'STREAM') throw syntaxError();
  const stream = streamAt(host, key);
  if (!stream) throw new ReplyError('ERR no such key');
  const [first = null] = shown(stream.range(BEFORE_ALL, AFTER_ALL, 1));
  const [last = null] = shown(stream.rangeFromEnd(BEFORE_ALL, AFTER_ALL, 1));
  return [
    ...['length', stream.length, 'last-generated-id', stream.lastId, 'entries-added', stream.entriesAdded],
    ...['first-entry', first, 'last-entry', last],
  ];
}

function memory(host: Host, [what = '', key = '']: readonly string[]): Reply {
  if (what.toUpperCase() !== 'USAGE') throw syntaxError();
  return streamAt(host, key)?.bytes ?? null;
}

/** XREAD is not among them: it may have to wait, which is the connection's business. */
export const STREAM_COMMANDS: Commands = {
  xadd: { argsMin: 4, grows: true, run: xadd },
  xlen: { argsMin: 1, run: (host, [key = '']) => streamAt(host, key)?.length ?? 0 },
  xrange: { argsMin: 3, run: xrange },
  xrevrange: { argsMin: 3, run: xrevrange },
  xtrim: { argsMin: 3, run: xtrim },
  xinfo: { argsMin: 2, run: xinfo },
  memory: { argsMin: 2, run: memory },
};
