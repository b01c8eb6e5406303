import { type ParseArgsConfig, parseArgs } from 'node:util';
import { DepthcastError } from '@depthcast/protocol';

const HELP = { help: { type: 'boolean', short: 'h' } } as const;
const LISTENING = {
  addr: { type: 'string', short: 'a' },
  'log-level': { type: 'string', short: 'l' },
  ...HELP,
} as const;

/**
 * Of an app whose settings all stand in the environment.
 *
 * @throws DepthcastError `CONFIG_INVALID` for any other option.
 */
export function asksForHelp(args: readonly string[]): boolean {
  return parse(args, HELP).help === true;
}

/**
 * `--addr`, `--log-level` and `--help`, of an app that clients connect to.
 *
 * @throws DepthcastError `CONFIG_INVALID` for any other option.
 */
export function listeningOptions(args: readonly string[]) {
  return parse(args, LISTENING);
}

function parse<const T extends NonNullable<ParseArgsConfig['options']>>(args: readonly string[], options: T) {
  try {
    return parseArgs({ args: [...args], options }).values;
  } catch (error) {
    throw new DepthcastError('CONFIG_INVALID', `${(error as Error).message} (see --help)`, { cause: error });
  }
}
