import { DepthcastError, invalid, type Query, quote, single } from '@depthcast/protocol';
import type { ResumeRequest } from '../resume/locator.ts';

const LAST_ID_CHARS_MAX = 2_048;

/**
 * `types[]=` and the like are other names than `types`, and would be passed over like any name nobody knows.
 *
 * @throws DepthcastError `PARAMETER_INVALID` for one of the parameters in array form.
 */
export function refuseArrayForms(query: Query, parameters: readonly string[]): void {
  for (const name of Object.keys(query)) {
    const bracket = name.indexOf('[');
    const parameter = name.slice(0, bracket);
    if (bracket < 0 || !parameters.includes(parameter)) continue;
    throw new DepthcastError('PARAMETER_INVALID', `${quote(name)} is no parameter: write ${parameter}=A,B`);
  }
}

/** The parts of a comma-separated parameter, which may also be given several times; blank ones are dropped. */
export function list(query: Query, name: string): string[] | undefined {
  const value = query[name];
  if (value === undefined) return undefined;
  return (typeof value === 'string' ? [value] : value)
    .flatMap((text) => text.split(','))
    .map((part) => part.trim())
    .filter((part) => part !== '');
}

/** @throws DepthcastError `PARAMETER_INVALID` */
export function oneOf<T extends string>(query: Query, name: string, allowed: readonly T[], otherwise: T): T {
  const text = single(query, name);
  if (text === undefined) return otherwise;
  const known = allowed.find((value) => value === text.trim().toLowerCase());
  if (!known) throw invalid(name, text, allowed.join(', '));
  return known;
}

/** `Last-Event-ID` wins over `last_id`: a reconnecting EventSource sends both, and the header is the newer. */
export function resumeRequest(header: string | readonly string[] | undefined, query: Query): ResumeRequest | undefined {
  const fromHeader = typeof header === 'string' ? header : header?.at(-1);
  if (fromHeader) return { text: fromHeader.slice(0, LAST_ID_CHARS_MAX), fromHeader: true };
  const fromQuery = single(query, 'last_id');
  return fromQuery ? { text: fromQuery.slice(0, LAST_ID_CHARS_MAX), fromHeader: false } : undefined;
}
