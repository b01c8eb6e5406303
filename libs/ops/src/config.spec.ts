import { DepthcastError } from '@depthcast/protocol';
import { describe, expect, it } from '@jest/globals';
import { z } from 'zod';
import { loadConfig } from './config.ts';
import { settings } from './settings.ts';

const schema = z.object({
  ADDR: settings.addr('127.0.0.1:8081'),
  REDIS_URL: settings.redisUrl(),
  RATE: settings.integer({ min: 1, max: 50_000, default: 10, unit: 'updates/s' }),
  CHAIN: settings.boolean(false),
  LOG_LEVEL: settings.logLevel(),
  SOURCE: settings.oneOf(['simulator', 'binance'], 'simulator'),
  SYMBOLS: settings.list('BTCUSD,ETHUSD'),
  WS_URL: settings.url(['ws', 'wss'], 'wss://example.com:9443'),
});

const errorOf = (source: Record<string, string>): DepthcastError => {
  try {
    loadConfig(schema, source);
  } catch (error) {
    return error as DepthcastError;
  }
  throw new Error('no error');
};

describe('loadConfig', () => {
  it('gives defaults for what is unset or empty, and typed values for the rest', () => {
    const config = loadConfig(schema, {
      REDIS_URL: 'redis://h:1',
      RATE: '',
      CHAIN: 'TRUE',
      SYMBOLS: ' A, ,B ',
      PATH: '/',
    });
    expect(config).toEqual({
      ADDR: { host: '127.0.0.1', port: 8081 },
      REDIS_URL: 'redis://h:1',
      RATE: 10,
      CHAIN: true,
      LOG_LEVEL: 'info',
      SOURCE: 'simulator',
      SYMBOLS: ['A', 'B'],
      WS_URL: 'wss://example.com:9443',
    });
  });

  it('names every bad variable in one message, with what it got and what it takes', () => {
    const error = errorOf({
      ADDR: '8081',
      RATE: '1e3',
      CHAIN: 'yes',
      LOG_LEVEL: 'loud',
      SOURCE: 'kraken',
      WS_URL: 'http://x',
    });
    expect(error).toBeInstanceOf(DepthcastError);
    expect(error.code).toBe('CONFIG_INVALID');
    expect(error.exit).toBe(2);
    expect(error.message.split('\n')).toEqual([
      'ADDR: got "8081", takes host:port such as 127.0.0.1:8081 or [::1]:8081, port 0 to 65535 (0 = any free port)',
      'REDIS_URL: got nothing, takes redis://host:port, rediss://host:port, redis+cluster://host:port,host:port or redis+sentinel://host:port,host:port/name',
      'RATE: got "1e3", takes a whole number from 1 to 50000 (updates/s)',
      'CHAIN: got "yes", takes true, false, 1 or 0',
      'LOG_LEVEL: got "loud", takes one of fatal, error, warn, info, debug, trace, silent',
      'SOURCE: got "kraken", takes one of simulator, binance',
      'WS_URL: got "http://x", takes a URL beginning with ws:// or wss://',
    ]);
  });

  it('masks the password of a URL and shows nothing of a secret', () => {
    expect(errorOf({ REDIS_URL: 'http://me:hunter2@h:1' }).message).toContain('got "http://me:***@h:1"');
    expect(errorOf({ REDIS_URL: 'http://me:hunter2@h:1' }).message).not.toContain('hunter2');
    const sentinel = errorOf({ REDIS_URL: 'redis+sentinel://me:hunter2@h/m?sentinelPassword=hunter3&db=1' }).message;
    expect(sentinel).toContain('got "redis+sentinel://me:***@h/m?sentinelPassword=***&db=1"');
    const secret = z.object({ JWT_SECRET: settings.integer({ min: 1, max: 2 }) });
    expect(() => loadConfig(secret, { JWT_SECRET: 'hunter2' })).toThrow('JWT_SECRET: got ***, takes');
  });

  it.each([
    ['127.0.0.1:0', { host: '127.0.0.1', port: 0 }],
    ['[::1]:8081', { host: '::1', port: 8081 }],
    ['localhost:65535', { host: 'localhost', port: 65_535 }],
    ['localhost:65536', undefined],
    ['::1:8081', undefined],
    ['host', undefined],
    [':80', undefined],
    ['a b:80', undefined],
  ])('reads the address %s', (text, addr) => {
    const read = () => loadConfig(z.object({ A: settings.addr() }), { A: text }).A;
    if (addr) expect(read()).toEqual(addr);
    else expect(read).toThrow('A: got');
  });

  it.each([
    ['redis://127.0.0.1:6379', true],
    ['rediss://user:pw@h:6380/2', true],
    ['redis+cluster://a:1,b:2,[::1]:3', true],
    ['redis+cluster://user:pw@a:1,b:2', true],
    ['redis+sentinel://a:1,[::1]:2/mymaster', true],
    ['redis+sentinel://user:pw@a:1/m?db=2&sentinelUsername=u&sentinelPassword=p', true],
    ['redis+sentinel://a:1,b:2', false],
    ['redis+sentinel://a:1/m?db=x', false],
    ['redis+sentinel://a:1/m?role=slave', false],
    ['redis+cluster://a:1/m', false],
    ['redis+cluster://a:1?db=1', false],
    ['redis+cluster://a,b:2', false],
    ['redis+cluster://', false],
    ['redis://', false],
    ['127.0.0.1:6379', false],
  ])('takes %s as a Redis URL: %s', (text, ok) => {
    const read = () => loadConfig(z.object({ R: settings.redisUrl() }), { R: text }).R;
    if (ok) expect(read()).toBe(text);
    else expect(read).toThrow('R: got');
  });
});
