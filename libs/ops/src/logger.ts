import { pino } from 'pino';
import { openLogFile } from './log-file.ts';
import { maskSecrets } from './secrets.ts';
import { type Addr, settings } from './settings.ts';

/** Fields that are never written, at the top of a line or one object down. */
const REDACTED = ['password', 'secret', 'token', 'ticket', 'authorization', 'cookie', 'apiKey', 'signature'];
/** The same of a request, two down. */
const REQUESTS = ['*.headers.authorization', '*.headers.cookie'];

const STDOUT = 1;
/** Between two lines that tell of a log file that cannot be written. */
const FILE_FAILED_LOG_MS = 60_000;

/** What every app reads of its log. LOG_TO_FILE and LOG_DIR are of the BBO seed. */
export const logSettings = {
  LOG_LEVEL: settings.logLevel(),
  /** Into files as well, which are rotated. */
  LOG_TO_FILE: settings.boolean(false),
  LOG_DIR: settings.path('logs'),
} as const;

export interface LogConfig {
  readonly LOG_LEVEL: string;
  readonly LOG_TO_FILE: boolean;
  readonly LOG_DIR: string;
}

/**
 * JSON lines on stdout: `{"level":"info","time":"2026-11-20T10:00:00.000Z","app":"engine","pid":7,"msg":"listening"}`.
 * Writing is synchronous, so that the last line before an exit is never lost; hot paths do not log.
 *
 * @param destination in the place of stdout.
 */
export function createLogger(app: string, level: string, destination?: pino.DestinationStream): pino.Logger {
  const options: pino.LoggerOptions = {
    level,
    base: { app, pid: process.pid },
    timestamp: pino.stdTimeFunctions.isoTime,
    formatters: { level: (label) => ({ level: label }) },
    redact: { paths: [...REDACTED, ...REDACTED.map((field) => `*.${field}`), ...REQUESTS], censor: '***' },
    // Errors of drivers quote the URL they were given, wherever in the line that lands.
    hooks: { streamWrite: maskSecrets },
  };
  return pino(options, destination ?? stdout());
}

/**
 * The logger that an app's settings ask for: stdout, and a file beside it when LOG_TO_FILE is set.
 *
 * @param addr tells apps of one kind on one machine apart: `gateway-8081.2026-11-20.1.log`.
 * @throws DepthcastError `CONFIG_INVALID` when LOG_DIR cannot be written.
 */
export async function openLogger(app: string, config: LogConfig, addr: Addr): Promise<pino.Logger> {
  if (!config.LOG_TO_FILE) return createLogger(app, config.LOG_LEVEL);
  const screen = stdout();
  let failedMs = Number.NEGATIVE_INFINITY;
  const file = await openLogFile(config.LOG_DIR, addr.port === 0 ? app : `${app}-${addr.port}`, (error) => {
    if (performance.now() - failedMs < FILE_FAILED_LOG_MS) return;
    failedMs = performance.now();
    createLogger(app, config.LOG_LEVEL, screen).error({ err: error }, 'the log file cannot be written');
  });
  return createLogger(app, config.LOG_LEVEL, {
    write: (line) => {
      screen.write(line);
      file.write(line);
    },
  });
}

/** Pino's own default hands the bytes to another thread, and an exit overtakes it. */
function stdout(): pino.DestinationStream {
  return pino.destination({ dest: STDOUT, sync: true });
}
