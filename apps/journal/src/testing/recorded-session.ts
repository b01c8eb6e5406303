import { inputsOf, LEVELS, type Step } from './market-inputs.ts';
import { MemoryHistory } from './memory-history.ts';
import { type LiveMarket, RecordedMarket } from './recorded-market.ts';

export const ROUNDS = 400;
export const SECONDS = 3;

const LIST: Step[] = Array.from({ length: ROUNDS }, (_, n): Step[] => {
  const side = n % 2 ? 'BUY' : 'SELL';
  const account = n % 4 ? undefined : 'alice';
  return [
    { do: 'diff', bids: [[`9.${n % 9}`, `${(n % 7) + 1}.0`]], asks: [[`10.${(n % 4) + 5}`, `${(n % 5) + 1}.5`]] },
    { do: 'trade', qty: `${(n % 3) + 1}.0`, price: `10.${n % 5}`, side },
    { do: 'order', id: n % 25, account, side, qty: '1.0', price: '10.0' },
    { do: 'wait', seconds: SECONDS },
  ];
}).flat();

/** 20 minutes of two symbols, {@link ROUNDS} rounds of {@link SECONDS}, always the same. */
export function recordedSession(live: LiveMarket) {
  const history = new MemoryHistory();
  const market = new RecordedMarket(history, live);
  for (const input of inputsOf(LIST)) market.apply(input);
  const of = (wanted: string) => history.rows.filter(({ type, symbol }) => type === wanted && symbol === LEVELS);
  return { history, market, bbos: of('bbo'), trades: of('trade') };
}
