import { settings } from '@depthcast/ops';
import { z } from 'zod';

const MIB = 1024 * 1024;

/** The engine's environment. */
export const configSchema = z.object({
  REDIS_URL: settings.redisUrl('redis://127.0.0.1:6379'),
  /** Where /health, /ready and /metrics are served. */
  OPS_ADDR: settings.addr('127.0.0.1:9102'),
  LOG_LEVEL: settings.logLevel(),
  /** At most this much of Redis' memory for the log of one partition; older entries go. */
  LOG_BYTES_MAX: settings.integer({ min: MIB, max: 1024 * 1024 * MIB, default: 512 * MIB, unit: 'bytes' }),
  /** How often the state is stored: a recovery replays at most this long. */
  SNAPSHOT_EVERY_MS: settings.integer({ min: 100, max: 3_600_000, default: 10_000, unit: 'ms' }),
});

export type EngineConfig = z.output<typeof configSchema>;
