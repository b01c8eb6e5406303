import { ACCOUNT_PATTERN, DepthcastError, invalid, quote } from '@depthcast/protocol';

/** Whom a request speaks for that names no account, where nobody asks. */
export const ACCOUNT_DEFAULT = 'default';

/** What a token has said, as far as anything here asks: it outlives the token itself, which is never kept. */
export interface Credential {
  /** The token's subject. */
  readonly account: string;
  /** The name by which it can be revoked; a token without one cannot. */
  readonly jti: string | undefined;
  /** The token's `exp`, ms since 1970. */
  readonly expiresMs: number;
}

/**
 * Whom a request or a connection speaks for.
 *
 * - `open`: nobody asks (AUTH_MODE=off): it speaks for whichever account it names;
 * - `anonymous`: it came without a token, and is given what is public;
 * - `account`: the subject of its token, and nobody else.
 */
export type Identity =
  | { readonly kind: 'open' }
  | { readonly kind: 'anonymous' }
  | { readonly kind: 'account'; readonly credential: Credential };

export const OPEN: Identity = { kind: 'open' };
export const ANONYMOUS: Identity = { kind: 'anonymous' };

/** What a client shows for itself. Both are secrets: neither may stand in an error, a log line or a metric. */
export interface Credentials {
  /** A JWT, without `Bearer`. It wins over a ticket, which is then left unused. */
  readonly token?: string | undefined;
  /** A one-time ticket of `POST /api/stream/ticket`. Whatever comes of it, it is used up. */
  readonly ticket?: string | undefined;
  /** A place that demands a token whatever AUTH_MODE says. */
  readonly isProtected?: boolean;
}

/** Injection tokens of the two. */
export const AUTHENTICATOR = Symbol('authenticator');
export const SESSION_GUARD = Symbol('session-guard');

/** Finds out whom a client speaks for. */
export interface Authenticator {
  /**
   * @throws DepthcastError `TOKEN_MISSING`, `TOKEN_INVALID`, `TOKEN_EXPIRED`, `TOKEN_REVOKED`, `TICKET_INVALID` (401),
   *   `FORBIDDEN` (403: its subject cannot be an account), `AUTH_UNAVAILABLE` (503: come back, nothing is known).
   */
  authenticate(credentials: Credentials): Promise<Identity>;
}

/** Ends what was opened with a credential, when that expires or is revoked. */
export interface SessionGuard {
  /**
   * What was revoked since it was authenticated ends within a second as well.
   *
   * @param onEnd called once at most, never before this returns: tell the client ({@link DepthcastError}
   *   `TOKEN_EXPIRED` or `TOKEN_REVOKED`, code 401) and close the session.
   * @returns to be called when the session is closed, for whatever reason; safe to call again.
   */
  watch(identity: Identity, onEnd: (error: DepthcastError) => void): () => void;
}

/**
 * The account whose private events and orders are given; `undefined`: nobody's.
 *
 * @param named the request's `account` parameter.
 * @throws DepthcastError `PARAMETER_INVALID`; `FORBIDDEN` for another account than the token's; `TOKEN_MISSING` when one
 *   is named without a token.
 */
export function accountFor(identity: Identity, named: string | undefined): string | undefined {
  if (named !== undefined && !ACCOUNT_PATTERN.test(named)) {
    throw invalid('account', named, 'a letter or digit, then at most 31 letters, digits, - and _');
  }
  if (identity.kind === 'open') return named ?? ACCOUNT_DEFAULT;
  if (identity.kind === 'anonymous') {
    if (named !== undefined) throw tokenMissing(`what belongs to account ${quote(named)} takes a token`);
    return undefined;
  }
  const { account } = identity.credential;
  if (named === undefined || named === account) return account;
  throw new DepthcastError('FORBIDDEN', `account ${quote(named)} is not the token's, which is ${quote(account)}`);
}

export function tokenMissing(why: string): DepthcastError {
  return new DepthcastError('TOKEN_MISSING', `${why}: send the header Authorization: Bearer <token>`);
}
