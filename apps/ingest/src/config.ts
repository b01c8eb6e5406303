import { asksForHelp, loadConfig, logSettings, type Source, settings, withDebug } from '@depthcast/ops';
import { DepthcastError, normalizeSymbol, Scale, SYMBOL_PATTERN } from '@depthcast/protocol';
import { z } from 'zod';
import { seedSettings, venueUrl } from './seed-settings.ts';

const SYMBOLS_MAX = 1_000;
const RATE_MAX = 50_000;
const SPEED_MAX = 100_000;
const BINANCE_WS_URL = 'wss://data-stream.binance.vision';
const BINANCE_REST_URL = 'https://data-api.binance.vision';

export const SOURCES = ['simulator', 'binance', 'replay'] as const;
export type SourceName = (typeof SOURCES)[number];

const SYMBOLS_DEFAULT: Readonly<Record<SourceName, readonly string[]>> = {
  simulator: ['BTCUSD', 'ETHUSD', 'ADAUSD'],
  binance: ['BTCUSDT'],
  // A capture names its own.
  replay: [],
};

const schema = z.object({
  REDIS_URL: settings.redisUrl('redis://127.0.0.1:6379'),
  PARTITIONS: settings.partitions(),
  SOURCE: settings.oneOf(SOURCES, 'simulator'),
  SYMBOLS: settings.list().optional(),
  SIMULATOR_RATE: settings.integer({ min: 1, max: RATE_MAX, unit: 'orders/s over all symbols' }).optional(),
  SIMULATOR_SEED: settings.integer({ min: 0, max: Number.MAX_SAFE_INTEGER, default: 1 }),
  BINANCE_WS_URL: settings.url(['ws', 'wss']).optional(),
  BINANCE_REST_URL: settings.url(['http', 'https'], BINANCE_REST_URL),
  STALL_MS: settings.integer({ min: 100, max: 3_600_000, default: 15_000, unit: 'ms' }),
  REPLAY_FILE: z.string({ error: 'the path of a capture' }).optional(),
  REPLAY_SPEED: replaySpeed(),
  REPLAY_TICK: step().optional(),
  REPLAY_STEP: step().optional(),
  OPS_ADDR: settings.addr('127.0.0.1:9101'),
  ...logSettings,
  ...seedSettings,
});

type Settings = z.output<typeof schema>;

/** All that ingest reads from the environment, once, at start. */
export interface IngestConfig extends Omit<Settings, 'SYMBOLS' | 'BINANCE_WS_URL'> {
  /** As they stand on the wire; without repeats. Empty for a replay. */
  readonly SYMBOLS: readonly string[];
  readonly BINANCE_WS_URL: string;
  /** What is taken, but not as it stands there. */
  readonly warnings: readonly string[];
}

export const USAGE = `Usage: ingest [options]

  -h, --help         this text

Environment:
  REDIS_URL          redis://, rediss://, redis+cluster:// or redis+sentinel:// (redis://127.0.0.1:6379)
  PARTITIONS         how many there are, 1 to 64: the same in every app on one Redis (1)
  SOURCE             simulator, binance or replay (simulator)
  SYMBOLS            divided by commas (BTCUSD,ETHUSD,ADAUSD; binance: BTCUSDT; replay: the capture's)
  SYMBOL             where SYMBOLS names none, one symbol such as btcusdt
  SIMULATOR_RATE     orders, cancels and amends a second over all symbols, 1 to ${RATE_MAX}
                     (a few of each symbol every 300 ms)
  SIMULATOR_SEED     another number makes another market (1)
  BINANCE_WS_URL     (${BINANCE_WS_URL})
  WEBSOCKET_BASE_URL  where BINANCE_WS_URL is not set
  BINANCE_REST_URL   (${BINANCE_REST_URL})
  AUTO_RECONNECT     false: the first loss of Binance is the end (true)
  INITIAL_BACKOFF    seconds that the first retries wait at most (1)
  EXTENDED_BACKOFF_THRESHOLD  the retry from which on each waits up to twice as long as the one before (3)
  MAX_RETRIES        retries in a row after which all of them wait up to 30 s (10)
  STALL_MS           silence after which Binance is connected to again (15000)
  REPLAY_FILE        a capture of Binance's streams, plain or gzip
  REPLAY_SPEED       a factor, or max (1)
  REPLAY_TICK        smallest price increment (one unit in the last decimal that the capture writes)
  REPLAY_STEP        smallest size increment (the same)
  OPS_ADDR           where /health, /ready and /metrics are (127.0.0.1:9101)
  LOG_LEVEL          fatal, error, warn, info, debug, trace or silent (info)
  DEBUG              true: LOG_LEVEL is debug, where it is not set (false)
  LOG_TO_FILE        true: the log into files too (false)
  LOG_DIR            the folder of those files (logs)
  SHUTDOWN_MS        how long a shutdown may take (10000)
  STOP_ON_STDIN_END  true: stop when stdin ends (false)
`;

/**
 * Reads the settings. All of them stand in the environment.
 *
 * @returns `undefined` when help was asked for.
 * @throws DepthcastError `CONFIG_INVALID` naming the variables, what they got and what they take.
 */
export function readConfig(args: readonly string[], env: Source): IngestConfig | undefined {
  if (asksForHelp(args)) return undefined;
  const config = loadConfig(schema, withDebug(env));
  if (config.SOURCE === 'replay' && config.REPLAY_FILE === undefined) {
    throw new DepthcastError('CONFIG_INVALID', 'REPLAY_FILE: got nothing, takes the path of a capture (SOURCE=replay)');
  }
  const { variable, names } = symbolsOf(config);
  const symbols = [...new Set(names.map(normalizeSymbol))];
  const allowed = config.SOURCE === 'binance' ? /^[A-Z0-9]{1,32}$/ : SYMBOL_PATTERN;
  const bad = symbols.find((symbol) => !allowed.test(symbol));
  if (bad !== undefined || symbols.length > SYMBOLS_MAX) {
    const takes = config.SOURCE === 'binance' ? 'spot symbols such as BTCUSDT' : 'symbols such as BTCUSD';
    const got = bad === undefined ? `${symbols.length} symbols` : JSON.stringify(bad.slice(0, 80));
    throw new DepthcastError('CONFIG_INVALID', `${variable}: got ${got}, takes at most ${SYMBOLS_MAX} ${takes}`);
  }
  const { url, warning } = venueUrl(config, BINANCE_WS_URL);
  return {
    ...config,
    SYMBOLS: symbols,
    BINANCE_WS_URL: config.BINANCE_WS_URL ?? url ?? BINANCE_WS_URL,
    warnings: warning === undefined || config.BINANCE_WS_URL !== undefined ? [] : [warning],
  };
}

function symbolsOf({ SYMBOLS, SYMBOL, SOURCE }: Settings): { variable: string; names: readonly string[] } {
  if (SYMBOLS === undefined && SYMBOL !== undefined) return { variable: 'SYMBOL', names: [SYMBOL] };
  return { variable: 'SYMBOLS', names: SYMBOLS ?? SYMBOLS_DEFAULT[SOURCE] };
}

function replaySpeed() {
  const takes = `max, or a number above 0 up to ${SPEED_MAX}`;
  return z
    .string({ error: takes })
    .default('1')
    .transform((text, context): number | 'max' => {
      if (text === 'max') return 'max';
      const speed = /^\d{1,6}(\.\d{1,6})?$/.test(text) ? Number(text) : 0;
      if (speed > 0 && speed <= SPEED_MAX) return speed;
      context.issues.push({ code: 'custom', message: takes, input: text });
      return z.NEVER;
    });
}

function step() {
  const takes = 'a smallest increment such as 0.01';
  return z.string({ error: takes }).refine(
    (text) => {
      try {
        return Scale.ofStep(text) !== undefined;
      } catch {
        return false;
      }
    },
    { error: takes },
  );
}
