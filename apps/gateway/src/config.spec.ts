import { describe, expect, it } from '@jest/globals';
import { readConfig } from './config.ts';

describe('the settings', () => {
  it('have a default each', () => {
    expect(readConfig([], {})).toEqual({
      ADDR: { host: '127.0.0.1', port: 8081 },
      LOG_DIR: 'logs',
      LOG_LEVEL: 'info',
      LOG_TO_FILE: false,
      REDIS_URL: 'redis://127.0.0.1:6379',
      ORDERS_PENDING_MAX: 10_000,
      ORDER_SEND_MS: 2_000,
      PARTITIONS: 1,
      TAIL: 'all',
      WINDOW_BYTES: 64 << 20,
      FLUSH_MS: 0,
      INTERVAL_MS: 300,
      KEEPALIVE_MS: 10_000,
      HEARTBEAT_MS: 30_000,
      SESSIONS_MAX: 20_000,
      SESSION_BUFFER_BYTES_MAX: 1 << 20,
      SESSION_LAG_MAX: 1_000_000,
      DRAIN_MS: 5_000,
      SHUTDOWN_MS: 10_000,
      STREAMS_MAX: 100,
      SOCKET_EVENTS_PER_SECOND_MAX: 50,
      CLOCK_STALE_MS: 3_000,
      RESUME_BYTES_PER_SECOND_MAX: 48 << 20,
      REPLAYS_MAX: 8,
      CORS_ORIGIN: ['*'],
      AUTH_MODE: 'off',
      ALLOW_INSECURE: false,
      SESSIONS_PER_IP_MAX: 20_000,
      WEB_ENABLED: true,
      USE_SSL: false,
      SSL_CERT_PATH: '/app/certs/cert.pem',
      SSL_KEY_PATH: '/app/certs/key.pem',
    });
  });

  it('are options over the environment, in the seed’s spellings', () => {
    const env = { ADDR: '1.1.1.1:1', LOG_LEVEL: 'warn', ALLOW_INSECURE: 'true' };
    expect(readConfig(['--addr', '0.0.0.0:9000', '--log-level', 'debug'], env)).toMatchObject({
      ADDR: { host: '0.0.0.0', port: 9000 },
      LOG_LEVEL: 'debug',
    });
    expect(readConfig(['-a', '0.0.0.0:9000'], env)).toMatchObject({ ADDR: { port: 9000 }, LOG_LEVEL: 'warn' });
    expect(readConfig(['--help'], env)).toBeUndefined();
  });

  it('are an option over the address of the environment, however that is named', () => {
    const env = { ADDR: '127.0.0.1:1', WEB_HOST: 'localhost', WEB_PORT: '2' };
    expect(readConfig([], env)).toMatchObject({ ADDR: { host: 'localhost', port: 2 } });
    expect(readConfig(['--addr', '127.0.0.1:3'], env)).toMatchObject({ ADDR: { host: '127.0.0.1', port: 3 } });
  });

  it('give a drain no more than half of a shorter shutdown, unless one is asked for', () => {
    expect(readConfig([], { SHUTDOWN_MS: '3000' })?.DRAIN_MS).toBe(1_500);
    expect(readConfig([], { SHUTDOWN_MS: '3000', DRAIN_MS: '2900' })?.DRAIN_MS).toBe(2_900);
    expect(readConfig([], { SHUTDOWN_MS: '0' })?.DRAIN_MS).toBe(0);
  });

  it.each([
    [[], { TLS_CERT_PATH: 'c.pem' }, 'TLS_KEY_PATH: got nothing, takes the path of a file beside TLS_CERT_PATH'],
    [[], { TLS_KEY_PATH: 'k.pem' }, 'TLS_CERT_PATH: got nothing, takes the path of a file beside TLS_KEY_PATH'],
    [[], { WEB_HOST: '0.0.0.0' }, 'WEB_HOST: got "0.0.0.0" with AUTH_MODE=off'],
    [['--addr', 'nowhere'], {}, 'ADDR: got "nowhere", takes host:port'],
    [['--nope'], {}, "Unknown option '--nope'"],
    [[], { WINDOW_BYTES: '1' }, 'WINDOW_BYTES: got "1", takes a whole number from 1048576'],
    [
      [],
      { JOURNAL_HTTP_URL: 'localhost:8090' },
      'JOURNAL_HTTP_URL: got "localhost:8090", takes a URL beginning with http',
    ],
    [
      [],
      { DRAIN_MS: '9000', SHUTDOWN_MS: '9000' },
      'DRAIN_MS: got "9000", takes less than SHUTDOWN_MS, which is 9000 ms and ends the process',
    ],
    [[], { MAX_RATE: '0' }, 'MAX_RATE: got "0", takes a whole number from 1 to 100000 (messages a second)'],
    [[], { SESSION_BUFFER_BYTES_MAX: '1000' }, 'takes a whole number from 65536 to 1073741824 (bytes)'],
    [[], { INTERVAL_MS: '0' }, 'INTERVAL_MS: got "0", takes a whole number from 50 to 60000'],
  ])('refuse %j with %j, saying what they take', (args, env, message) => {
    expect(() => readConfig(args, env as Record<string, string>)).toThrow(message);
  });
});
