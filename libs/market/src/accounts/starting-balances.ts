import { ASSET_PATTERN } from '@depthcast/protocol';
import { AMOUNT_MAX, parseAmount } from './amount.ts';

export const STARTING_ASSETS_MAX = 64;

export interface StartingBalance {
  readonly asset: string;
  readonly amount: bigint;
}

/**
 * What each account begins with, from text such as `USD:10000000,BTC:0.5`; nothing from ''.
 *
 * @throws DepthcastError or Error when it is not a list of at most 64 different assets with plain decimal amounts up to
 *   10^15.
 */
export function startingBalances(text: string): StartingBalance[] {
  if (text === '') return [];
  const balances = text.split(',', STARTING_ASSETS_MAX + 1).map((part) => {
    const [asset = '', amount = '', ...more] = part.split(':', 3);
    if (!ASSET_PATTERN.test(asset) || more.length > 0) throw new Error(`${part} is not ASSET:amount`);
    return { asset, amount: parseAmount(amount, asset) };
  });
  if (balances.length > STARTING_ASSETS_MAX) throw new Error(`more than ${STARTING_ASSETS_MAX} assets`);
  if (balances.some(({ amount }) => amount > AMOUNT_MAX)) throw new Error('an amount is above 10^15');
  if (new Set(balances.map(({ asset }) => asset)).size < balances.length) throw new Error('an asset comes twice');
  return balances;
}
