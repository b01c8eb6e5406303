import { parseArgs } from 'node:util';

export interface Options {
  readonly json: boolean;
  readonly names: readonly string[];
}

/** What the user typed cannot be done; the message is all that is needed. */
export class UsageError extends Error {}

export const USAGE = `npm run bench -- [NAME…] [--json]

  NAME    runs these only; without, all but the long ones
  --json  prints an array of {name, value, unit, reference, referenceValue, ratio} and nothing else`;

/** @throws UsageError naming what was not understood and what there is. */
export function parseOptions(
  args: readonly string[],
  known: readonly string[],
  long: readonly string[],
): Options | 'help' {
  let parsed: { values: { json?: boolean; help?: boolean }; positionals: string[] };
  try {
    parsed = parseArgs({
      args: [...args],
      allowPositionals: true,
      options: { json: { type: 'boolean' }, help: { type: 'boolean', short: 'h' } },
    });
  } catch (error) {
    throw new UsageError(`${(error as Error).message}\n\n${USAGE}`);
  }
  if (parsed.values.help) return 'help';
  const unknown = parsed.positionals.filter((name) => !known.includes(name) && !long.includes(name));
  if (unknown.length > 0) {
    const all = [...known, ...long.map((name) => `${name} (long)`)].join('\n  ');
    throw new UsageError(`no bench is named ${unknown.join(', ')}; there are:\n  ${all}`);
  }
  return { json: parsed.values.json ?? false, names: parsed.positionals.length > 0 ? parsed.positionals : known };
}
