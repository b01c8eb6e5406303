import { BREAKS } from './breaks.ts';

export interface Arguments {
  readonly firstSeed: number;
  readonly seeds: number;
  readonly breakName: string | undefined;
  readonly losesTakeovers: boolean;
  /** Every step of the run is shown. */
  readonly isVerbose: boolean;
}

export const USAGE = `npm run simulate -- [--seeds N] [--from SEED] [--seed SEED] [--break NAME] [--lose-takeovers]

  --seeds N      so many seeds, one after the other (100)
  --from SEED    beginning with this one (1)
  --seed SEED    this one alone, and every step of it is shown
  --break NAME   without one protection: seeds are run until one shows that it is missed
                 ${Object.entries(BREAKS)
                   .map(([name, { what }]) => `${name.padEnd(8)} ${what}`)
                   .join('\n                 ')}
  --lose-takeovers
                 failovers may also lose a takeover while the engine before it lives, which is not survived

Exit code 0: what was to be shown was shown. 1: a violation, or with --break none. 2: called wrongly.`;

/** @throws Error naming the argument. */
export function parseArguments(args: readonly string[]): Arguments {
  let seeds: number | undefined;
  let from = 1;
  let only: number | undefined;
  let breakName: string | undefined;
  const losesTakeovers = args.includes('--lose-takeovers');
  const rest = args.filter((arg) => arg !== '--lose-takeovers');
  for (let i = 0; i < rest.length; i += 2) {
    const [name, value] = [rest[i], rest[i + 1]];
    if (name === '--seeds') seeds = whole(name, value);
    else if (name === '--from') from = whole(name, value);
    else if (name === '--seed') only = whole(name, value);
    else if (name === '--break' && value !== undefined && Object.hasOwn(BREAKS, value)) breakName = value;
    else if (name === '--break') throw new Error(`--break ${value ?? ''}: there are ${Object.keys(BREAKS).join(', ')}`);
    else throw new Error(`${name}: no such argument`);
  }
  if (only !== undefined) return { firstSeed: only, seeds: 1, breakName, losesTakeovers, isVerbose: true };
  return { firstSeed: from, seeds: seeds ?? (breakName ? 1_000 : 100), breakName, losesTakeovers, isVerbose: false };
}

function whole(name: string, value: string | undefined): number {
  if (value === undefined || !/^\d{1,15}$/.test(value))
    throw new Error(`${name} ${value ?? ''}: a whole number is needed`);
  return Number(value);
}
