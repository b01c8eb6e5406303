import { parseArgs } from 'node:util';
import { loadConfig, type Source, settings } from '@depthcast/ops';
import { DepthcastError } from '@depthcast/protocol';
import { z } from 'zod';
import { INTERVAL_MS_MAX, INTERVAL_MS_MIN } from './transports/stream-params.ts';

const MEBIBYTE = 1 << 20;

const schema = z.object({
  ADDR: settings.addr('127.0.0.1:8081'),
  LOG_LEVEL: settings.logLevel(),
  REDIS_URL: settings.redisUrl('redis://127.0.0.1:6379'),
  /** Recent events kept encoded in memory. */
  WINDOW_BYTES: settings.integer({ min: MEBIBYTE, max: 16_384 * MEBIBYTE, default: 64 * MEBIBYTE, unit: 'bytes' }),
  /** The least time between two reads of the log: fewer, larger writes for a little delay. */
  FLUSH_MS: settings.integer({ min: 0, max: 1_000, default: 0, unit: 'ms' }),
  /** Between two frames of a view, where the client does not say. */
  INTERVAL_MS: settings.integer({ min: INTERVAL_MS_MIN, max: INTERVAL_MS_MAX, default: 300, unit: 'ms' }),
  /** Silence on /api/stream after which a comment is sent. */
  KEEPALIVE_MS: settings.integer({ min: 100, max: 600_000, default: 10_000, unit: 'ms' }),
  /** Between two heartbeats on /stream. */
  HEARTBEAT_MS: settings.integer({ min: 100, max: 600_000, default: 30_000, unit: 'ms' }),
  SESSIONS_MAX: settings.integer({ min: 1, max: 1_000_000, default: 20_000, unit: 'sessions' }),
  /** Streams of one /stream session. */
  STREAMS_MAX: settings.integer({ min: 1, max: 10_000, default: 100, unit: 'streams' }),
  /** Orders and cancels under way at once. */
  ORDERS_PENDING_MAX: settings.integer({ min: 1, max: 1_000_000, default: 10_000, unit: 'orders' }),
  /** How long Redis may take to take an order, before its client is told to come back. */
  ORDER_SEND_MS: settings.integer({ min: 10, max: 60_000, default: 2_000, unit: 'ms' }),
  /** Without a clock event for so long, what is shown counts as stale. They come once a second. */
  CLOCK_STALE_MS: settings.integer({ min: 100, max: 600_000, default: 3_000, unit: 'ms' }),
  /** Origins whose pages may read, and place orders; `*`: all may read, only this host's own may place orders. */
  CORS_ORIGIN: settings.list('*'),
});

export type GatewayConfig = z.output<typeof schema>;

export const USAGE = `Usage: gateway [options]

  -a, --addr HOST:PORT    where to listen (ADDR, default 127.0.0.1:8081)
  -l, --log-level LEVEL   fatal, error, warn, info, debug, trace or silent (LOG_LEVEL, default info)
  -h, --help              this text

Environment: REDIS_URL, WINDOW_BYTES, FLUSH_MS, INTERVAL_MS, KEEPALIVE_MS, HEARTBEAT_MS, SESSIONS_MAX, STREAMS_MAX,
ORDERS_PENDING_MAX, ORDER_SEND_MS, CLOCK_STALE_MS, CORS_ORIGIN.
`;

/**
 * Reads the settings: options over the environment.
 *
 * @returns `undefined` when help was asked for.
 * @throws DepthcastError `CONFIG_INVALID`
 */
export function readConfig(args: readonly string[], env: Source): GatewayConfig | undefined {
  const { addr, 'log-level': logLevel, help } = parseOptions(args);
  if (help) return undefined;
  return loadConfig(schema, {
    ...env,
    ...(addr === undefined ? {} : { ADDR: addr }),
    ...(logLevel === undefined ? {} : { LOG_LEVEL: logLevel }),
  });
}

function parseOptions(args: readonly string[]) {
  try {
    return parseArgs({
      args: [...args],
      options: {
        addr: { type: 'string', short: 'a' },
        'log-level': { type: 'string', short: 'l' },
        help: { type: 'boolean', short: 'h' },
      },
    }).values;
  } catch (error) {
    throw new DepthcastError('CONFIG_INVALID', `${(error as Error).message} (see --help)`, { cause: error });
  }
}
