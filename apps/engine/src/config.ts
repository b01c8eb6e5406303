import { DEFAULT_MARKET_OPTIONS, type MarketOptions, marketOptions } from '@depthcast/market';
import { asksForHelp, loadConfig, logSettings, type Source, settings, withDebug } from '@depthcast/ops';
import { DepthcastError } from '@depthcast/protocol';
import { z } from 'zod';

const MIB = 1024 * 1024;

const schema = z.object({
  REDIS_URL: settings.redisUrl('redis://127.0.0.1:6379'),
  PARTITIONS: settings.partitions(),
  PARTITION: settings.list().optional(),
  /** Where /health, /ready and /metrics are served. */
  OPS_ADDR: settings.addr('127.0.0.1:9102'),
  ...logSettings,
  /** At most this much of Redis' memory for the log of one partition; older entries go. */
  LOG_BYTES_MAX: settings.integer({ min: MIB, max: 1024 * 1024 * MIB, default: 512 * MIB, unit: 'bytes' }),
  /** A snapshot is also due after so many events: the log can only be trimmed up to the older one. */
  SNAPSHOT_EVERY_EVENTS: settings.integer({ min: 1_000, max: 1_000_000_000, default: 50_000, unit: 'events' }),
  /** How often the state is stored: a recovery replays at most this long. */
  SNAPSHOT_EVERY_MS: settings.integer({ min: 100, max: 3_600_000, default: 10_000, unit: 'ms' }),
});

type Settings = z.output<typeof schema>;

/** The engine's environment. */
export interface EngineConfig extends Omit<Settings, 'PARTITION'> {
  /** The partitions that this process runs, in ascending order. */
  readonly PARTITION: readonly number[];
  /** The market's options, each under its name in upper case: `wideSpreadBps` is WIDE_SPREAD_BPS. */
  readonly market: Partial<MarketOptions>;
}

export const USAGE = `Usage: engine [options]

  -h, --help              this text

Environment:
  REDIS_URL               redis://, rediss://, redis+cluster:// or redis+sentinel://
                          (default redis://127.0.0.1:6379)
  PARTITIONS              how many there are, 1 to 64: the same in every app on one Redis (default 1)
  PARTITION               those of this process, such as 2 or 0,2 (default all of them)
  OPS_ADDR                HOST:PORT of /health, /ready and /metrics (default 127.0.0.1:9102)
  LOG_LEVEL               fatal, error, warn, info, debug, trace or silent (default info)
  DEBUG                   true: LOG_LEVEL is debug, where it is not set (default false)
  LOG_TO_FILE             true: the log into files too (default false) ...
  LOG_DIR                 ... of this folder (default logs)
  LOG_BYTES_MAX           the log's share of Redis' memory; older entries go (default ${512 * MIB})
  SNAPSHOT_EVERY_EVENTS   a snapshot is due after so many events (default 50000) ...
  SNAPSHOT_EVERY_MS       ... or after so many ms (default 10000)
  SHUTDOWN_MS             how long a shutdown may take (default 10000)
  STOP_ON_STDIN_END       true: stop when stdin ends (default false)

The market's, the same for every engine: other values hold from an engine's takeover on.
${marketUsage()}
Engines that find another one at work stand by, and take over when its lease ends.
`;

/**
 * Reads the settings.
 *
 * @returns `undefined` when help was asked for.
 * @throws DepthcastError `CONFIG_INVALID` naming the variables, what they got and what they take.
 */
export function readConfig(args: readonly string[], env: Source): EngineConfig | undefined {
  if (asksForHelp(args)) return undefined;
  const config = loadConfig(schema, withDebug(env));
  return { ...config, PARTITION: partitionsOf(config), market: readMarket(env) };
}

function partitionsOf({ PARTITION: words, PARTITIONS: count }: Settings): number[] {
  if (words === undefined) return Array.from({ length: count }, (_, partition) => partition);
  const partitions = new Set(words.map((word) => (/^\d{1,2}$/.test(word) ? Number(word) : Number.NaN)));
  if ([...partitions].every((partition) => partition < count)) return [...partitions].sort((a, b) => a - b);
  throw new DepthcastError(
    'CONFIG_INVALID',
    `PARTITION: got ${JSON.stringify(words.join(',').slice(0, 80))}, takes whole numbers from 0 to ${count - 1} ` +
      `divided by commas, with PARTITIONS=${count}`,
  );
}

function readMarket(env: Source): Partial<MarketOptions> {
  const market: Record<string, number | string> = {};
  for (const [option, preset] of Object.entries(DEFAULT_MARKET_OPTIONS)) {
    const variable = variableOf(option);
    const text = env[variable];
    if (text === undefined || text.trim() === '') continue;
    const value = typeof preset === 'string' ? text.trim() : Number(text);
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
  return market as Partial<MarketOptions>;
}

/** `wideSpreadBps` → `WIDE_SPREAD_BPS` */
export function variableOf(option: string): string {
  return option.replace(/[A-Z]/g, (letter) => `_${letter}`).toUpperCase();
}

function marketUsage(): string {
  return Object.entries(DEFAULT_MARKET_OPTIONS)
    .map(([option, preset]) => `  ${variableOf(option)} (default ${preset})\n`)
    .join('');
}
