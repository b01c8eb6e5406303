import { setTimeout as sleep } from 'node:timers/promises';

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

interface SymbolDetail {
  readonly symbol: string;
  readonly data_types: readonly string[];
}

/** What a newcomer types next, with a symbol that is there. */
export async function welcome(ports: readonly number[]): Promise<string> {
  const [port] = ports;
  const address = `http://127.0.0.1:${port}`;
  const { symbol, takesOrders } = await someSymbol(address);
  const order = `'${address}/api/orders?wait=ack' -H 'content-type: application/json' -d '{"symbol":"${symbol}","side":"BUY","qty":1}'`;
  return `
  Depthcast is up. In another terminal:

    curl -N '${address}/stream?streams=${symbol}:MBP:10'
    curl -N '${address}/api/stream?types=all'${takesOrders ? `\n    curl ${order}` : ''}

  Gateways: ${ports.map((p) => `http://127.0.0.1:${p}`).join('  ')}
  Ctrl-C stops everything.
`;
}

/** A welcome is worth no failure: where the gateway does not say, the simulator's best known. */
async function someSymbol(address: string): Promise<{ symbol: string; takesOrders: boolean }> {
  const response = await fetch(`${address}/symbols`, { signal: AbortSignal.timeout(ANSWER_TIMEOUT_MS) }).catch(
    () => undefined,
  );
  const body = (await response?.json().catch(() => undefined)) as { details?: SymbolDetail[] } | undefined;
  const details = body?.details ?? [];
  // The first of the simulator's by name, ADAUSD, is not the one that people expect.
  const shown = details.find(({ symbol }) => symbol.startsWith('BTC')) ?? details[0];
  return { symbol: shown?.symbol ?? 'BTCUSD', takesOrders: shown?.data_types.includes('MBO') ?? false };
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
