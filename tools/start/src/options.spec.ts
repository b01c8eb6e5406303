import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { StartError } from './errors.ts';
import { parseOptions } from './options.ts';

describe('the options of npm start', () => {
  let dir: string;
  beforeAll(() => {
    dir = mkdtempSync(join(tmpdir(), 'depthcast-options-'));
    writeFileSync(join(dir, 'capture.gz'), '');
  });
  afterAll(() => rmSync(dir, { recursive: true }));
  const parse = (...argv: string[]) => parseOptions(argv, dir);

  it('are two gateways from 8081 on the simulator when none is given', () => {
    expect(parse()).toEqual({
      gateways: 2,
      source: { kind: 'simulator' },
      speed: 1,
      symbols: undefined,
      port: 8081,
      fresh: false,
      watch: false,
      jsonLogs: false,
    });
  });

  it('take the port of WEB_PORT where they name none, and name it when it is wrong', () => {
    expect(parseOptions([], dir, { WEB_PORT: '5000' })).toMatchObject({ port: 5_000 });
    expect(parseOptions(['--port', '9000'], dir, { WEB_PORT: '5000' })).toMatchObject({ port: 9_000 });
    expect(parseOptions([], dir, { WEB_PORT: '' })).toMatchObject({ port: 8_081 });
    expect(() => parseOptions([], dir, { WEB_PORT: '65535' })).toThrow('WEB_PORT: got "65535", takes a whole number');
  });

  it('are read as given', () => {
    const options = parse(
      '--gateways',
      '16',
      '--source=binance',
      '--symbols',
      'btc/usdt, ETHUSDT',
      '--port',
      '9000',
      '--fresh',
    );
    expect(options).toMatchObject({
      gateways: 16,
      source: { kind: 'binance' },
      symbols: ['BTCUSDT', 'ETHUSDT'],
      port: 9000,
      fresh: true,
    });
    expect(parse('-h')).toBe('help');
  });

  it('take a replay as a source or as a flag, relative to the caller', () => {
    const source = { kind: 'replay', file: join(dir, 'capture.gz') };
    expect(parse('--source', 'replay:capture.gz', '--speed', '2.5')).toMatchObject({ source, speed: 2.5 });
    expect(parse('--replay', 'capture.gz')).toMatchObject({ source, speed: 1 });
    expect(parse('--replay', '--speed', 'max', 'capture.gz')).toMatchObject({ source, speed: 'max' });
  });

  it.each([
    [['--gateways', '0'], '--gateways: got "0", takes a whole number from 1 to 16'],
    [['--gateways', '17'], '--gateways: got "17", takes a whole number from 1 to 16'],
    [['--gateways', 'two'], '--gateways: got "two", takes a whole number from 1 to 16'],
    [['--gateways', '3', '--port', '65534'], '--port: got "65534", takes a whole number from 1 to 65533'],
    [['--source', 'kraken'], '--source: got "kraken", takes simulator, binance or replay:FILE'],
    [['--source', 'replay:'], '--source: got "replay:", takes simulator, binance or replay:FILE'],
    [['--source', 'replay:none.gz'], 'none.gz, takes a file that can be read'],
    [['--source', 'replay:.'], 'takes a file that can be read'],
    [['--replay', 'capture.gz', '--speed', '0'], '--speed: got "0", takes max, or a number above 0 up to 100000'],
    [['--replay', 'capture.gz', '--speed', '1e3'], '--speed: got "1e3", takes max'],
    [['--replay', 'capture.gz', '--source', 'binance'], '--source: got "binance", takes nothing beside --replay'],
    [['--replay'], '--replay: got nothing, takes one FILE'],
    [['--speed', '2'], '--speed: got "2", takes nothing unless the source is replay:FILE'],
    [['--speed', '0'], '--speed: got "0", takes max, or a number above 0 up to 100000'],
    [['--port', '-1'], '--port: got "-1", takes a whole number from 1 to 65534'],
    [['--gateways', '-2'], '--gateways: got "-2", takes a whole number from 1 to 16'],
    [['--speed', '-1'], '--speed: got "-1", takes max, or a number above 0'],
    [['--source', '-x'], '--source: got "-x", takes simulator, binance or replay:FILE'],
    [['--port', '--fresh'], '--port: got "--fresh", takes a value of its own'],
    [['--symbols', 'BTC USD'], '--symbols: got "BTC USD", takes symbols divided by commas'],
    [['--symbols', ''], '--symbols: got nothing, takes symbols divided by commas'],
    [['fast'], 'the command line: got "fast", takes options only'],
    [['--turbo'], "Unknown option '--turbo'"],
    [['--port'], "Option '--port <value>' argument missing"],
  ])('%j is refused by name', (argv, message) => {
    const read = () => parse(...argv);
    expect(read).toThrow(StartError);
    expect(read).toThrow(
      expect.objectContaining({ code: 'CONFIG_INVALID', message: expect.stringContaining(message) }),
    );
  });
});
