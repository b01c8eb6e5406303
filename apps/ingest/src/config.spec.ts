import { describe, expect, it } from '@jest/globals';
import { type IngestConfig, readConfig, USAGE } from './config.ts';

const read = (env: Record<string, string>): IngestConfig => readConfig([], env) as IngestConfig;

describe('the settings of ingest', () => {
  it('need nothing: three simulated symbols', () => {
    expect(read({})).toMatchObject({
      SOURCE: 'simulator',
      SYMBOLS: ['BTCUSD', 'ETHUSD', 'ADAUSD'],
      OPS_ADDR: { host: '127.0.0.1', port: 9101 },
      REPLAY_SPEED: 1,
    });
    expect(read({ SOURCE: 'binance' }).SYMBOLS).toEqual(['BTCUSDT']);
  });

  it('take symbols as people write them, once each', () => {
    expect(read({ SYMBOLS: 'btc/usd, ETHUSD ,,BTCUSD' }).SYMBOLS).toEqual(['BTCUSD', 'ETHUSD']);
  });

  it('take a speed, a tick and a step for replays', () => {
    const replay = { SOURCE: 'replay', REPLAY_FILE: 'x.gz', REPLAY_TICK: '0.01', REPLAY_STEP: '0.00001' };
    expect(read({ ...replay, REPLAY_SPEED: 'max' }).REPLAY_SPEED).toBe('max');
    expect(read({ ...replay, REPLAY_SPEED: '2.5' }).REPLAY_SPEED).toBe(2.5);
  });

  it.each([
    ['SOURCE', 'kraken', 'simulator, binance, replay', {}],
    ['SYMBOLS', 'BTC USD', 'symbols such as BTCUSD', {}],
    ['SYMBOLS', 'BTCUSDT.P', 'spot symbols such as BTCUSDT', { SOURCE: 'binance' }],
    ['SIMULATOR_RATE', '50001', 'from 1 to 50000', {}],
    ['SIMULATOR_RATE', '0', 'from 1 to 50000', {}],
    ['SIMULATOR_SEED', 'abc', 'whole number', {}],
    ['BINANCE_WS_URL', 'https://x', 'ws:// or wss://', {}],
    ['BINANCE_REST_URL', 'x', 'http:// or https://', {}],
    ['STALL_MS', '5', 'ms', {}],
    ['REPLAY_FILE', '', 'the path of a capture', { SOURCE: 'replay' }],
    ['REPLAY_SPEED', 'fast', 'max, or a number above 0', {}],
    ['REPLAY_SPEED', '0', 'max, or a number above 0', {}],
    ['REPLAY_TICK', '-1', 'such as 0.01', {}],
    ['OPS_ADDR', '9101', 'host:port', {}],
    ['LOG_LEVEL', 'loud', 'info', {}],
  ])('name %s when it is %j, and what it takes', (name, value, takes, others) => {
    let error: unknown;
    try {
      read({ ...others, [name]: value });
    } catch (thrown) {
      error = thrown;
    }
    expect(error).toMatchObject({ code: 'CONFIG_INVALID' });
    const { message } = error as Error;
    expect(message).toMatch(new RegExp(`^${name}: got `));
    expect(message).toContain(takes);
    if (value !== '') expect(message).toContain(JSON.stringify(value));
  });

  it('are not options: --help names them all, and anything else is refused', () => {
    expect(readConfig(['--help'], {})).toBeUndefined();
    expect(readConfig(['-h'], { SOURCE: 'kraken' })).toBeUndefined();
    const names = Object.keys(read({})).filter((name) => name !== 'warnings');
    for (const name of [
      ...names,
      'SYMBOL',
      'WEBSOCKET_BASE_URL',
      'DEBUG',
      'SIMULATOR_RATE',
      'REPLAY_FILE',
      'REPLAY_TICK',
      'REPLAY_STEP',
    ]) {
      expect(USAGE).toMatch(new RegExp(`^  ${name} {2,}\\S`, 'm'));
    }
    expect(() => readConfig(['--source', 'binance'], {})).toThrow("Unknown option '--source'");
    expect(() => readConfig(['binance'], {})).toThrow('see --help');
  });
});
