import { pino } from 'pino';
import { maskSecrets } from './secrets.ts';

/** Fields that are never written, at the top of a line or one object down. */
const REDACTED = ['password', 'secret', 'token', 'authorization', 'cookie', 'apiKey', 'signature'];

const STDOUT = 1;

/**
 * JSON lines on stdout: `{"level":"info","time":"2026-11-20T10:00:00.000Z","app":"engine","pid":7,"msg":"listening"}`.
 * Writing is synchronous, so that the last line before an exit is never lost; hot paths do not log.
 */
export function createLogger(app: string, level: string): pino.Logger {
  const options: pino.LoggerOptions = {
    level,
    base: { app, pid: process.pid },
    timestamp: pino.stdTimeFunctions.isoTime,
    formatters: { level: (label) => ({ level: label }) },
    redact: { paths: [...REDACTED, ...REDACTED.map((field) => `*.${field}`)], censor: '***' },
    // Errors of drivers quote the URL they were given, wherever in the line that lands.
    hooks: { streamWrite: maskSecrets },
  };
  // Pino's own default hands the bytes to another thread, and an exit overtakes it.
  return pino(options, pino.destination({ dest: STDOUT, sync: true }));
}
