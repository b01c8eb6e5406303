import { scripts } from '@depthcast/log';
import { Random } from './random.ts';
import type { Omissions } from './redis/simulated-redis.ts';

/** A protection that can be taken away, to show that the simulation notices. */
export interface Break {
  /** What is missing then. */
  readonly what: string;
  /** Anew for each run: it may count. */
  readonly omissions: (seed: number) => Omissions;
}

const without =
  (...checks: readonly string[]) =>
  () =>
    new Set(checks);

/** Every check that a script names. */
function checksOf(name: string): string[] {
  const lua = scripts.get(name)?.lua ?? '';
  return [...lua.matchAll(/-- check: (\S+)/g)].map(([, check]) => `${name}/${check}`);
}

/** What the crc alone stands in for: without these and with it, nothing is missed. */
export const BESIDE_THE_CRC = ['append/offset', 'append/last-id'] as const;

/** The n-th append is answered as if it had been carried out, and the tip moves; its entries are nowhere. */
function dropOneAppend(seed: number): Omissions {
  let left = new Random(seed, 'drop').int(20, 400);
  return { has: (check) => check === 'append/entries' && --left === 0 };
}

export const BREAKS: Readonly<Record<string, Break>> = {
  fence: {
    what: 'append.lua and repair.lua check nothing: whoever comes may write',
    omissions: without(...checksOf('append'), ...checksOf('repair')),
  },
  term: {
    what: 'a takeover leaves no mark in the tip: neither a new term nor its name',
    omissions: without('claim/term'),
  },
  crc: {
    what: 'append.lua compares no crcs, nor offsets and ids: either is enough to know where a batch belongs',
    omissions: without('append/crc', ...BESIDE_THE_CRC),
  },
  'run-id': {
    what: 'no script asks which Redis process it is in: none is ever another',
    omissions: without('append/run-id', 'snapshot/run-id', 'claim/run-id'),
  },
  resend: {
    what: 'producers are not told that Redis is another process, and send nothing again',
    omissions: without('produce/replaced'),
  },
  repair: {
    what: 'a repair moves the tip without appending what is missing',
    omissions: without('repair/entries'),
  },
  drop: { what: 'one append is answered and never written', omissions: dropOneAppend },
};
