import { type Addr, settings } from '@depthcast/ops';
import { DepthcastError } from '@depthcast/protocol';
import { z } from 'zod';
import type { NamedFile, TlsFiles } from './tls.ts';

const PORT_MAX = 65_535;
const HOST_CHARS_MAX = 253;

/**
 * The BBO seed's variables for its web server, and TLS, which goes by names of ours as well. What they come to here is
 * said in this file alone; docs/SETTINGS.md lists where that is something else than the seed says.
 */
export const seedSettings = {
  /** Where to listen, in place of ADDR's host and port. */
  WEB_HOST: z
    .string()
    .trim()
    .regex(/^[^\s:/[\]@]+$|^\[?[0-9a-fA-F:.]*:[0-9a-fA-F:.]*\]?$/, 'a host name or an IP address')
    .max(HOST_CHARS_MAX)
    .optional(),
  WEB_PORT: settings.integer({ min: 0, max: PORT_MAX, unit: '0 = any free port' }).optional(),
  /** Whether a browser that opens the bare address is shown something. */
  WEB_ENABLED: settings.boolean(true),
  /** TLS with the pair of SSL_CERT_PATH and SSL_KEY_PATH. */
  USE_SSL: settings.boolean(false),
  SSL_CERT_PATH: settings.path('/app/certs/cert.pem'),
  SSL_KEY_PATH: settings.path('/app/certs/key.pem'),
  /** Both or neither: TLS with that pair, whatever USE_SSL says. */
  TLS_CERT_PATH: settings.path().optional(),
  TLS_KEY_PATH: settings.path().optional(),
};

const seedSchema = z.object(seedSettings);
export type SeedSettings = z.output<typeof seedSchema>;

/** The gateway's own address, with what the seed's variables say of it. */
export function listenAddr(addr: Addr, { WEB_HOST, WEB_PORT }: SeedSettings): Addr {
  return { host: WEB_HOST?.replace(/^\[|\]$/g, '') ?? addr.host, port: WEB_PORT ?? addr.port };
}

/**
 * Which files TLS is to be spoken with; `undefined`: plain HTTP.
 *
 * @throws DepthcastError `CONFIG_INVALID` for half a pair.
 */
export function tlsFiles(config: SeedSettings): TlsFiles | undefined {
  const { USE_SSL, SSL_CERT_PATH, SSL_KEY_PATH, TLS_CERT_PATH, TLS_KEY_PATH } = config;
  if ((TLS_CERT_PATH === undefined) !== (TLS_KEY_PATH === undefined)) {
    const [missing, given] = TLS_CERT_PATH === undefined ? ['CERT', 'KEY'] : ['KEY', 'CERT'];
    throw new DepthcastError(
      'CONFIG_INVALID',
      `TLS_${missing}_PATH: got nothing, takes the path of a file beside TLS_${given}_PATH`,
    );
  }
  if (TLS_CERT_PATH !== undefined && TLS_KEY_PATH !== undefined) {
    return { cert: named('TLS_CERT_PATH', TLS_CERT_PATH), key: named('TLS_KEY_PATH', TLS_KEY_PATH) };
  }
  if (!USE_SSL) return undefined;
  return { cert: named('SSL_CERT_PATH', SSL_CERT_PATH), key: named('SSL_KEY_PATH', SSL_KEY_PATH) };
}

function named(variable: string, path: string): NamedFile {
  return { variable, path };
}
