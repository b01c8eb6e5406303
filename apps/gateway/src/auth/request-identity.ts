import { DepthcastError, type Query, single } from '@depthcast/protocol';
import type { FastifyInstance, FastifyRequest } from 'fastify';
import { type Authenticator, accountFor, type Credentials, type Identity, tokenMissing } from './identity.ts';

export const TICKET_PATH = '/api/stream/ticket';
/** They ask by themselves: to a browser they say `come back` where all else says 503, which would end it for good. */
const STREAM_PATHS: readonly (string | undefined)[] = [
  '/stream',
  '/api/stream',
  '/protected/stream',
  '/protected/api/stream',
];
/** What nobody needs a token for, whatever AUTH_MODE says: probes, and what tells a stranger where he is. */
const OPEN_PATHS: readonly (string | undefined)[] = [
  '/',
  '/api',
  '/health',
  '/ready',
  '/metrics',
  '/docs',
  '/docs-json',
];
/** The page's own files, and AsyncAPI. */
const DOCS_PATH = '/docs/';

const identities = new WeakMap<FastifyRequest, Identity>();

/** Has every request but those of streams say whom it speaks for, before anything else of it is looked at. */
export function useAuthentication(fastify: FastifyInstance, authenticator: Authenticator): void {
  const plugin = async (scope: FastifyInstance): Promise<void> => {
    scope.addHook('onRequest', async (request) => {
      const path = request.routeOptions.url;
      if (STREAM_PATHS.includes(path) || OPEN_PATHS.includes(path) || path?.startsWith(DOCS_PATH)) return;
      const token = bearerOf(request);
      identities.set(request, await authenticator.authenticate({ token, isProtected: path === TICKET_PATH }));
    });
  };
  // In its turn after CORS, whose headers a refusal needs as well, but for everything, not for a scope of its own.
  void fastify.register(Object.assign(plugin, { [Symbol.for('skip-override')]: true }));
}

/** Whom a request speaks for that is not one of a stream. */
export function identityOf(request: FastifyRequest): Identity {
  const identity = identities.get(request);
  if (!identity) throw new Error(`${request.routeOptions.url} has not been asked for a token`);
  return identity;
}

/**
 * The account that a request speaks for.
 *
 * @throws DepthcastError `TOKEN_MISSING`, `FORBIDDEN` or `PARAMETER_INVALID`
 */
export function accountOf(request: FastifyRequest): string {
  const account = accountFor(identityOf(request), single(request.query as Query, 'account'));
  if (account === undefined) throw tokenMissing('what belongs to an account takes a token');
  return account;
}

/**
 * The query of a request as it goes on to a service that believes what it is told: of accounts it names the client's
 * own, or none. Where nobody asks (AUTH_MODE=off) it goes on as it came.
 *
 * @param takesAccount whether what is asked for can be somebody's, so that the client's own account is added.
 * @throws DepthcastError `TOKEN_MISSING`, `FORBIDDEN` or `PARAMETER_INVALID`
 */
export function ownQuery(request: FastifyRequest, takesAccount: boolean): string {
  const text = request.url.split('?').slice(1).join('?');
  const identity = identityOf(request);
  const named = single(request.query as Query, 'account');
  if (identity.kind === 'open') return text;
  const own = accountFor(identity, named);
  const query = new URLSearchParams(text);
  query.delete('account');
  if (own !== undefined && (takesAccount || named !== undefined)) query.set('account', own);
  return query.toString();
}

/** What a stream's request shows for itself: a header where the client can send one, else a ticket. */
export function credentialsOf(request: FastifyRequest, isProtected: boolean): Credentials {
  return { token: bearerOf(request), ticket: single(request.query as Query, 'ticket'), isProtected };
}

/** @throws DepthcastError `TOKEN_INVALID` for a header that holds something else. */
function bearerOf({ headers: { authorization } }: FastifyRequest): string | undefined {
  if (authorization === undefined) return undefined;
  const token = /^bearer +(\S+) *$/i.exec(authorization)?.[1];
  if (token !== undefined) return token;
  throw new DepthcastError('TOKEN_INVALID', 'the header Authorization takes Bearer and a token');
}
