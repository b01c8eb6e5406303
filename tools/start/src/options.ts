import { accessSync, constants, statSync } from 'node:fs';
import { resolve } from 'node:path';
import { parseArgs } from 'node:util';
import type { Env } from './commands.ts';
import { StartError } from './errors.ts';
import { PORT_MAX } from './ports.ts';

export type Source =
  | { readonly kind: 'simulator' }
  | { readonly kind: 'binance' }
  | { readonly kind: 'replay'; readonly file: string };

export interface StartOptions {
  readonly gateways: number;
  readonly source: Source;
  /** How fast a replay's time runs: 1 as recorded. */
  readonly speed: number | 'max';
  /** Undefined: the source's own choice. */
  readonly symbols: readonly string[] | undefined;
  /** The first gateway's. */
  readonly port: number;
  readonly fresh: boolean;
  readonly watch: boolean;
  readonly jsonLogs: boolean;
}

export const GATEWAYS_MAX = 16;
const SPEED_MAX = 100_000;
const SYMBOLS_MAX = 1_000;
/** The options that take a value. */
const VALUED: ReadonlySet<string> = new Set(['--gateways', '--port', '--source', '--speed', '--symbols']);
const SYMBOL = /^[A-Z0-9][A-Z0-9._-]{0,31}$/;

export const HELP = `Depthcast: finds a Redis and runs ingest, engine, journal and gateways as separate processes.

  npm start -- [options]
  npm run dev -- [options]            the same, built and restarted on every change
  npm start -- --replay FILE          the same, from a recorded capture

  --gateways N        how many gateways, 1 to ${GATEWAYS_MAX} (2)
  --port P            the first gateway's port; gateway k listens on P + k - 1 (WEB_PORT, else 8081)
  --source SOURCE     simulator, binance, or replay:FILE (simulator)
  --speed N|max       how fast a replay runs: 1 as recorded, 10 ten times as fast (1)
  --symbols A,B       which symbols (the source's own choice)
  --fresh             begin with an empty state
  --json-logs         the apps' log lines as they are, JSON
  --help              this

Redis is found in this order: REDIS_URL; redis-server or valkey-server on PATH; a Docker engine; on Debian and Ubuntu
the package, unpacked into a cache folder. State is kept under .depthcast/. Other settings of the apps are taken from
the environment: SIMULATOR_RATE, LOG_LEVEL and so on. The journal stores the history in a file beside that state, or
in JOURNAL_DB_URL (postgres://…), which --fresh leaves alone; CACHE_ENABLED=false runs none.`;

/**
 * Reads the command line.
 *
 * @param cwd what a replay's FILE is relative to.
 * @param env says the port where the options do not: WEB_PORT (BBO seed).
 * @returns 'help' when that was asked for.
 * @throws StartError `CONFIG_INVALID` naming the option, what came and what is allowed.
 */
export function parseOptions(argv: readonly string[], cwd: string, env: Env = {}): StartOptions | 'help' {
  const { values, positionals } = parse(argv);
  if (values.help) return 'help';

  // `--replay FILE` and `--replay --speed max FILE` both give FILE as a word of its own.
  const replay = values.replay === true;
  if (replay && values.source !== undefined) throw bad('--source', values.source, 'nothing beside --replay');
  if (replay && positionals.length !== 1) throw bad('--replay', positionals.join(' '), 'one FILE, a recorded capture');
  if (!replay && positionals[0] !== undefined)
    throw bad('the command line', positionals[0], 'options only; see --help');
  const source = parseSource(replay ? `replay:${positionals[0]}` : (values.source ?? 'simulator'), cwd);

  const speed = parseSpeed(values.speed ?? '1');
  if (values.speed !== undefined && source.kind !== 'replay') {
    throw bad('--speed', values.speed, 'nothing unless the source is replay:FILE');
  }
  const gateways = wholeNumber('--gateways', values.gateways ?? '2', 1, GATEWAYS_MAX);
  return {
    gateways,
    source,
    speed,
    symbols: values.symbols === undefined ? undefined : parseSymbols(values.symbols),
    port: parsePort(values.port, env.WEB_PORT, PORT_MAX - gateways + 1),
    fresh: values.fresh === true,
    watch: values.watch === true,
    jsonLogs: values['json-logs'] === true,
  };
}

function parse(argv: readonly string[]) {
  const args = joinDashedValues(argv);
  try {
    return parseArgs({
      args,
      allowPositionals: true,
      options: {
        gateways: { type: 'string' },
        port: { type: 'string' },
        source: { type: 'string' },
        speed: { type: 'string' },
        symbols: { type: 'string' },
        fresh: { type: 'boolean' },
        watch: { type: 'boolean' },
        replay: { type: 'boolean' },
        'json-logs': { type: 'boolean' },
        help: { type: 'boolean', short: 'h' },
      },
    });
  } catch (error) {
    // Its messages name the option; what follows the first sentence is for programmers.
    const [message] = (error as Error).message.split(/\. |\n/);
    throw new StartError('CONFIG_INVALID', `${message}. npm start -- --help lists the options`, { cause: error });
  }
}

/**
 * parseArgs calls `--port -1` ambiguous and says nothing of what --port takes: written `--port=-1`, the value comes
 * through to be refused like any other.
 */
function joinDashedValues(argv: readonly string[]): string[] {
  const args: string[] = [];
  for (let i = 0; i < argv.length; i++) {
    const word = argv[i] ?? '';
    const next = argv[i + 1] ?? '';
    if (word === '--') return [...args, ...argv.slice(i)];
    if (!VALUED.has(word) || !next.startsWith('-')) {
      args.push(word);
    } else if (next.startsWith('--')) {
      throw bad(word, next, 'a value of its own. npm start -- --help lists the options');
    } else {
      args.push(`${word}=${next}`);
      i++;
    }
  }
  return args;
}

function parseSource(text: string, cwd: string): Source {
  if (text === 'simulator' || text === 'binance') return { kind: text };
  const name = /^replay:(.+)$/.exec(text)?.[1];
  if (name === undefined) throw bad('--source', text, 'simulator, binance or replay:FILE');
  const file = resolve(cwd, name);
  try {
    accessSync(file, constants.R_OK);
    if (!statSync(file).isFile()) throw new Error('not a file');
  } catch (error) {
    throw new StartError('CONFIG_INVALID', `the replay's FILE: got ${file}, takes a file that can be read`, {
      cause: error,
    });
  }
  return { kind: 'replay', file };
}

function parsePort(option: string | undefined, variable: string | undefined, max: number): number {
  if (option === undefined && variable) return wholeNumber('WEB_PORT', variable.trim(), 1, max);
  return wholeNumber('--port', option ?? '8081', 1, max);
}

function parseSpeed(text: string): number | 'max' {
  if (text === 'max') return 'max';
  const speed = /^\d+(\.\d+)?$/.test(text) ? Number(text) : 0;
  if (!(speed > 0 && speed <= SPEED_MAX)) throw bad('--speed', text, `max, or a number above 0 up to ${SPEED_MAX}`);
  return speed;
}

function parseSymbols(text: string): string[] {
  const symbols = text.split(',').map((symbol) => symbol.trim().replaceAll('/', '').toUpperCase());
  if (symbols.length > SYMBOLS_MAX || !symbols.every((symbol) => SYMBOL.test(symbol))) {
    throw bad('--symbols', text, `symbols divided by commas, such as BTCUSD,ETHUSD; at most ${SYMBOLS_MAX}`);
  }
  return [...new Set(symbols)];
}

function wholeNumber(option: string, text: string, min: number, max: number): number {
  const value = /^\d{1,9}$/.test(text) ? Number(text) : Number.NaN;
  if (!(value >= min && value <= max)) throw bad(option, text, `a whole number from ${min} to ${max}`);
  return value;
}

function bad(option: string, got: string, takes: string): StartError {
  return new StartError(
    'CONFIG_INVALID',
    `${option}: got ${got === '' ? 'nothing' : JSON.stringify(got)}, takes ${takes}`,
  );
}
