import { isIP } from 'node:net';
import { type Addr, isLoopback, settings } from '@depthcast/ops';
import { DepthcastError } from '@depthcast/protocol';
import { z } from 'zod';

const SECRET_BYTES_MIN = 32;
/** Names that stand for ranges of addresses, as Fastify knows them. */
const PROXY_NAMES: readonly string[] = ['loopback', 'linklocal', 'uniquelocal'];

export const authModes = ['off', 'optional', 'required'] as const;

/** The part of the gateway's settings that decides who may do what, and from where. */
export const authSettings = {
  /**
   * `off`: everybody may speak for every account. `optional`: market data is public, what belongs to an account takes a
   * token. `required`: everything does, but for what probes and browsers ask first.
   */
  AUTH_MODE: settings.oneOf(authModes, 'off'),
  /** The key of HS256 tokens. */
  AUTH_JWT_SECRET: z
    .string()
    .refine((text) => Buffer.byteLength(text) >= SECRET_BYTES_MIN, `at least ${SECRET_BYTES_MIN} bytes`)
    .optional(),
  /** Where the public keys of tokens are, as a JSON Web Key Set. */
  AUTH_JWKS_URL: settings.url(['https', 'http']).optional(),
  /** Of these a token's `aud` has to name one. */
  AUTH_AUDIENCE: settings.list().optional(),
  /** Of these a token's `iss` has to be one. */
  AUTH_ISSUER: settings.list().optional(),
  /** Allows what makes no sense outside of a closed network: see {@link checkAuthSettings}. */
  ALLOW_INSECURE: settings.boolean(false),
  /** Proxies whose X-Forwarded-For is believed, by address, range or name; without any, a client is who connects. */
  TRUST_PROXY: settings
    .list()
    .refine((proxies) => proxies.every(isProxy), `addresses, ranges (10.0.0.0/8) or ${PROXY_NAMES.join(', ')}`)
    .optional(),
  /** Streams that one address may have open; of IPv6, one network of 64 bits. */
  SESSIONS_PER_IP_MAX: settings.integer({ min: 1, max: 1_000_000, default: 20_000, unit: 'sessions' }),
};

const authSchema = z.object(authSettings);
export type AuthSettings = z.output<typeof authSchema>;

/**
 * What no setting can say alone.
 *
 * @param hostVariable which setting named the host.
 * @throws DepthcastError `CONFIG_INVALID`
 */
export function checkAuthSettings(
  { ADDR, ...auth }: AuthSettings & { readonly ADDR: Addr },
  hostVariable = 'ADDR',
): void {
  const { AUTH_MODE, AUTH_JWT_SECRET, AUTH_JWKS_URL, AUTH_AUDIENCE, AUTH_ISSUER, ALLOW_INSECURE } = auth;
  if (AUTH_MODE === 'off' && !isLoopback(ADDR.host) && !ALLOW_INSECURE) {
    throw invalid(
      `${hostVariable}: got ${JSON.stringify(ADDR.host)} with AUTH_MODE=off, where everybody may place orders for every account: takes an address of this machine alone (127.0.0.1), or AUTH_MODE=optional or required, or ALLOW_INSECURE=true if nobody else can reach it`,
    );
  }
  if (AUTH_JWT_SECRET !== undefined && AUTH_JWKS_URL !== undefined) {
    throw invalid('AUTH_JWKS_URL: got a key set besides AUTH_JWT_SECRET, takes one of the two');
  }
  if (AUTH_MODE !== 'off' && AUTH_JWT_SECRET === undefined && AUTH_JWKS_URL === undefined) {
    throw invalid(`AUTH_MODE: got "${AUTH_MODE}" without a key, takes AUTH_JWT_SECRET or AUTH_JWKS_URL beside it`);
  }
  if (AUTH_JWKS_URL === undefined) return;
  // The same keys sign the tokens of every service that trusts their owner.
  if (AUTH_AUDIENCE === undefined || AUTH_ISSUER === undefined) {
    throw invalid('AUTH_JWKS_URL: takes AUTH_AUDIENCE and AUTH_ISSUER beside it, for its keys sign for others as well');
  }
  const { protocol, hostname } = new URL(AUTH_JWKS_URL);
  if (protocol !== 'https:' && !isLoopback(hostname.replace(/^\[|\]$/g, '')) && !ALLOW_INSECURE) {
    throw invalid("AUTH_JWKS_URL: keys that come over http could be anybody's, takes https, or ALLOW_INSECURE=true");
  }
}

function isProxy(text: string): boolean {
  if (PROXY_NAMES.includes(text)) return true;
  const [address = '', bits, ...rest] = text.split('/');
  const family = isIP(address);
  if (family === 0 || rest.length > 0) return false;
  return bits === undefined || (/^\d{1,3}$/.test(bits) && Number(bits) <= (family === 4 ? 32 : 128));
}

function invalid(message: string): DepthcastError {
  return new DepthcastError('CONFIG_INVALID', message);
}
