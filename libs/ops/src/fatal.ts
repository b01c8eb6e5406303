import { DepthcastError } from '@depthcast/protocol';
import type { Logger } from 'pino';
import { createLogger } from './logger.ts';

const EXIT_UNKNOWN = 1;

/** Logs one line with the error's code and ends the process with its exit code (1 where it has none). */
export function fatal(logger: Logger, error: unknown): never {
  const known = error instanceof DepthcastError;
  const exit = known ? error.exit : EXIT_UNKNOWN;
  const message = error instanceof Error ? error.message : String(error);
  // A named error explains itself: its stack would only bury the message.
  logger.fatal(known ? { code: error.code, exit } : { err: error, exit }, message);
  process.exit(exit);
}

/** Runs an app's main; whatever it throws, bad configuration above all, ends the process with one line. */
export async function runMain(app: string, main: () => Promise<unknown>): Promise<void> {
  try {
    await main();
  } catch (error) {
    fatal(createLogger(app, 'info'), error);
  }
}

/** An error that nobody handled leaves unknown state behind: end at once, let the supervisor start afresh. */
export function dieOfUnhandled(logger: Logger): void {
  process.on('uncaughtException', (error) => fatal(logger, error));
  process.on('unhandledRejection', (reason) => fatal(logger, reason));
}
