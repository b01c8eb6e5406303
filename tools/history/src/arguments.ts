import { parseArgs } from 'node:util';

/** Called wrongly: exit code 2. */
export class UsageError extends Error {}

export interface VerifyArguments {
  readonly command: 'verify';
  readonly journal: string;
  readonly json: boolean;
}

export interface ExportArguments {
  readonly command: 'export';
  readonly journal: string;
  /** `-` is stdout. */
  readonly out: string;
  /** Parameters of `/api/history/export`. */
  readonly query: Readonly<Record<string, string>>;
}

export interface ReplayArguments {
  readonly command: 'replay';
  readonly gateway: string;
  readonly streams: readonly string[];
  readonly from: string;
  readonly speed: string;
  /** Events are counted and not shown. */
  readonly quiet: boolean;
  /** Goes on when the present is reached. */
  readonly follow: boolean;
}

export type Arguments = VerifyArguments | ExportArguments | ReplayArguments;

const JOURNAL = 'http://127.0.0.1:8090';
const GATEWAY = 'http://127.0.0.1:8081';
const FORMATS = ['csv', 'json', 'parquet'];

export const USAGE: Readonly<Record<Arguments['command'], string>> = {
  verify: `npm run verify -- [options]

Walks all that the journal has stored: every event follows the one before it, every epoch begins where the one before it
ended, and every book comes out as its events' checksums say.

  --journal URL   the journal (JOURNAL_HTTP_URL, ${JOURNAL})
  --json          the verdict as one line of JSON
  -h, --help      this text

JOURNAL_TOKEN is the journal's, where it has one.

Exit code 0: nothing is wrong. 1: something is, or the journal does not answer. 2: called wrongly.`,
  export: `npm run export -- --out FILE [options]

Writes a part of the history to a file, of any length.

  --out FILE        where to; - is stdout
  --format FORMAT   ${FORMATS.join(', ')} (what FILE ends with, else csv)
  --data WHAT       events, updates, trades or candles (events)
  --from TIME       from this time on: milliseconds or ISO 8601, UTC without a zone (all)
  --to TIME         before this time (all)
  --symbols A,B     of these symbols (all)
  --types A,B       of events: of these types (all)
  --account NAME    of events: this account's private ones too
  --interval 1m     of candles: of this interval (all)
  --limit N         so many rows at most (all)
  --journal URL     the journal (JOURNAL_HTTP_URL, ${JOURNAL})
  -h, --help        this text

JOURNAL_TOKEN is the journal's, where it has one.

Exit code 0: the file is whole. 1: it failed, and there is no file. 2: called wrongly.`,
  replay: `npm run replay -- --from TIME [options] [STREAM …]

Plays the past through a gateway, in the very form of the present, and ends when it has come to where the history ended
as it began. A recorded capture is played by: npm start -- --replay FILE

  STREAM          such as BTCUSDT:TRADES or BTCUSDT:MBP:10, of GET /stream; without any: the event log
  --from WHEN     milliseconds, ISO 8601 or a cursor
  --speed N       1 to 1000 times as fast as it was, or max (1)
  --quiet         events are counted and not shown
  --follow        goes on into the present
  --gateway URL   a gateway (GATEWAY_HTTP_URL, ${GATEWAY})
  -h, --help      this text

GATEWAY_TOKEN is shown to gateways that want one.

Exit code 0: played to its end. 1: it was broken off. 2: called wrongly.`,
};

const COMMANDS = Object.keys(USAGE) as Arguments['command'][];
const TEXT = { type: 'string' } as const;
const FLAG = { type: 'boolean' } as const;

/**
 * @returns a string: the help that was asked for.
 * @throws UsageError naming the argument.
 */
export function parseArguments(
  args: readonly string[],
  env: Readonly<Record<string, string | undefined>>,
): Arguments | string {
  const [command, ...rest] = args;
  const known = COMMANDS.find((name) => name === command);
  if (!known) throw new UsageError(`there are the commands ${COMMANDS.join(', ')}`);
  if (rest.includes('--help') || rest.includes('-h')) return USAGE[known];
  const journal = env.JOURNAL_HTTP_URL || JOURNAL;
  switch (known) {
    case 'verify': {
      const { values } = read(rest, { journal: TEXT, json: FLAG }, false);
      return { command: known, journal: url('--journal', values.journal ?? journal), json: values.json ?? false };
    }
    case 'export':
      return exportArguments(rest, journal);
    case 'replay': {
      const options = { from: TEXT, speed: TEXT, quiet: FLAG, follow: FLAG, gateway: TEXT };
      const { values, positionals: streams } = read(rest, options, true);
      const { from, speed = '1', quiet = false, follow = false } = values;
      if (!from) throw new UsageError('--from is missing: a time, or a cursor');
      if (speed !== 'max' && !(/^\d{1,4}$/.test(speed) && Number(speed) >= 1 && Number(speed) <= 1_000)) {
        throw new UsageError(`--speed ${speed}: takes 1 to 1000, or max`);
      }
      const gateway = url('--gateway', values.gateway ?? (env.GATEWAY_HTTP_URL || GATEWAY));
      return { command: known, gateway, streams, from, speed, quiet, follow };
    }
  }
}

function exportArguments(args: readonly string[], journal: string): ExportArguments {
  const { values } = read(
    args,
    {
      ...{ out: TEXT, format: TEXT, data: TEXT, from: TEXT, to: TEXT, symbols: TEXT },
      ...{ types: TEXT, account: TEXT, interval: TEXT, limit: TEXT, journal: TEXT },
    },
    false,
  );
  const { out, from, to, data, symbols, types, account, interval, limit } = values;
  if (!out) throw new UsageError('--out is missing: a file, or - for stdout');
  const format = values.format ?? FORMATS.find((name) => out.endsWith(`.${name}`)) ?? 'csv';
  if (!FORMATS.includes(format)) throw new UsageError(`--format ${format}: takes ${FORMATS.join(', ')}`);
  const given = { format, data, start_time: from, end_time: to, symbols, types, account, interval, limit };
  const query = Object.fromEntries(Object.entries(given).filter((entry): entry is [string, string] => !!entry[1]));
  return { command: 'export', journal: url('--journal', values.journal ?? journal), out, query };
}

type Options = Readonly<Record<string, { readonly type: 'string' | 'boolean' }>>;

function read<O extends Options>(args: readonly string[], options: O, allowPositionals: boolean) {
  try {
    return parseArgs({ args: [...args], options, allowPositionals });
  } catch (error) {
    throw new UsageError((error as Error).message);
  }
}

function url(name: string, text: string): string {
  if (!URL.canParse(text) || !/^https?:$/.test(new URL(text).protocol)) {
    throw new UsageError(`${name} ${text}: takes a URL beginning with http:// or https://`);
  }
  return text.replace(/\/+$/, '');
}
