import { describe, expect, it } from '@jest/globals';
import { readConfig } from './config.ts';

describe('the settings', () => {
  it('have a default each', () => {
    expect(readConfig([], {})).toEqual({
      ADDR: { host: '127.0.0.1', port: 8081 },
      LOG_LEVEL: 'info',
      REDIS_URL: 'redis://127.0.0.1:6379',
      ORDERS_PENDING_MAX: 10_000,
      ORDER_SEND_MS: 2_000,
      WINDOW_BYTES: 64 << 20,
      FLUSH_MS: 0,
      INTERVAL_MS: 300,
      KEEPALIVE_MS: 10_000,
      HEARTBEAT_MS: 30_000,
      SESSIONS_MAX: 20_000,
      STREAMS_MAX: 100,
      CLOCK_STALE_MS: 3_000,
      CORS_ORIGIN: ['*'],
    });
  });

  it('are options over the environment, in the seed’s spellings', () => {
    const env = { ADDR: '1.1.1.1:1', LOG_LEVEL: 'warn' };
    expect(readConfig(['--addr', '0.0.0.0:9000', '--log-level', 'debug'], env)).toMatchObject({
      ADDR: { host: '0.0.0.0', port: 9000 },
      LOG_LEVEL: 'debug',
    });
    expect(readConfig(['-a', '0.0.0.0:9000'], env)).toMatchObject({ ADDR: { port: 9000 }, LOG_LEVEL: 'warn' });
    expect(readConfig(['--help'], env)).toBeUndefined();
  });

  it.each([
    [['--addr', 'nowhere'], {}, 'ADDR: got "nowhere", takes host:port'],
    [['--nope'], {}, "Unknown option '--nope'"],
    [[], { WINDOW_BYTES: '1' }, 'WINDOW_BYTES: got "1", takes a whole number from 1048576'],
    [[], { INTERVAL_MS: '0' }, 'INTERVAL_MS: got "0", takes a whole number from 50 to 60000'],
  ])('refuse %j with %j, saying what they take', (args, env, message) => {
    expect(() => readConfig(args, env as Record<string, string>)).toThrow(message);
  });
});
