import { settings } from '@depthcast/ops';
import { z } from 'zod';
import type { ReconnectPolicy } from './venues/binance/transport.ts';

const BACKOFF_SECONDS_MAX = 300;
const BACKOFF_CAP_MS = 30_000;
const MS_PER_SECOND = 1_000;
/** USD-M futures have moved from it: it connects, acknowledges every subscription, and stays silent. */
const RETIRED_URL = 'wss://fstream.binance.com';
/** What the seed's clients appended themselves; the streams' path is ours to append. */
const STREAM_PATH = /\/+(?:ws|stream)?\/*$/;

/**
 * The BBO seed's variables for its source. What they come to here is said in this file alone; docs/SETTINGS.md lists
 * where that is something else than the seed says.
 */
export const seedSettings = {
  /** Where SYMBOLS names none. */
  SYMBOL: z
    .string()
    .regex(/^[^,\s]+$/, 'one symbol such as btcusdt; SYMBOLS takes several')
    .optional(),
  /** Where BINANCE_WS_URL says nothing. */
  WEBSOCKET_BASE_URL: settings.url(['ws', 'wss']).optional(),
  AUTO_RECONNECT: settings.boolean(true),
  /** Retries in a row after which they are as far apart as they get. */
  MAX_RETRIES: settings.integer({ min: 0, max: 1_000_000, default: 10, unit: 'retries' }),
  INITIAL_BACKOFF: seconds('1'),
  /** From this retry on each waits up to twice as long as the one before. */
  EXTENDED_BACKOFF_THRESHOLD: settings.integer({ min: 1, max: 1_000, default: 3, unit: 'retries' }),
};

const seedSchema = z.object(seedSettings);
export type SeedSettings = z.output<typeof seedSchema>;

/** How a lost connection to the venue is made again. */
export function reconnectPolicy(config: SeedSettings): ReconnectPolicy {
  const baseMs = config.INITIAL_BACKOFF * MS_PER_SECOND;
  return {
    auto: config.AUTO_RECONNECT,
    retriesMax: config.MAX_RETRIES,
    backoff: { baseMs, capMs: Math.max(BACKOFF_CAP_MS, baseMs), growsFrom: config.EXTENDED_BACKOFF_THRESHOLD },
  };
}

/** The address that WEBSOCKET_BASE_URL comes to, `undefined`: the default; and what an operator should hear of it. */
export function venueUrl(
  { WEBSOCKET_BASE_URL: given }: SeedSettings,
  successor: string,
): { readonly url: string | undefined; readonly warning?: string } {
  if (given === undefined) return { url: undefined };
  const url = given.replace(STREAM_PATH, '');
  if (url !== RETIRED_URL) return { url };
  const warning = `WEBSOCKET_BASE_URL: got ${JSON.stringify(given)}, which is silent since Binance retired it: taking ${successor}`;
  return { url: undefined, warning };
}

function seconds(defaultText: string) {
  const takes = `seconds, above 0 up to ${BACKOFF_SECONDS_MAX}`;
  return z
    .string({ error: takes })
    .default(defaultText)
    .transform((text, context): number => {
      const value = /^\d{1,6}(\.\d{1,6})?$/.test(text.trim()) ? Number(text) : 0;
      if (value > 0 && value <= BACKOFF_SECONDS_MAX) return value;
      context.issues.push({ code: 'custom', message: takes, input: text });
      return z.NEVER;
    });
}
