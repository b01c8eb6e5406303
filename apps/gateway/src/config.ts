import { listeningOptions, loadConfig, logSettings, type Source, settings, withDebug } from '@depthcast/ops';
import { DepthcastError } from '@depthcast/protocol';
import { z } from 'zod';
import { authSettings, checkAuthSettings } from './auth/auth-settings.ts';
import { SESSION_BUFFER_BYTES_MAX } from './fanout/fanout.ts';
import { RESUME_BYTES_PER_SECOND } from './resume/journal.ts';
import { listenAddr, seedSettings, tlsFiles } from './seed-settings.ts';
import type { TlsFiles } from './tls.ts';
import { MAX_RATE_MAX, MAX_RATE_MIN } from './transports/max-rate.ts';
import { INTERVAL_MS_MAX, INTERVAL_MS_MIN } from './transports/stream-params.ts';

const MEBIBYTE = 1 << 20;
const DRAIN_MS = 5_000;

const schema = z.object({
  ADDR: settings.addr('127.0.0.1:8081'),
  ...logSettings,
  REDIS_URL: settings.redisUrl('redis://127.0.0.1:6379'),
  PARTITIONS: settings.partitions(),
  /** Which partitions' logs are followed: `lazy` those that somebody is subscribed to. */
  TAIL: settings.oneOf(['all', 'lazy'], 'all'),
  /** Recent events of a partition kept encoded in memory. */
  WINDOW_BYTES: settings.integer({ min: MEBIBYTE, max: 16_384 * MEBIBYTE, default: 64 * MEBIBYTE, unit: 'bytes' }),
  /** The least time between two reads of the log: fewer, larger writes for a little delay. */
  FLUSH_MS: settings.integer({ min: 0, max: 1_000, default: 0, unit: 'ms' }),
  /** Between two frames of a view, where the client does not say. */
  INTERVAL_MS: settings.integer({ min: INTERVAL_MS_MIN, max: INTERVAL_MS_MAX, default: 300, unit: 'ms' }),
  /** Silence on /api/stream after which a comment is sent. */
  KEEPALIVE_MS: settings.integer({ min: 100, max: 600_000, default: 10_000, unit: 'ms' }),
  /** Between two heartbeats on /stream. */
  HEARTBEAT_MS: settings.integer({ min: 100, max: 600_000, default: 30_000, unit: 'ms' }),
  /** What of one connection may wait unsent; a single frame, or a snapshot, that is more goes alone. */
  SESSION_BUFFER_BYTES_MAX: settings.integer({
    min: 64 << 10,
    max: 1_024 * MEBIBYTE,
    default: SESSION_BUFFER_BYTES_MAX,
    unit: 'bytes',
  }),
  /** Entries that a client of the log which does not take what it is sent may fall back by; 0: any number. */
  SESSION_LAG_MAX: settings.integer({ min: 0, max: 1_000_000_000, default: 1_000_000, unit: 'entries' }),
  /** Messages that one connection is sent a second; a client may ask for fewer. */
  MAX_RATE: settings.integer({ min: MAX_RATE_MIN, max: MAX_RATE_MAX, unit: 'messages a second' }).optional(),
  /** What a shutdown takes to close the sessions, when they are more than a hundred. */
  DRAIN_MS: settings.integer({ min: 0, max: 600_000, unit: 'ms' }).optional(),
  SHUTDOWN_MS: settings.shutdownMs(),
  SESSIONS_MAX: settings.integer({ min: 1, max: 1_000_000, default: 20_000, unit: 'sessions' }),
  /** Streams of one /stream session. */
  STREAMS_MAX: settings.integer({ min: 1, max: 10_000, default: 100, unit: 'streams' }),
  /** Events that one Socket.IO client may send a second. */
  SOCKET_EVENTS_PER_SECOND_MAX: settings.integer({ min: 1, max: 100_000, default: 50, unit: 'events' }),
  /** Orders and cancels under way at once. */
  ORDERS_PENDING_MAX: settings.integer({ min: 1, max: 1_000_000, default: 10_000, unit: 'orders' }),
  /** How long Redis may take to take an order, before its client is told to come back. */
  ORDER_SEND_MS: settings.integer({ min: 10, max: 60_000, default: 2_000, unit: 'ms' }),
  /** Without a clock event for so long, what is shown counts as stale. They come once a second. */
  CLOCK_STALE_MS: settings.integer({ min: 100, max: 600_000, default: 3_000, unit: 'ms' }),
  /** The journal: history, and what has left Redis. Without one there is neither. */
  JOURNAL_HTTP_URL: settings.url(['http', 'https']).optional(),
  /** What the journal wants to be shown, where it does. */
  JOURNAL_TOKEN: z.string().min(1, 'the token that the journal was given').optional(),
  /** Read from the journal and written to all clients that come back from there. Replays have a budget of their own. */
  RESUME_BYTES_PER_SECOND_MAX: settings.integer({
    min: MEBIBYTE,
    max: 16_384 * MEBIBYTE,
    default: RESUME_BYTES_PER_SECOND,
    unit: 'bytes',
  }),
  /** Streams of the past at once. */
  REPLAYS_MAX: settings.integer({ min: 0, max: 1_000, default: 8, unit: 'replays' }),
  /** Origins whose pages may read, and place orders; `*`: all may read, only this host's own may place orders. */
  CORS_ORIGIN: settings.list('*'),
  ...authSettings,
  ...seedSettings,
});

export interface GatewayConfig extends z.output<typeof schema> {
  readonly DRAIN_MS: number;
  /** Without them it is plain HTTP. */
  readonly TLS?: TlsFiles | undefined;
}

export const USAGE = `Usage: gateway [options]

  -a, --addr HOST:PORT    where to listen (ADDR, default 127.0.0.1:8081)
  -l, --log-level LEVEL   fatal, error, warn, info, debug, trace or silent (LOG_LEVEL, default info)
  -h, --help              this text

Environment: LOG_TO_FILE, LOG_DIR, REDIS_URL, PARTITIONS, TAIL, WINDOW_BYTES, FLUSH_MS, INTERVAL_MS, KEEPALIVE_MS, HEARTBEAT_MS, SESSIONS_MAX, STREAMS_MAX,
SESSION_BUFFER_BYTES_MAX, SESSION_LAG_MAX, MAX_RATE, DRAIN_MS, SHUTDOWN_MS, SOCKET_EVENTS_PER_SECOND_MAX, ORDERS_PENDING_MAX, ORDER_SEND_MS, CLOCK_STALE_MS, JOURNAL_HTTP_URL, JOURNAL_TOKEN,
RESUME_BYTES_PER_SECOND_MAX, REPLAYS_MAX, CORS_ORIGIN; AUTH_MODE, AUTH_JWT_SECRET, AUTH_JWKS_URL,
AUTH_AUDIENCE, AUTH_ISSUER, ALLOW_INSECURE, TRUST_PROXY, SESSIONS_PER_IP_MAX (docs/SECURITY.md); TLS_CERT_PATH,
TLS_KEY_PATH, and of the BBO stream's variables DEBUG, WEB_HOST, WEB_PORT, WEB_ENABLED, USE_SSL, SSL_CERT_PATH,
SSL_KEY_PATH (docs/SETTINGS.md).
`;

/**
 * Reads the settings: options over the environment.
 *
 * @returns `undefined` when help was asked for.
 * @throws DepthcastError `CONFIG_INVALID`
 */
export function readConfig(args: readonly string[], env: Source): GatewayConfig | undefined {
  const { addr, 'log-level': logLevel, help } = listeningOptions(args);
  if (help) return undefined;
  const given = loadConfig(schema, {
    ...withDebug(env),
    ...(addr === undefined ? {} : { ADDR: addr, WEB_HOST: undefined, WEB_PORT: undefined }),
    ...(logLevel === undefined ? {} : { LOG_LEVEL: logLevel }),
  });
  const config = { ...given, ADDR: listenAddr(given.ADDR, given), DRAIN_MS: drainMs(given), TLS: tlsFiles(given) };
  checkAuthSettings(config, given.WEB_HOST === undefined ? 'ADDR' : 'WEB_HOST');
  return config;
}

/**
 * By default no more than half of what a shutdown has: after it come those who are slow to leave, and orders under way.
 *
 * @throws DepthcastError `CONFIG_INVALID` for one that leaves nothing.
 */
function drainMs({ DRAIN_MS: given, SHUTDOWN_MS: shutdownMs }: z.output<typeof schema>): number {
  if (given === undefined) return Math.min(DRAIN_MS, Math.floor(shutdownMs / 2));
  if (given === 0 || given < shutdownMs) return given;
  const takes = `less than SHUTDOWN_MS, which is ${shutdownMs} ms and ends the process`;
  throw new DepthcastError('CONFIG_INVALID', `DRAIN_MS: got "${given}", takes ${takes}`);
}
