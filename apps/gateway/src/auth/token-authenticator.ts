import { DepthcastError } from '@depthcast/protocol';
import type { authModes } from './auth-settings.ts';
import {
  ANONYMOUS,
  type Authenticator,
  type Credential,
  type Credentials,
  type Identity,
  OPEN,
  tokenMissing,
} from './identity.ts';
import { expired, type TokenVerifier } from './token-verifier.ts';

export interface TokenAuthenticatorOptions {
  readonly mode: (typeof authModes)[number];
  readonly verifier: Pick<TokenVerifier, 'verify'>;
  /** @throws DepthcastError `TICKET_INVALID`; whatever Redis throws. */
  readonly redeem: (ticket: string) => Promise<Credential>;
  /** @throws whatever Redis throws. */
  readonly isRevoked: (jti: string) => Promise<boolean>;
  readonly nowMs: () => number;
}

/** What Redis may take to say whether a token or a ticket is still good. */
const REDIS_MS_MAX = 2_000;

/** Decides by AUTH_MODE, the token's own words, and what Redis says of it. When Redis says nothing, nobody passes. */
export class TokenAuthenticator implements Authenticator {
  readonly #options: TokenAuthenticatorOptions;

  constructor(options: TokenAuthenticatorOptions) {
    this.#options = options;
  }

  async authenticate({ token, ticket, isProtected = false }: Credentials): Promise<Identity> {
    const { mode, verifier, redeem } = this.#options;
    if (mode === 'off' && !isProtected) return OPEN;
    if (token !== undefined) return await this.#check(await verifier.verify(token));
    if (ticket !== undefined) return await this.#check(await answerOf(redeem(ticket)));
    if (isProtected || mode === 'required') throw tokenMissing('this takes a token');
    return ANONYMOUS;
  }

  async #check(credential: Credential): Promise<Identity> {
    const { isRevoked, nowMs } = this.#options;
    // A ticket may be used after its token's end.
    if (credential.expiresMs <= nowMs()) throw expired();
    if (credential.jti !== undefined && (await answerOf(isRevoked(credential.jti)))) throw revoked();
    return { kind: 'account', credential };
  }
}

export function revoked(): DepthcastError {
  return new DepthcastError('TOKEN_REVOKED', 'the token has been revoked: get a new one');
}

/**
 * What Redis answers, if it does so soon.
 *
 * @throws DepthcastError `AUTH_UNAVAILABLE`, or the one that was thrown.
 */
export async function answerOf<T>(asked: Promise<T>): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error('no answer')), REDIS_MS_MAX);
  });
  try {
    return await Promise.race([asked, late]);
  } catch (error) {
    if (error instanceof DepthcastError) throw error;
    throw new DepthcastError('AUTH_UNAVAILABLE', 'tokens cannot be checked at the moment: come back soon', {
      cause: error,
    });
  } finally {
    clearTimeout(timer);
  }
}
