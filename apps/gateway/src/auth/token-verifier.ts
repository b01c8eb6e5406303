import { ACCOUNT_PATTERN, DepthcastError, quote } from '@depthcast/protocol';
import { errors, type JWTPayload, type JWTVerifyGetKey, type JWTVerifyOptions, jwtVerify } from 'jose';
import type { AuthSettings } from './auth-settings.ts';
import type { Credential } from './identity.ts';
import { signingKeys } from './signing-keys.ts';

/** Longer ones are refused before anything of them is read. */
export const TOKEN_CHARS_MAX = 8_192;
/** It becomes part of a key of Redis. */
export const JTI_CHARS_MAX = 128;
/** What clocks may differ by, where a token is not valid yet. What has expired has expired. */
const CLOCK_TOLERANCE_SECONDS = 5;
const EXPIRES_MS_MAX = 8_640_000_000_000_000;

/** A key of one kind never verifies a token of the other: a public key, used as a secret, is known to everybody. */
const SECRET_ALGORITHMS = ['HS256'] as const;
const KEY_SET_ALGORITHMS = [
  'RS256',
  'RS384',
  'RS512',
  'PS256',
  'PS384',
  'PS512',
  'ES256',
  'ES384',
  'ES512',
  'EdDSA',
  'Ed25519',
] as const;

export type TokenSettings = Pick<AuthSettings, 'AUTH_JWT_SECRET' | 'AUTH_JWKS_URL' | 'AUTH_AUDIENCE' | 'AUTH_ISSUER'>;

export interface TokenVerifierOptions {
  readonly onWarn: (message: string, error: Error) => void;
  readonly nowMs: () => number;
}

/** Reads JSON Web Tokens (RFC 7519): signature, audience, issuer, time; its subject is the account. */
export class TokenVerifier {
  readonly #getKey: JWTVerifyGetKey | undefined;
  readonly #checks: JWTVerifyOptions;
  readonly #nowMs: () => number;

  constructor(settings: TokenSettings, { onWarn, nowMs }: TokenVerifierOptions) {
    const { AUTH_JWT_SECRET: secret, AUTH_JWKS_URL: url, AUTH_AUDIENCE: audience, AUTH_ISSUER: issuer } = settings;
    this.#nowMs = nowMs;
    if (secret !== undefined) {
      const key = new TextEncoder().encode(secret);
      this.#getKey = () => key;
    } else if (url !== undefined) {
      this.#getKey = signingKeys({ url, onWarn, nowMs });
    }
    this.#checks = {
      algorithms: secret === undefined ? [...KEY_SET_ALGORITHMS] : [...SECRET_ALGORITHMS],
      requiredClaims: ['sub', 'exp'],
      clockTolerance: CLOCK_TOLERANCE_SECONDS,
      ...(audience ? { audience: [...audience] } : {}),
      ...(issuer ? { issuer: [...issuer] } : {}),
    };
  }

  /** @throws DepthcastError `TOKEN_INVALID`, `TOKEN_EXPIRED`, `FORBIDDEN` or `AUTH_UNAVAILABLE`, none of them quoting it. */
  async verify(token: string): Promise<Credential> {
    if (token.length > TOKEN_CHARS_MAX) throw invalid(`it has more than ${TOKEN_CHARS_MAX} characters`);
    if (!this.#getKey) throw invalid('no key is trusted here: AUTH_JWT_SECRET or AUTH_JWKS_URL would name one');
    const nowMs = this.#nowMs();
    const { payload } = await jwtVerify(token, this.#getKey, {
      ...this.#checks,
      currentDate: new Date(nowMs),
    }).catch((error: unknown) => {
      throw named(error);
    });
    const credential = credentialOf(payload);
    if (credential.expiresMs <= nowMs) throw expired();
    return credential;
  }
}

export function expired(): DepthcastError {
  return new DepthcastError('TOKEN_EXPIRED', "the token's time is over: get a new one");
}

function credentialOf({ sub, jti, exp }: JWTPayload): Credential {
  if (typeof sub !== 'string' || sub === '') throw invalid('its sub is not a text');
  if (jti !== undefined && (typeof jti !== 'string' || jti === '' || jti.length > JTI_CHARS_MAX)) {
    throw invalid(`its jti is not a text of 1 to ${JTI_CHARS_MAX} characters`);
  }
  if (!ACCOUNT_PATTERN.test(sub)) {
    throw new DepthcastError(
      'FORBIDDEN',
      `the token's sub ${quote(sub)} can be no account: takes a letter or digit, then at most 31 letters, digits, - and _`,
    );
  }
  return { account: sub, jti, expiresMs: Math.min((exp as number) * 1_000, EXPIRES_MS_MAX) };
}

function named(error: unknown): DepthcastError {
  if (error instanceof DepthcastError) return error;
  if (error instanceof errors.JWTExpired) return expired();
  if (error instanceof errors.JWTClaimValidationFailed) {
    return invalid(`its ${error.claim} is ${error.reason === 'missing' ? 'missing' : 'not what is taken here'}`);
  }
  if (error instanceof errors.JOSEAlgNotAllowed) return invalid('its alg is not one that is taken here');
  if (error instanceof errors.JWKSNoMatchingKey || error instanceof errors.JWKSMultipleMatchingKeys) {
    return invalid('its alg and kid name no single key that is trusted here');
  }
  if (error instanceof errors.JWSSignatureVerificationFailed) return invalid('its signature is not right');
  return invalid('it is not a signed JSON Web Token');
}

function invalid(why: string): DepthcastError {
  return new DepthcastError('TOKEN_INVALID', `the token is not good: ${why}`);
}
