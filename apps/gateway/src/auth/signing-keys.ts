import { DepthcastError } from '@depthcast/protocol';
import { createRemoteJWKSet, customFetch, errors, type FetchImplementation, type JWTVerifyGetKey } from 'jose';

/** More than a thousand keys. */
const KEYS_BYTES_MAX = 256 << 10;
const FETCH_MS_MAX = 3_000;
/** How long keys are believed without asking again. */
const KEYS_AGE_MS_MAX = 600_000;
/** A token may name a key that nobody has: it asks the server for it once in this time, however many come. */
const UNKNOWN_KEY_COOLDOWN_MS = 30_000;
/** A server that does not answer is not asked by every token that comes. */
const FAILURE_COOLDOWN_MS = 1_000;

export interface SigningKeysOptions {
  readonly url: string;
  readonly onWarn: (message: string, error: Error) => void;
  readonly nowMs: () => number;
}

/**
 * The public keys of whoever issues tokens, fetched when first needed and kept: jose asks once for all who wait, and
 * rarely for a key it does not find.
 *
 * The function throws jose's own errors for a token whose key is not among them, and DepthcastError `AUTH_UNAVAILABLE`
 * when the keys cannot be had.
 */
export function signingKeys({ url, onWarn, nowMs }: SigningKeysOptions): JWTVerifyGetKey {
  let failedMs = Number.NEGATIVE_INFINITY;
  const isCooling = () => nowMs() - failedMs < FAILURE_COOLDOWN_MS;
  const fetchKeys: FetchImplementation = (address, options) => {
    if (isCooling()) throw new Error('the key server did not answer a moment ago');
    return fetchAtMost(address, options);
  };
  const remote = createRemoteJWKSet(new URL(url), {
    [customFetch]: fetchKeys,
    timeoutDuration: FETCH_MS_MAX,
    cacheMaxAge: KEYS_AGE_MS_MAX,
    cooldownDuration: UNKNOWN_KEY_COOLDOWN_MS,
  });
  return async (header, token) => {
    try {
      return await remote(header, token);
    } catch (error) {
      if (isOfToken(error)) throw error;
      if (!isCooling()) {
        failedMs = nowMs();
        onWarn('the keys of AUTH_JWKS_URL cannot be had', error as Error);
      }
      throw new DepthcastError('AUTH_UNAVAILABLE', 'the key server does not answer: come back soon', { cause: error });
    }
  };
}

/** Errors that say something of the token rather than of the server. */
function isOfToken(error: unknown): boolean {
  return (
    error instanceof errors.JWKSNoMatchingKey ||
    error instanceof errors.JWKSMultipleMatchingKeys ||
    error instanceof errors.JOSENotSupported
  );
}

async function fetchAtMost(...[url, options]: Parameters<FetchImplementation>): Promise<Response> {
  const response = await fetch(url, options);
  if (response.status !== 200) {
    await response.body?.cancel();
    throw new Error(`the key server answered ${response.status}`);
  }
  const parts: Uint8Array[] = [];
  let bytes = 0;
  for await (const part of response.body ?? []) {
    bytes += part.length;
    if (bytes > KEYS_BYTES_MAX) throw new Error(`the key server sent more than ${KEYS_BYTES_MAX} bytes`);
    parts.push(part);
  }
  return new Response(Buffer.concat(parts));
}
