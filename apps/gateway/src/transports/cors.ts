import type { IncomingHttpHeaders } from 'node:http';
import { DepthcastError, quote } from '@depthcast/protocol';

/** CORS for the streams, which answer past Fastify. `*` allows every origin, never with credentials. */
export function corsHeaders(allowed: readonly string[], origin: string | undefined): Record<string, string> {
  if (allowed.includes('*')) return { 'Access-Control-Allow-Origin': '*' };
  if (origin !== undefined && allowed.includes(origin))
    return { 'Access-Control-Allow-Origin': origin, Vary: 'Origin' };
  return { Vary: 'Origin' };
}

/**
 * For WebSockets, which no browser asks about: pages of other origins than those named, or this very host's, may not
 * read by them what they could not read otherwise.
 */
export function isAllowedOrigin(allowed: readonly string[], headers: IncomingHttpHeaders): boolean {
  const { origin } = headers;
  return origin === undefined || allowed.includes('*') || allowed.includes(origin) || isOwn(origin, hostOf(headers));
}

/**
 * For requests that change something: browsers send some of them without asking first, and only hide the answer. A page
 * may send them that is of an origin named by `allowed`, or of the very host it speaks to; who sends no Origin is none.
 *
 * @throws DepthcastError `ORIGIN_FORBIDDEN`
 */
export function checkOrigin(allowed: readonly string[], headers: IncomingHttpHeaders): void {
  const { origin } = headers;
  if (origin === undefined || allowed.includes(origin) || isOwn(origin, hostOf(headers))) return;
  throw new DepthcastError(
    'ORIGIN_FORBIDDEN',
    `origin ${quote(origin)} may not place orders: takes those that CORS_ORIGIN names`,
  );
}

/** The host that a request speaks to. HTTP/2 says it in a header of its own. */
export function hostOf(headers: IncomingHttpHeaders): string | undefined {
  return headers.host ?? (headers[':authority'] as string | undefined);
}

/** Compared as the origin's scheme reads them, by which either may leave out its port. */
function isOwn(origin: string, host: string | undefined): boolean {
  if (host === undefined || !URL.canParse(origin)) return false;
  const own = new URL(origin);
  const asked = `${own.protocol}//${host}`;
  return own.host !== '' && URL.canParse(asked) && new URL(asked).host === own.host;
}
