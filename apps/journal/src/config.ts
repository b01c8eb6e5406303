import {
  isLoopback,
  listeningOptions,
  loadConfig,
  logSettings,
  type Source,
  settings,
  withDebug,
} from '@depthcast/ops';
import { DepthcastError } from '@depthcast/protocol';
import { z } from 'zod';
import type { RetentionPolicy } from './stores/journal-store.ts';

const MIB = 1024 * 1024;
const HOURS_MAX = 1_000_000;
const HOUR_MS = 3_600_000;
const PATH_CHARS_MAX = 4_096;
const TOKEN_CHARS_MIN = 32;

const path = z.string({ error: 'the path of a file or folder' }).trim().min(1).max(PATH_CHARS_MAX);

const schema = z.object({
  REDIS_URL: settings.redisUrl('redis://127.0.0.1:6379'),
  PARTITIONS: settings.partitions(),
  JOURNAL_ADDR: settings.addr('127.0.0.1:8090'),
  /** What gateways and tools show to be answered: the history holds what belongs to accounts. */
  JOURNAL_TOKEN: z.string().min(TOKEN_CHARS_MIN, `at least ${TOKEN_CHARS_MIN} characters`).optional(),
  /** Without a token, lets others than this machine ask. */
  ALLOW_INSECURE: settings.boolean(false),
  ...logSettings,
  /** Without it the events go into a DuckDB file. */
  JOURNAL_DB_URL: settings.url(['postgres', 'postgresql']).optional(),
  JOURNAL_FILE: path.default('.depthcast/journal.duckdb'),
  /** The folder of that file, in place of its own. BBO seed. */
  CACHE_DIR: path.optional(),
  /** False: DuckDB in memory, which is gone with the process. BBO seed. */
  CACHE_PERSIST: settings.boolean(true),
  /** What DuckDB may hold in memory, the process's own not among it. Unset: 256 MiB; without a file, 512 MiB. */
  JOURNAL_MEMORY_BYTES_MAX: settings.integer({ min: 128 * MIB, max: 1024 * 1024 * MIB, unit: 'bytes' }).optional(),
  /** How much of what is stored already stays in Redis, for gateways: of all partitions together. */
  WINDOW_BYTES: settings.integer({ min: MIB, max: 1024 * 1024 * MIB, default: 128 * MIB, unit: 'bytes' }),
  /** Events older than that, by event time, go. 0: none does. */
  RETENTION_HOURS: settings.integer({ min: 0, max: HOURS_MAX, default: 0, unit: 'hours' }),
  /** The database's size beyond which the oldest events go. 0: no bound. */
  JOURNAL_BYTES_MAX: settings.integer({ min: 0, max: 1024 * 1024 * 1024 * MIB, default: 0, unit: 'bytes' }),
  /** BBO updates kept of each symbol. BBO seed. */
  CACHE_MAX_ITEMS: settings.integer({ min: 1, max: 1_000_000_000_000, default: 1_000_000, unit: 'updates' }),
  /** How often what is beyond these bounds is dropped. BBO seed. */
  CACHE_CLEANUP_HOURS: settings.integer({ min: 1, max: 24 * 7, default: 6, unit: 'hours' }),
});

export type JournalConfig = z.output<typeof schema>;

export const USAGE = `Usage: journal [options]

  -a, --addr HOST:PORT    where to listen (JOURNAL_ADDR, default 127.0.0.1:8090)
  -l, --log-level LEVEL   fatal, error, warn, info, debug, trace or silent (LOG_LEVEL, default info)
  -h, --help              this text

Environment:
  REDIS_URL               redis://, rediss:// or redis+cluster:// (default redis://127.0.0.1:6379)
  PARTITIONS              how many partitions there are, the same for every app on one Redis (default 1)
  LOG_TO_FILE             true: the log into files too (default false) ...
  LOG_DIR                 ... of this folder (default logs)
  JOURNAL_TOKEN           what gateways and tools show to be answered, the same there; needed beyond loopback
  ALLOW_INSECURE          true: beyond loopback without a token (default false)
  JOURNAL_DB_URL          postgres://USER:PASSWORD@HOST:PORT/DATABASE; without it, a DuckDB file
  JOURNAL_FILE            that file (default .depthcast/journal.duckdb)
  CACHE_DIR               its folder, in place of its own
  CACHE_PERSIST           false: DuckDB in memory (default true)
  JOURNAL_MEMORY_BYTES_MAX
                          what DuckDB may hold in memory (default ${256 * MIB}, in memory ${512 * MIB})
  WINDOW_BYTES            how much of what is stored stays in Redis, of all partitions together, for gateways
                          (default ${128 * MIB})
  RETENTION_HOURS         older events go, 0: none does (default 0)
  JOURNAL_BYTES_MAX       the database's size beyond which the oldest go, 0: no bound (default 0)
  CACHE_MAX_ITEMS         BBO updates kept of each symbol (default 1000000)
  CACHE_CLEANUP_HOURS     hours between two times that this is looked after (default 6)
  SHUTDOWN_MS             how long a shutdown may take (default 10000)
  STOP_ON_STDIN_END       true: stop when stdin ends (default false)

Nothing that is not stored yet is trimmed from the log, from the journal's first start on. One that is taken out of
service for good leaves that to the engine again: redis-cli DEL 'depthcast:{0}:watermark', and so for each partition
`;

/**
 * Reads the settings: options over the environment.
 *
 * @returns `undefined` when help was asked for.
 * @throws DepthcastError `CONFIG_INVALID` naming the variables, what they got and what they take.
 */
export function readConfig(args: readonly string[], env: Source): JournalConfig | undefined {
  const { addr, 'log-level': logLevel, help } = listeningOptions(args);
  if (help) return undefined;
  const config = loadConfig(schema, {
    ...withDebug(env),
    ...(addr === undefined ? {} : { JOURNAL_ADDR: addr }),
    ...(logLevel === undefined ? {} : { LOG_LEVEL: logLevel }),
  });
  const { JOURNAL_ADDR, JOURNAL_TOKEN, ALLOW_INSECURE } = config;
  if (JOURNAL_TOKEN === undefined && !ALLOW_INSECURE && !isLoopback(JOURNAL_ADDR.host)) {
    throw new DepthcastError(
      'CONFIG_INVALID',
      `JOURNAL_ADDR: got ${JSON.stringify(JOURNAL_ADDR.host)} without JOURNAL_TOKEN, where anybody could read every account's history: takes an address of this machine alone (127.0.0.1), or JOURNAL_TOKEN, or ALLOW_INSECURE=true if nobody else can reach it`,
    );
  }
  return config;
}

/** What the database is kept to. */
export function retentionOf(config: JournalConfig): RetentionPolicy {
  const { RETENTION_HOURS: hours, JOURNAL_BYTES_MAX: bytesMax, CACHE_MAX_ITEMS: bboItemsMax } = config;
  return {
    ...(hours === 0 ? {} : { ageMsMax: hours * HOUR_MS }),
    ...(bytesMax === 0 ? {} : { bytesMax }),
    bboItemsMax,
  };
}
