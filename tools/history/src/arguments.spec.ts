import { describe, expect, it } from '@jest/globals';
import { parseArguments, USAGE, UsageError } from './arguments.ts';

const parse = (text: string, env = {}) => parseArguments(text.split(' '), env);

describe('the command line', () => {
  it('names the journal by option, else by the environment, else the local one', () => {
    expect(parse('verify')).toMatchObject({ journal: 'http://127.0.0.1:8090', json: false });
    expect(parse('verify', { JOURNAL_HTTP_URL: 'http://j:1/' })).toMatchObject({ journal: 'http://j:1' });
    expect(parse('verify --json --journal http://k:2', { JOURNAL_HTTP_URL: 'http://j:1' })).toMatchObject({
      journal: 'http://k:2',
      json: true,
    });
  });

  it('takes the format of an export from its file', () => {
    expect(parse('export --out a.parquet --from 1 --to 2')).toMatchObject({
      out: 'a.parquet',
      query: { format: 'parquet', start_time: '1', end_time: '2' },
    });
    expect(parse('export --out - --data trades')).toMatchObject({ query: { format: 'csv', data: 'trades' } });
    expect(parse('export --out a.csv --format json')).toMatchObject({ query: { format: 'json' } });
  });

  it('takes streams, a beginning and a speed for a replay', () => {
    expect(parse('replay --from 5-7 --speed max --quiet BTCUSDT:TRADES ETHUSDT:L2')).toMatchObject({
      from: '5-7',
      speed: 'max',
      quiet: true,
      follow: false,
      streams: ['BTCUSDT:TRADES', 'ETHUSDT:L2'],
    });
  });

  it.each(['verify', 'export', 'replay'] as const)('shows help for %s', (command) => {
    expect(parse(`${command} --help`)).toBe(USAGE[command]);
  });

  it.each([
    ['', 'commands'],
    ['destroy', 'commands'],
    ['verify x', 'x'],
    ['verify --journal nowhere', 'nowhere'],
    ['export', '--out'],
    ['export --out a --format xml', 'xml'],
    ['export --out a --form csv', '--form'],
    ['replay A:L2', '--from'],
    ['replay --from 1 --speed 0', '--speed 0'],
    ['replay --from 1 --speed 1001', '--speed 1001'],
    ['replay --from 1 --gateway ws://x', 'ws://x'],
  ])('refuses %j, naming %s', (text, named) => {
    expect(() => parse(text)).toThrow(UsageError);
    expect(() => parse(text)).toThrow(named);
  });
});
