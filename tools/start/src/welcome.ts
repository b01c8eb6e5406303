import { setTimeout as sleep } from 'node:timers/promises';
import type { StartOptions } from './options.ts';

const POLL_INTERVAL_MS = 200;
const ANSWER_TIMEOUT_MS = 2_000;
const COMPLAIN_EVERY_MS = 15_000;

/**
 * Waits until every gateway is ready; until then says now and then which are not, and why.
 *
 * @returns false when `signal` came first.
 */
export async function allReady(
  ports: readonly number[],
  say: (message: string) => void,
  signal: AbortSignal,
): Promise<boolean> {
  let complainAtMs = Date.now() + COMPLAIN_EVERY_MS;
  while (!signal.aborted) {
    const waits = (await Promise.all(ports.map(whyNotReady))).filter((why) => why !== undefined);
    if (waits.length === 0) return true;
    if (Date.now() > complainAtMs) {
      say(`still waiting: ${waits.join('; ')}`);
      complainAtMs = Date.now() + COMPLAIN_EVERY_MS;
    }
    await sleep(POLL_INTERVAL_MS, undefined, { signal }).catch(() => {});
  }
  return false;
}

/** What a newcomer types next. */
export function welcome(options: StartOptions, ports: readonly number[]): string {
  const [port] = ports;
  const symbol = options.symbols?.[0] ?? (options.source.kind === 'simulator' ? 'BTCUSD' : 'BTCUSDT');
  return `
  Depthcast is up. In another terminal:

    curl -N 'http://127.0.0.1:${port}/stream?streams=${symbol}:MBP:10'
    curl -N 'http://127.0.0.1:${port}/api/stream?types=all'

  Gateways: ${ports.map((p) => `http://127.0.0.1:${p}`).join('  ')}
  Ctrl-C stops everything.
`;
}

async function whyNotReady(port: number): Promise<string | undefined> {
  try {
    const response = await fetch(`http://127.0.0.1:${port}/ready`, { signal: AbortSignal.timeout(ANSWER_TIMEOUT_MS) });
    const text = await response.text();
    return response.ok ? undefined : `:${port} ${text}`;
  } catch {
    return `:${port} does not answer`;
  }
}
