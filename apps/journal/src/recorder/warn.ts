import type { Logger } from 'pino';

const EVERY_MS = 10_000;

/** Warns of what may come again and again: one line of a kind in a while tells as much. */
export type Warn = (kind: string, fields: object, message: string) => void;

export function warnNowAndThen(logger: Logger): Warn {
  const warnedMs = new Map<string, number>();
  return (kind, fields, message) => {
    const nowMs = performance.now();
    if (nowMs - (warnedMs.get(kind) ?? Number.NEGATIVE_INFINITY) < EVERY_MS) return;
    warnedMs.set(kind, nowMs);
    logger.warn(fields, message);
  };
}
