import { readFileSync } from 'node:fs';
import { FakeBinance, SseClient, until } from '@depthcast/testing';
import { describe, expect, it } from '@jest/globals';
import { io } from 'socket.io-client';
import { TestStack } from './stack.ts';

type Env = Readonly<Record<string, string>>;
type Config = Readonly<Record<string, unknown>>;
interface AppConfig {
  readConfig(args: readonly string[], env: Env): Config;
}

/** By a path that is made here: apps import no apps, and this looks into all of them. */
const load = async <T>(path: string): Promise<T> => (await import(`../../../${path}`)) as T;
const [gateway, ingest, journal, engine] = await Promise.all(
  ['gateway', 'ingest', 'journal', 'engine'].map((app) => load<AppConfig>(`apps/${app}/src/config.ts`)),
);
const { runsJournal } = await load<{ runsJournal(env: Env): boolean }>('tools/start/src/journal-place.ts');
const { reconnectPolicy } = await load<{ reconnectPolicy(config: Config): Config }>('apps/ingest/src/seed-settings.ts');

const reader =
  (app: AppConfig | undefined, of: (config: Config) => unknown) =>
  (env: Env = {}): unknown =>
    of((app as AppConfig).readConfig([], env));

const DOCUMENT = readFileSync(new URL('../../../docs/SETTINGS.md', import.meta.url), 'utf8');

interface Row {
  /** The seed's default where it is not ours, which docs/SETTINGS.md explains. */
  readonly seedDefault?: string;
  readonly read: (env?: Env) => unknown;
  readonly default: unknown;
  readonly valid: readonly (readonly [value: string, effect: unknown, beside?: Env])[];
  readonly invalid: readonly (readonly [value: string, takes: string, beside?: Env])[];
}

const apps = { gateway, ingest, journal, engine };
const ofAll =
  (of: (config: Config) => unknown) =>
  (env: Env = {}) =>
    Object.fromEntries(Object.entries(apps).map(([name, app]) => [name, reader(app, of)(env)]));
const everywhere = (value: unknown) => ({ gateway: value, ingest: value, journal: value, engine: value });
const anyone: Env = { ALLOW_INSECURE: 'true' };
const switchErrors = [
  ['maybe', 'true, false, 1 or 0'],
  ['2', 'true, false, 1 or 0'],
] as const;
const retries = reader(ingest, reconnectPolicy);
const tls = reader(gateway, ({ TLS }) => TLS);
const cert = (variable: string, path: string) => ({ variable, path });
const SSL = {
  cert: cert('SSL_CERT_PATH', '/app/certs/cert.pem'),
  key: cert('SSL_KEY_PATH', '/app/certs/key.pem'),
};
const FIRST_SECOND = { auto: true, retriesMax: 10, backoff: { baseMs: 1_000, capMs: 30_000, growsFrom: 3 } };

/** "Configuration Options" of the BBO seed, line by line. */
const TABLE: Readonly<Record<string, Row>> = {
  SYMBOL: {
    read: (env) => reader(ingest, ({ SYMBOLS }) => SYMBOLS)({ SOURCE: 'binance', ...env }),
    default: ['BTCUSDT'],
    valid: [
      ['ethusdt', ['ETHUSDT']],
      ['ethusdt', ['ADAUSDT'], { SYMBOLS: 'ADAUSDT' }],
    ],
    invalid: [
      ['btcusdt,ethusdt', 'one symbol such as btcusdt'],
      ['btc-usdt!', 'spot symbols such as BTCUSDT'],
    ],
  },
  AUTO_RECONNECT: {
    read: retries,
    default: FIRST_SECOND,
    valid: [['false', { ...FIRST_SECOND, auto: false }]],
    invalid: switchErrors,
  },
  MAX_RETRIES: {
    read: retries,
    default: FIRST_SECOND,
    valid: [['0', { ...FIRST_SECOND, retriesMax: 0 }]],
    invalid: [
      ['-1', 'a whole number from 0'],
      ['ten', 'a whole number from 0'],
    ],
  },
  INITIAL_BACKOFF: {
    read: retries,
    default: FIRST_SECOND,
    valid: [
      ['5', { ...FIRST_SECOND, backoff: { baseMs: 5_000, capMs: 30_000, growsFrom: 3 } }],
      ['0.5', { ...FIRST_SECOND, backoff: { baseMs: 500, capMs: 30_000, growsFrom: 3 } }],
      ['60', { ...FIRST_SECOND, backoff: { baseMs: 60_000, capMs: 60_000, growsFrom: 3 } }],
    ],
    invalid: [
      ['0', 'seconds, above 0 up to 300'],
      ['1000', 'seconds, above 0 up to 300'],
      ['1s', 'seconds, above 0 up to 300'],
    ],
  },
  EXTENDED_BACKOFF_THRESHOLD: {
    read: retries,
    default: FIRST_SECOND,
    valid: [['1', { ...FIRST_SECOND, backoff: { baseMs: 1_000, capMs: 30_000, growsFrom: 1 } }]],
    invalid: [['0', 'a whole number from 1']],
  },
  DEBUG: {
    read: ofAll(({ LOG_LEVEL }) => LOG_LEVEL),
    default: everywhere('info'),
    valid: [
      ['true', everywhere('debug')],
      ['true', everywhere('warn'), { LOG_LEVEL: 'warn' }],
      ['false', everywhere('info')],
    ],
    invalid: switchErrors,
  },
  WEBSOCKET_BASE_URL: {
    seedDefault: 'wss://fstream.binance.com/ws',
    read: reader(ingest, ({ BINANCE_WS_URL, warnings }) => [BINANCE_WS_URL, warnings]),
    default: ['wss://data-stream.binance.vision', []],
    valid: [
      ['wss://stream.binance.com:9443/ws', ['wss://stream.binance.com:9443', []]],
      ['ws://127.0.0.1:9000/', ['ws://127.0.0.1:9000', []]],
      [
        'wss://fstream.binance.com/ws',
        ['wss://data-stream.binance.vision', [expect.stringMatching(/retired it: taking wss/)]],
      ],
      ['wss://fstream.binance.com/ws', ['ws://own', []], { BINANCE_WS_URL: 'ws://own' }],
    ],
    invalid: [['https://api.binance.com', 'ws:// or wss://']],
  },
  LOG_TO_FILE: {
    read: ofAll(({ LOG_TO_FILE }) => LOG_TO_FILE),
    default: everywhere(false),
    valid: [['true', everywhere(true)]],
    invalid: switchErrors,
  },
  LOG_DIR: {
    read: ofAll(({ LOG_DIR }) => LOG_DIR),
    default: everywhere('logs'),
    valid: [['/var/log/depthcast', everywhere('/var/log/depthcast')]],
    invalid: [['x'.repeat(5_000), 'the path of a file or folder']],
  },
  WEB_ENABLED: {
    read: reader(gateway, ({ WEB_ENABLED }) => WEB_ENABLED),
    default: true,
    valid: [['false', false]],
    invalid: switchErrors,
  },
  WEB_HOST: {
    seedDefault: '0.0.0.0',
    read: reader(gateway, ({ ADDR }) => ADDR),
    default: { host: '127.0.0.1', port: 8081 },
    valid: [
      ['0.0.0.0', { host: '0.0.0.0', port: 8081 }, anyone],
      ['0.0.0.0', { host: '0.0.0.0', port: 9000 }, { ...anyone, ADDR: '127.0.0.1:9000' }],
      ['::1', { host: '::1', port: 8081 }],
      ['[::1]', { host: '::1', port: 8081 }],
    ],
    invalid: [
      ['0.0.0.0', 'an address of this machine alone'],
      ['localhost:80', 'a host name or an IP address'],
    ],
  },
  WEB_PORT: {
    seedDefault: '5000',
    read: reader(gateway, ({ ADDR }) => ADDR),
    default: { host: '127.0.0.1', port: 8081 },
    valid: [
      ['5000', { host: '127.0.0.1', port: 5000 }],
      ['5000', { host: 'localhost', port: 5000 }, { ADDR: 'localhost:9000' }],
    ],
    invalid: [
      ['70000', 'a whole number from 0 to 65535'],
      ['http', 'a whole number from 0 to 65535'],
    ],
  },
  USE_SSL: {
    seedDefault: 'true',
    read: tls,
    default: undefined,
    valid: [
      ['true', SSL],
      ['false', undefined, { SSL_CERT_PATH: '/c.pem', SSL_KEY_PATH: '/k.pem' }],
      [
        'false',
        { cert: cert('TLS_CERT_PATH', '/c.pem'), key: cert('TLS_KEY_PATH', '/k.pem') },
        { TLS_CERT_PATH: '/c.pem', TLS_KEY_PATH: '/k.pem' },
      ],
    ],
    invalid: switchErrors,
  },
  SSL_CERT_PATH: {
    read: (env) => tls({ USE_SSL: 'true', ...env }),
    default: SSL,
    valid: [['/c.pem', { ...SSL, cert: cert('SSL_CERT_PATH', '/c.pem') }]],
    invalid: [['x'.repeat(5_000), 'the path of a file or folder']],
  },
  SSL_KEY_PATH: {
    read: (env) => tls({ USE_SSL: 'true', ...env }),
    default: SSL,
    valid: [['/k.pem', { ...SSL, key: cert('SSL_KEY_PATH', '/k.pem') }]],
    invalid: [['x'.repeat(5_000), 'the path of a file or folder']],
  },
  CACHE_DIR: {
    seedDefault: 'cache_data',
    read: reader(journal, ({ CACHE_DIR, JOURNAL_FILE }) => [CACHE_DIR, JOURNAL_FILE]),
    default: [undefined, '.depthcast/journal.duckdb'],
    valid: [['cache_data', ['cache_data', '.depthcast/journal.duckdb']]],
    invalid: [['x'.repeat(5_000), '']],
  },
  CACHE_ENABLED: {
    read: (env = {}) => runsJournal(env),
    default: true,
    valid: [
      ['false', false],
      ['true', true],
    ],
    invalid: [['maybe', 'true or false']],
  },
  CACHE_MAX_ITEMS: {
    read: reader(journal, ({ CACHE_MAX_ITEMS }) => CACHE_MAX_ITEMS),
    default: 1_000_000,
    valid: [['5', 5]],
    invalid: [['0', 'a whole number from 1']],
  },
  CACHE_PERSIST: {
    read: reader(journal, ({ CACHE_PERSIST }) => CACHE_PERSIST),
    default: true,
    valid: [['false', false]],
    invalid: switchErrors,
  },
  CACHE_CLEANUP_HOURS: {
    read: reader(journal, ({ CACHE_CLEANUP_HOURS }) => CACHE_CLEANUP_HOURS),
    default: 6,
    valid: [['12', 12]],
    invalid: [['0', 'a whole number from 1']],
  },
};

describe('every variable of the BBO stream works here', () => {
  it('all twenty of them', () => {
    expect(Object.keys(TABLE).sort()).toEqual(
      [
        ...['SYMBOL', 'AUTO_RECONNECT', 'MAX_RETRIES', 'INITIAL_BACKOFF', 'EXTENDED_BACKOFF_THRESHOLD', 'DEBUG'],
        ...['WEBSOCKET_BASE_URL', 'LOG_TO_FILE', 'LOG_DIR', 'WEB_ENABLED', 'WEB_HOST', 'WEB_PORT', 'USE_SSL'],
        ...['SSL_CERT_PATH', 'SSL_KEY_PATH', 'CACHE_DIR', 'CACHE_ENABLED', 'CACHE_MAX_ITEMS', 'CACHE_PERSIST'],
        'CACHE_CLEANUP_HOURS',
      ].sort(),
    );
  });

  describe.each(Object.entries(TABLE))('%s', (name, row) => {
    it('has its default, also when it is empty', () => {
      expect(row.read()).toEqual(row.default);
      expect(row.read({ [name]: '' })).toEqual(row.default);
    });

    it('stands in docs/SETTINGS.md, with the default that it had where that was another', () => {
      const line = DOCUMENT.split('\n').find((text) => text.startsWith(`| \`${name}\` |`));
      expect(line).toBeDefined();
      expect(/there `([^`]+)`: \[\d\]/.exec(line ?? '')?.[1]).toBe(row.seedDefault);
    });

    it('does what it says', () => {
      for (const [value, effect, beside = {}] of row.valid) {
        expect(row.read({ [name]: value, ...beside })).toEqual(effect);
      }
    });

    it('is named when it is wrong, with what it takes', () => {
      for (const [value, takes, beside = {}] of row.invalid) {
        let error: unknown;
        try {
          row.read({ [name]: value, ...beside });
        } catch (thrown) {
          error = thrown;
        }
        expect(error).toMatchObject({
          code: 'CONFIG_INVALID',
          message: expect.stringMatching(new RegExp(`^${name}: got "`)),
        });
        expect((error as Error).message).toContain(takes);
      }
    });
  });
});

const UNREACHABLE = 'market_source_unreachable: 2 retries in a row have failed, more follow';

describe('after MAX_RETRIES', () => {
  it('an error event comes, over SSE and Socket.IO, and the retries go on until the venue is back', async () => {
    const fake = await FakeBinance.start({ symbols: [{ symbol: 'BTCUSDT', tick: '0.01', step: '0.00001' }] });
    fake.run(20);
    const stack = await TestStack.start({
      ingest: {
        SOURCE: 'binance',
        BINANCE_WS_URL: fake.wsUrl,
        BINANCE_REST_URL: fake.restUrl,
        MAX_RETRIES: '2',
        INITIAL_BACKOFF: '0.05',
      },
    });
    const stream = await SseClient.connect(stack.url(0, '/api/stream'));
    const socket = io(stack.url(0, ''), { transports: ['websocket'] });
    try {
      const overSocketIo: string[] = [];
      socket.on('error', ({ message }) => overSocketIo.push(message));
      socket.on('connect', () => socket.emit('ready'));
      let updates = 0;
      socket.on('bbo_update', () => {
        updates++;
      });
      await until(() => updates > 0, 20_000, 'best prices');
      fake.streams.refusing = true;
      fake.streams.disconnect('BTCUSDT');
      const messages = [await stream.next('error', 20_000), await stream.next('error', 20_000)];
      expect(messages.map(({ data }) => JSON.parse(data).message)).toEqual(['market_source_error', UNREACHABLE]);
      expect(messages.every(({ id }) => id !== undefined)).toBe(true);
      await until(() => overSocketIo.length === 2, 10_000, 'the same over Socket.IO');
      expect(overSocketIo).toEqual(['market_source_error', UNREACHABLE]);
      fake.streams.refusing = false;
      // The wait is anything up to 30 s.
      await stream.next('market', 45_000);
    } finally {
      socket.disconnect();
      stream.close();
      await stack.stop();
      await fake.close();
    }
  }, 120_000);
});
