import { invalid, type Query, single } from '@depthcast/protocol';

export const MAX_RATE_MIN = 1;
export const MAX_RATE_MAX = 100_000;
const WHOLE = /^\d{1,6}$/;

/**
 * `max_rate`: how many messages a second a connection wants at most; `undefined`: as many as there are.
 *
 * @throws DepthcastError `PARAMETER_INVALID`
 */
export function parseMaxRate(query: Query): number | undefined {
  const text = single(query, 'max_rate');
  if (text === undefined) return undefined;
  const rate = WHOLE.test(text.trim()) ? Number(text) : 0;
  if (rate >= MAX_RATE_MIN && rate <= MAX_RATE_MAX) return rate;
  throw invalid('max_rate', text, `messages a second, ${MAX_RATE_MIN} to ${MAX_RATE_MAX}`);
}
