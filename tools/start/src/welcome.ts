import { setTimeout as sleep } from 'node:timers/promises';
import { type GatewayPlace, get } from './gateway-place.ts';

const POLL_INTERVAL_MS = 200;
const ANSWER_TIMEOUT_MS = 2_000;
const COMPLAIN_EVERY_MS = 15_000;

/**
 * Waits until every app is ready; until then says now and then which are not, and why.
 *
 * @param origins such as `http://127.0.0.1:8081`
 * @returns false when `signal` came first.
 */
export async function allReady(
  origins: readonly string[],
  say: (message: string) => void,
  signal: AbortSignal,
): Promise<boolean> {
  let complainAtMs = Date.now() + COMPLAIN_EVERY_MS;
  while (!signal.aborted) {
    const waits = (await Promise.all(origins.map(whyNotReady))).filter((why) => why !== undefined);
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

/**
 * What a newcomer types next, with a symbol that is there.
 *
 * @param journalPort of one that answers.
 */
export async function welcome(
  { originOf, certificate }: GatewayPlace,
  ports: readonly number[],
  journalPort: number | undefined,
): Promise<string> {
  const origins = ports.map(originOf);
  const [address = ''] = origins;
  const curl = certificate === undefined ? 'curl' : `curl --cacert '${certificate}'`;
  const { symbol, takesOrders } = await someSymbol(address);
  const order = `'${address}/api/orders?wait=ack' -H 'content-type: application/json' -d '{"symbol":"${symbol}","side":"BUY","qty":1}'`;
  const commands = [
    `${curl} -N '${address}/stream?streams=${symbol}:MBP:10'`,
    `${curl} -N '${address}/api/stream?types=all'`,
    ...(takesOrders ? [`${curl} ${order}`] : []),
    ...(journalPort ? [`${curl} '${address}/api/history/updates?symbol=${symbol}&limit=5'`] : []),
  ];
  return `
  Depthcast is up. In another terminal:

${commands.map((command) => `    ${command}`).join('\n')}

  Gateways: ${origins.join('  ')}${journalPort ? `\n  Journal: http://127.0.0.1:${journalPort}` : ''}
  Ctrl-C stops everything.
`;
}

/** A welcome is worth no failure: where the gateway does not say, the simulator's best known. */
async function someSymbol(address: string): Promise<{ symbol: string; takesOrders: boolean }> {
  const details = await get(`${address}/symbols`, ANSWER_TIMEOUT_MS)
    .then(({ text }) => (JSON.parse(text) as { details?: SymbolDetail[] }).details ?? [])
    .catch(() => []);
  // The first of the simulator's by name, ADAUSD, is not the one that people expect.
  const shown = details.find(({ symbol }) => symbol.startsWith('BTC')) ?? details[0];
  return { symbol: shown?.symbol ?? 'BTCUSD', takesOrders: shown?.data_types.includes('MBO') ?? false };
}

async function whyNotReady(origin: string): Promise<string | undefined> {
  const name = origin.slice(origin.lastIndexOf(':'));
  try {
    const { isOk, text } = await get(`${origin}/ready`, ANSWER_TIMEOUT_MS);
    return isOk ? undefined : `${name} ${text}`;
  } catch {
    return `${name} does not answer`;
  }
}
