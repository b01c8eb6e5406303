import { randomUUID } from 'node:crypto';
import { type JWTPayload, SignJWT } from 'jose';

export const SECRET = 'a-secret-of-tests-that-has-at-least-32-bytes';

/** The settings of a gateway that takes {@link token}. */
export const AUTH_ENV = {
  AUTH_MODE: 'optional',
  AUTH_JWT_SECRET: SECRET,
  AUTH_AUDIENCE: 'depthcast,other',
  AUTH_ISSUER: 'https://issuer.example',
} as const;

/** A good HS256 token for an hour; `claims` change it, `undefined` takes one away. */
export function token(claims: JWTPayload = {}, secret = SECRET): Promise<string> {
  const seconds = Math.floor(Date.now() / 1_000);
  const payload = {
    sub: 'alice',
    aud: 'depthcast',
    iss: 'https://issuer.example',
    jti: randomUUID(),
    iat: seconds,
    exp: seconds + 3_600,
    ...claims,
  };
  return new SignJWT(payload).setProtectedHeader({ alg: 'HS256' }).sign(new TextEncoder().encode(secret));
}

export function bearer(text: string): { readonly authorization: string } {
  return { authorization: `Bearer ${text}` };
}
