import { setTimeout as sleep } from 'node:timers/promises';

const POLL_INTERVAL_MS = 10;

/**
 * Polls until `fn` gives something true, and returns it. What `fn` throws counts as not yet.
 *
 * @throws Error after `timeoutMs`, naming `what` and the last thing `fn` gave or threw.
 */
export async function until<T>(
  fn: () => T | Promise<T>,
  timeoutMs = 10_000,
  what = 'the condition',
): Promise<Exclude<Awaited<T>, false | undefined | null | 0 | ''>> {
  const deadline = Date.now() + timeoutMs;
  for (;;) {
    let last: unknown;
    try {
      last = await fn();
      if (last) return last as Exclude<Awaited<T>, false | undefined | null | 0 | ''>;
    } catch (error) {
      last = error;
    }
    if (Date.now() >= deadline) throw new Error(`${what} did not come true within ${timeoutMs} ms: ${String(last)}`);
    await sleep(POLL_INTERVAL_MS);
  }
}

/** Fails `promise` after `timeoutMs`, naming `what`. */
export async function within<T>(promise: Promise<T>, timeoutMs: number, what: string): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const timeout = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`${what} did not come within ${timeoutMs} ms`)), timeoutMs);
  });
  try {
    return await Promise.race([promise, timeout]);
  } finally {
    clearTimeout(timer);
  }
}
