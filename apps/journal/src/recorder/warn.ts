import { nowAndThen } from '@depthcast/ops';
import type { Logger } from 'pino';

const EVERY_MS = 10_000;

/** Warns of what may come again and again: one line of a kind in a while tells as much. */
export type Warn = (kind: string, fields: object, message: string) => void;

export function warnNowAndThen(logger: Logger): Warn {
  const byKind = new Map<string, (fields: object, message: string) => void>();
  return (kind, fields, message) => {
    let warn = byKind.get(kind);
    if (!warn) {
      warn = nowAndThen(EVERY_MS, (said: object, text: string) => logger.warn(said, text));
      byKind.set(kind, warn);
    }
    warn(fields, message);
  };
}
