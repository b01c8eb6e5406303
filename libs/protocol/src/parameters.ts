import { DepthcastError } from './errors.ts';

/** A parsed query string; a parameter given twice is an array. */
export type Query = Readonly<Record<string, string | readonly string[] | undefined>>;

const SHOWN_CHARS_MAX = 60;

/** @throws DepthcastError `PARAMETER_INVALID` when it is given more than once. */
export function single(query: Query, name: string): string | undefined {
  const value = query[name];
  if (value === undefined || typeof value === 'string') return value;
  throw invalid(name, value.join(' and '), 'one value');
}

/** Of a parameter: its name, what came, and what it takes. */
export function invalid(name: string, got: string, allowed: string): DepthcastError {
  return new DepthcastError('PARAMETER_INVALID', `${name} ${quote(got)} is not allowed: takes ${allowed}`);
}

/** What came, safe to show: cut, and with control characters spelt out. */
export function quote(text: string): string {
  return JSON.stringify(text.length > SHOWN_CHARS_MAX ? `${text.slice(0, SHOWN_CHARS_MAX)}…` : text);
}
