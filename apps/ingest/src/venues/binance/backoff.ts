export interface BackoffOptions {
  readonly baseMs: number;
  readonly capMs: number;
  /** In [0, 1). */
  readonly random?: () => number;
}

/**
 * Exponential backoff with full jitter: anything from 0 to `baseMs`·2^attempt, at most `capMs`. Full, so that a
 * thousand clients that lost the same server do not come back as one.
 *
 * @param attempt 0 for the first retry.
 */
export function backoffMs(attempt: number, options: BackoffOptions): number {
  const ceilingMs = Math.min(options.capMs, options.baseMs * 2 ** Math.min(attempt, 30));
  return Math.round((options.random ?? Math.random)() * ceilingMs);
}
