export interface BackoffOptions {
  readonly baseMs: number;
  readonly capMs: number;
  /** From which retry on the wait doubles each time: 1, unless it is said. */
  readonly growsFrom?: number;
  /** In [0, 1). */
  readonly random?: () => number;
}

/**
 * Exponential backoff with full jitter: anything from 0 to `baseMs`, doubled for each retry from `growsFrom` on, at most
 * `capMs`. Full, so that a thousand clients that lost the same server do not come back as one.
 *
 * @param attempt 0 for the first retry.
 */
export function backoffMs(attempt: number, options: BackoffOptions): number {
  const doublings = Math.max(0, attempt + 1 - (options.growsFrom ?? 1));
  const ceilingMs = Math.min(options.capMs, options.baseMs * 2 ** Math.min(doublings, 30));
  return Math.round((options.random ?? Math.random)() * ceilingMs);
}
