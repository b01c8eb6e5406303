import type { MarketSymbol } from './market-symbol.ts';

const STREAMS_PER_CONNECTION_MAX = 1_024;
/** Front ends refuse request lines beyond some 8 KiB. */
const PATH_CHARS_MAX = 7_000;
const CHANNELS = ['depth@100ms', 'bookTicker', 'trade'] as const;

/** What one connection carries. */
export interface ConnectionPlan {
  readonly url: string;
  readonly markets: readonly MarketSymbol[];
}

/** Divides the symbols over as few combined-stream connections as the venue's limits allow. */
export function planConnections(baseUrl: string, markets: readonly MarketSymbol[]): ConnectionPlan[] {
  const plans: { names: string[]; markets: MarketSymbol[]; chars: number }[] = [];
  for (const market of markets) {
    const names = CHANNELS.map((channel) => `${market.venueSymbol.toLowerCase()}@${channel}`);
    const chars = names.join('/').length + 1;
    const open = plans.at(-1);
    if (
      open &&
      open.names.length + names.length <= STREAMS_PER_CONNECTION_MAX &&
      open.chars + chars <= PATH_CHARS_MAX
    ) {
      open.names.push(...names);
      open.markets.push(market);
      open.chars += chars;
    } else plans.push({ names, markets: [market], chars });
  }
  const base = baseUrl.replace(/\/+$/, '');
  return plans.map((plan) => ({ url: `${base}/stream?streams=${plan.names.join('/')}`, markets: plan.markets }));
}
