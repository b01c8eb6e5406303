import {
  ACCOUNT_PATTERN,
  type Cursor,
  DepthcastError,
  EVENT_TYPES,
  invalid,
  normalizeSymbol,
  PRIVATE_EVENT_TYPES,
  parseCursor,
  type Query,
  quote,
  single,
} from '@depthcast/protocol';
import { isBefore, type Place, placeInvalid, tryPlace } from './places.ts';

/** The last millisecond whose microseconds a Number holds exactly: a day in 2255. */
export const TIME_MS_MAX = Math.floor(Number.MAX_SAFE_INTEGER / 1_000);
const TIME_TAKES = 'a time from 1970 to 2255: milliseconds, or ISO 8601 such as 2026-01-31T12:00:00Z';
const LIST_ITEMS_MAX = 100;
const ISO = /^(\d{4}-\d\d-\d\d)(T\d\d:\d\d(:\d\d(\.\d{1,9})?)?(Z|[+-]\d\d:\d\d)?)?$/;

/** What a page of history is about. Times in ms; `toMs` is exclusive, and so are the places. */
export interface Range {
  readonly fromMs: number | undefined;
  readonly toMs: number | undefined;
  readonly after: Place | undefined;
  readonly before: Place | undefined;
}

export const RANGE_PARAMETERS = ['start_time', 'end_time', 'after', 'before'] as const;

/** @throws DepthcastError `PARAMETER_INVALID` for a parameter that is none of these. */
export function checkNames(query: Query, names: readonly string[]): void {
  for (const name of Object.keys(query)) {
    if (names.includes(name)) continue;
    const takes = names.length === 0 ? 'none is taken here' : `takes ${names.join(', ')}`;
    throw new DepthcastError('PARAMETER_INVALID', `${quote(name)} is no parameter: ${takes}`);
  }
}

/** @throws DepthcastError `PARAMETER_INVALID` when it is absent, or given more than once. */
export function required(query: Query, name: string, takes: string): string {
  const text = single(query, name);
  if (text === undefined) throw new DepthcastError('PARAMETER_INVALID', `${name} is missing: takes ${takes}`);
  return text;
}

/** The parts of a comma-separated parameter, which may also be given several times. */
export function list(query: Query, name: string): string[] | undefined {
  const value = query[name];
  if (value === undefined) return undefined;
  const texts = typeof value === 'string' ? [value] : value;
  const parts = texts.flatMap((text) => text.split(',')).map((part) => part.trim());
  const known = parts.filter((part) => part !== '');
  if (known.length === 0) throw invalid(name, '', 'one value or several, divided by commas');
  if (known.length > LIST_ITEMS_MAX) throw invalid(name, `${known.length} values`, `at most ${LIST_ITEMS_MAX}`);
  return known;
}

/** @throws DepthcastError `PARAMETER_INVALID` */
export function oneOf<T extends string>(query: Query, name: string, allowed: readonly T[]): T | undefined {
  const text = single(query, name);
  if (text === undefined) return undefined;
  const known = allowed.find((value) => value === text.trim().toLowerCase());
  if (known === undefined) throw invalid(name, text, allowed.join(', '));
  return known;
}

/** @throws DepthcastError `PARAMETER_INVALID` */
export function whole(query: Query, name: string, min: number, max: number): number | undefined {
  const text = single(query, name)?.trim();
  if (text === undefined) return undefined;
  const value = /^\d{1,15}$/.test(text) ? Number(text) : Number.NaN;
  if (!(value >= min && value <= max)) throw invalid(name, text, `a whole number from ${min} to ${max}`);
  return value;
}

/** Milliseconds. @throws DepthcastError `PARAMETER_INVALID` */
export function time(query: Query, name: string): number | undefined {
  const text = single(query, name);
  if (text === undefined) return undefined;
  const ms = tryTime(text);
  if (ms === undefined) throw invalid(name, text, TIME_TAKES);
  return ms;
}

/** @throws DepthcastError `CURSOR_INVALID` naming the parameter. */
export function cursor(query: Query, name: string): Cursor | undefined {
  const text = single(query, name)?.trim();
  if (text === undefined) return undefined;
  try {
    return parseCursor(text);
  } catch (error) {
    throw new DepthcastError('CURSOR_INVALID', `${name}: ${(error as Error).message}`);
  }
}

/** A cursor of one partition, or of all of them. @throws DepthcastError `CURSOR_INVALID` naming the parameter. */
function place(query: Query, name: string, partitions: number): Place | undefined {
  if (partitions === 1) return cursor(query, name);
  const text = single(query, name)?.trim();
  if (text === undefined) return undefined;
  const found = tryPlace(text, partitions);
  if (!found) throw placeInvalid(name, quote(text), partitions);
  return found;
}

/**
 * A moment, of which there are two sorts: ms, or a place in the log.
 *
 * @param partitions 1: a place in one partition's log alone.
 * @throws DepthcastError `PARAMETER_INVALID`
 */
export function moment(query: Query, name: string, partitions: number): number | Place | undefined {
  const text = single(query, name);
  if (text === undefined) return undefined;
  const at = tryTime(text) ?? tryPlace(text.trim(), partitions);
  if (at === undefined) throw invalid(name, text, `${TIME_TAKES}; or a cursor`);
  return at;
}

/** @throws DepthcastError `PARAMETER_INVALID` or `CURSOR_INVALID` when it is malformed or holds nothing. */
export function range(query: Query, partitions: number): Range {
  const fromMs = time(query, 'start_time');
  const toMs = time(query, 'end_time');
  const after = place(query, 'after', partitions);
  const before = place(query, 'before', partitions);
  if (fromMs !== undefined && toMs !== undefined && toMs <= fromMs) {
    throw invalid('end_time', single(query, 'end_time') as string, 'a time after start_time');
  }
  if (after && before && !isBefore(after, before)) {
    throw invalid('before', single(query, 'before') as string, 'a cursor beyond after');
  }
  return { fromMs, toMs, after, before };
}

/** Event types, and whose. Private ones are given to their account alone. */
export function typesAndAccount(query: Query): { types: readonly string[] | undefined; account: string | undefined } {
  const account = single(query, 'account')?.trim();
  if (account !== undefined && !ACCOUNT_PATTERN.test(account)) {
    throw invalid('account', account, '1 to 32 letters, digits, _ and -, the first a letter or digit');
  }
  const types = list(query, 'types');
  for (const type of types ?? []) {
    if (!(EVENT_TYPES as readonly string[]).includes(type)) throw invalid('types', type, EVENT_TYPES.join(', '));
    if (account === undefined && (PRIVATE_EVENT_TYPES as readonly string[]).includes(type)) {
      throw invalid('types', type, 'private types only together with account');
    }
  }
  return { types, account };
}

/** Upper-cased names, each once. @throws DepthcastError `PARAMETER_INVALID` */
export function symbolList(query: Query): readonly string[] | undefined {
  const names = list(query, 'symbols');
  return names && [...new Set(names.map(normalizeSymbol))];
}

/** Without a zone it is UTC, wherever this runs. A `+` that nobody escaped has come as a blank. */
function tryTime(text: string): number | undefined {
  const trimmed = text.trim();
  const ms = /^\d{1,16}$/.test(trimmed) ? Number(trimmed) : tryIso(trimmed.replace(' ', '+'));
  return ms !== undefined && ms <= TIME_MS_MAX ? ms : undefined;
}

function tryIso(text: string): number | undefined {
  const match = ISO.exec(text);
  if (!match) return undefined;
  const [, day = '', clock, , , zone] = match;
  const ms = Date.parse(clock !== undefined && zone === undefined ? `${text}Z` : text);
  // JavaScript takes the 30th of February for the 2nd of March.
  const isDay = Number.isFinite(Date.parse(day)) && new Date(Date.parse(day)).toISOString().startsWith(day);
  return isDay && ms >= 0 ? ms : undefined;
}
