import { DepthcastError, quote } from '@depthcast/protocol';
import type { FastifyRequest } from 'fastify';

/** An order has a few hundred. */
export const BODY_BYTES_MAX = 16 << 10;
const CHARSET = /;\s*charset\s*=\s*"?([^";\s]*)/i;
const UTF8 = ['utf-8', 'utf8'];

/**
 * The JSON of a request as it came.
 *
 * @throws DepthcastError `BODY_TYPE_UNKNOWN` when it is something else, compressed, or of another charset than UTF-8.
 */
export function bodyOf({ body, headers }: Pick<FastifyRequest, 'body' | 'headers'>): string {
  if (body === undefined || body === null) return '';
  if (!Buffer.isBuffer(body)) throw new DepthcastError('BODY_TYPE_UNKNOWN', 'body is not application/json');
  const encoding = headers['content-encoding'] ?? '';
  if (encoding !== '' && encoding.toLowerCase() !== 'identity') throw unread('content-encoding', encoding, 'identity');
  const charset = CHARSET.exec(headers['content-type'] ?? '')?.[1];
  if (charset !== undefined && !UTF8.includes(charset.toLowerCase())) throw unread('charset', charset, 'utf-8');
  return body.toString();
}

function unread(what: string, got: string, taken: string): DepthcastError {
  return new DepthcastError('BODY_TYPE_UNKNOWN', `body of ${what} ${quote(got)} is not read here: takes ${taken}`);
}
