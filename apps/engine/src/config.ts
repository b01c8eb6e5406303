import { DEFAULT_MARKET_OPTIONS, type MarketOptions, marketOptions } from '@depthcast/market';
import { loadConfig, type Source, settings } from '@depthcast/ops';
import { DepthcastError } from '@depthcast/protocol';
import { z } from 'zod';

const MIB = 1024 * 1024;

const schema = z.object({
  REDIS_URL: settings.redisUrl('redis://127.0.0.1:6379'),
  /** Where /health, /ready and /metrics are served. */
  OPS_ADDR: settings.addr('127.0.0.1:9102'),
  LOG_LEVEL: settings.logLevel(),
  /** At most this much of Redis' memory for the log of one partition; older entries go. */
  LOG_BYTES_MAX: settings.integer({ min: MIB, max: 1024 * 1024 * MIB, default: 512 * MIB, unit: 'bytes' }),
  /** A snapshot is also due after so many events: the log can only be trimmed up to the older one. */
  SNAPSHOT_EVERY_EVENTS: settings.integer({ min: 1_000, max: 1_000_000_000, default: 50_000, unit: 'events' }),
  /** How often the state is stored: a recovery replays at most this long. */
  SNAPSHOT_EVERY_MS: settings.integer({ min: 100, max: 3_600_000, default: 10_000, unit: 'ms' }),
});

/** The engine's environment. */
export interface EngineConfig extends z.output<typeof schema> {
  /** The market's thresholds, each under its name in upper case: `wideSpreadBps` is WIDE_SPREAD_BPS. */
  readonly market: Partial<MarketOptions>;
}

/** @throws DepthcastError `CONFIG_INVALID` naming the variables, what they got and what they take. */
export function readConfig(source: Source): EngineConfig {
  const config = loadConfig(schema, source);
  const market: Record<string, number> = {};
  for (const option of Object.keys(DEFAULT_MARKET_OPTIONS)) {
    const variable = variableOf(option);
    const text = source[variable];
    if (text === undefined || text.trim() === '') continue;
    const value = Number(text);
    try {
      marketOptions({ [option]: value });
    } catch (error) {
      const takes = (error as Error).message.replace(/^.* is not /, '');
      throw new DepthcastError(
        'CONFIG_INVALID',
        `${variable}: got ${JSON.stringify(text.slice(0, 80))}, takes ${takes}`,
      );
    }
    market[option] = value;
  }
  return { ...config, market };
}

/** `wideSpreadBps` → `WIDE_SPREAD_BPS` */
export function variableOf(option: string): string {
  return option.replace(/[A-Z]/g, (letter) => `_${letter}`).toUpperCase();
}
