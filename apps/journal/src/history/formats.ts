import type { Query } from '@depthcast/protocol';
import { oneOf } from './params.ts';

export const FORMATS = ['json', 'csv', 'parquet'] as const;
export type Format = (typeof FORMATS)[number];

export const CONTENT_TYPES: Readonly<Record<Format, string>> = {
  json: 'application/json; charset=utf-8',
  csv: 'text/csv; charset=utf-8; header=present',
  parquet: 'application/vnd.apache.parquet',
};

/** What a client likes best of what there is: `format=` wins over Accept. @throws DepthcastError `PARAMETER_INVALID` */
export function formatOf(query: Query, accept: string | undefined, otherwise: Format): Format {
  const asked = oneOf(query, 'format', FORMATS);
  if (asked !== undefined) return asked;
  const liked = (accept ?? '').split(',').flatMap((part) => {
    const [type = '', ...options] = part.split(';').map((text) => text.trim().toLowerCase());
    const format = FORMATS.find((name) => CONTENT_TYPES[name].startsWith(`${type};`) || CONTENT_TYPES[name] === type);
    const quality = Number(options.find((option) => option.startsWith('q='))?.slice(2) ?? 1);
    return format && quality > 0 ? [{ format, quality }] : [];
  });
  // Sorting keeps the order of equals: the first named wins.
  return liked.sort((a, b) => b.quality - a.quality)[0]?.format ?? otherwise;
}
