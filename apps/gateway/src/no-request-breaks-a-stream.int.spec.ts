import { request } from 'node:http';
import { connect as tcp } from 'node:net';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { startRedis, type TestRedis, until } from '@depthcast/testing';
import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { LogFeeder } from './testing/log-feeder.ts';
import { TestGateway } from './testing/test-gateway.ts';

const QUIET_MS = 25;
const ANSWER_MS = 5_000;
const MEGABYTE = 1 << 20;
const HEAP_GROWTH_BYTES_MAX = 4 << 20;

/** What a line of ours may look like: a field that there is, one space, and nothing that ends a line early. */
const FIELD =
  /^(?:event: [a-z_]{1,40}|data: [^\r\n\0]*|id: [\w:-]{1,2000}|prev: [\w:-]{1,200}|retry: \d{1,9}|:[^\r\n\0]*)$/;
/** What hostile values try to say in a stream's own words. */
const FORGED = 'FORGED';
const FORGERIES = [
  `\r\nevent: ${FORGED}\r\ndata: {}\r\n\r\n`,
  `\n\nid: ${FORGED}\n\n`,
  `\rdata: ${FORGED}\r\r`,
  `x\0\nretry: 1\n\n${FORGED}`,
  `\u2028\nevent: ${FORGED}\n\n`,
  `%0d%0aevent: ${FORGED}%0d%0a`,
];
const KEYS = ['__proto__', 'constructor', 'prototype', 'toString', 'hasOwnProperty', 'valueOf', 'length'];
const PARAMETERS = {
  '/stream': ['streams', 'symbols', 'data_type', 'max_levels', 'interval', 'last_id', 'from', 'speed', 'ticket'],
  '/api/stream': ['types', 'symbols', 'account', 'last_id', 'ids', 'chain', 'from', 'speed', 'ticket', 'max_rate'],
} as const;
const GOOD = [
  'BTCUSD',
  'BTCUSD:MBP:1',
  'BTCUSD:TRADES',
  'market',
  'all',
  '0',
  '1',
  '1-1',
  'int',
  'cursor',
  'alice',
  '300',
];

const text = fc.oneof(
  { weight: 3, arbitrary: fc.constantFrom(...GOOD) },
  { weight: 3, arbitrary: fc.constantFrom(...FORGERIES) },
  { weight: 1, arbitrary: fc.constantFrom(...KEYS) },
  { weight: 2, arbitrary: fc.string({ unit: 'binary', maxLength: 40 }) },
  {
    weight: 1,
    arbitrary: fc.constantFrom('-1', '1e99', 'NaN', '9'.repeat(400), '1-', '-', '1-1_1-1', '{}', '[]', ':::'),
  },
  { weight: 1, arbitrary: fc.nat(3_000).map((length) => 'x,'.repeat(length / 2)) },
);
/** Several good and bad ones in one value, as lists are written. */
const value = fc.oneof(
  text,
  fc.array(text, { maxLength: 4 }).map((parts) => parts.join(',')),
);
const asked = fc.constantFrom(...(Object.keys(PARAMETERS) as (keyof typeof PARAMETERS)[])).chain((path) => {
  const known = fc.constantFrom<string>(...PARAMETERS[path], ...KEYS);
  const name = fc.oneof(
    { weight: 8, arbitrary: known },
    {
      weight: 1,
      arbitrary: fc
        .tuple(known, fc.constantFrom('[]', '[0]', '[__proto__]', '.x', '\0'))
        .map((parts) => parts.join('')),
    },
  );
  return fc.record({ path: fc.constant(path), query: fc.array(fc.tuple(name, value), { maxLength: 4 }) });
});
/** What may stand in a header at all: Node's own reader refuses the rest, which is tried below. */
const header = fc.oneof(
  value.map((said) =>
    Buffer.from(said)
      .toString('latin1')
      .replace(/[^\t\x20-\x7e\x80-\xff]/g, ''),
  ),
  fc.constantFrom('0', '1-1', '5', `${'9'.repeat(30)}-0`),
);
const headers = fc.dictionary(
  fc.constantFrom(
    'last-event-id',
    'origin',
    'accept',
    'accept-encoding',
    'x-request-id',
    'x-forwarded-for',
    'traceparent',
    'cookie',
  ),
  header,
);

interface Answer {
  readonly status: number;
  readonly type: string;
  readonly text: string;
}

describe('whatever a request for a stream says', () => {
  let redis: TestRedis;
  let feeder: LogFeeder;
  let gateway: TestGateway;

  beforeAll(async () => {
    redis = await startRedis();
    feeder = await LogFeeder.open(redis.url);
    await feeder.book('BTCUSD', [['100.0', '1']], [['101.0', '1']]);
    gateway = await TestGateway.start(redis.url, { STREAMS_MAX: '20' });
    await gateway.reaches(feeder.id);
  });

  afterEach(async () => {
    await until(async () => (await sessions()) === 0, ANSWER_MS, 'no session is left');
  });

  afterAll(async () => {
    await TestGateway.stopAll();
    LogFeeder.closeAll();
    await redis?.stop();
  });

  /** As its metrics count them. */
  async function sessions(): Promise<number> {
    const lines = (await gateway.text('/metrics'))
      .split('\n')
      .filter((line) => line.startsWith('depthcast_gateway_sessions{'));
    return lines.reduce((sum, line) => sum + Number(line.slice(line.lastIndexOf(' ') + 1)), 0);
  }

  /** All of an answer; of a stream what comes until it is quiet, and what is wanted of it has come. */
  function ask(path: string, given: Record<string, string> = {}, wanted = ''): Promise<Answer> {
    return new Promise((resolve, reject) => {
      const sent = request(
        { host: '127.0.0.1', port: gateway.port, path, headers: given, agent: false },
        (response) => {
          const { statusCode: status = 0, headers: answered } = response;
          const type = String(answered['content-type']);
          let body = '';
          const done = (): void => {
            clearTimeout(quiet);
            sent.destroy();
            resolve({ status, type, text: body });
          };
          const isStream = type.startsWith('text/event-stream');
          let quiet = setTimeout(done, isStream && wanted === '' ? QUIET_MS : ANSWER_MS);
          response.setEncoding('utf8').on('data', (part: string) => {
            body += part;
            if (!isStream || !body.includes(wanted)) return;
            clearTimeout(quiet);
            quiet = setTimeout(done, QUIET_MS);
          });
          response.on('end', done).on('error', () => {});
        },
      );
      sent.on('error', reject).end();
    });
  }

  /** A stream of frames of ours alone, or an error of the one shape. */
  function check({ status, type, text: body }: Answer): void {
    if (status !== 200) {
      expect([400, 401, 403, 404, 429, 431, 503]).toContain(status);
      expect(JSON.parse(body)).toMatchObject({ event: 'error', code: status, message: expect.any(String) });
      // What came is shown, but cut.
      expect(body.length).toBeLessThan(20_000);
      return;
    }
    expect(type).toBe('text/event-stream; charset=utf-8');
    for (const frame of body.split('\n\n').slice(0, -1)) {
      const lines = frame.split('\n');
      for (const line of lines) expect(line).toMatch(FIELD);
      const event = lines.find((line) => line.startsWith('event: '));
      expect(event ?? '').not.toContain(FORGED);
      expect(lines.find((line) => line.startsWith('id: ')) ?? '').not.toContain(FORGED);
      const data = lines.filter((line) => line.startsWith('data: '));
      expect(data.length).toBeLessThanOrEqual(1);
      if (data[0] !== undefined) JSON.parse(data[0].slice(6));
    }
  }

  const queryOf = (query: readonly (readonly [string, string])[]) =>
    query.map(([name, said]) => `${encodeURIComponent(name)}=${encodeURIComponent(said)}`).join('&');

  it('it is answered with a stream of frames of ours, or an error that is typed', async () => {
    const seen = new Map<number, number>();
    await fc.assert(
      fc.asyncProperty(asked, headers, async ({ path, query }, given) => {
        const answer = await ask(`${path}?${queryOf(query)}`, given);
        seen.set(answer.status, (seen.get(answer.status) ?? 0) + 1);
        check(answer);
      }),
      { numRuns: 400 },
    );
    // Else nothing of it was tried.
    expect(seen.get(200)).toBeGreaterThan(20);
    expect(seen.get(400)).toBeGreaterThan(100);
  }, 120_000);

  it('a good stream stays clean whatever it was asked for beside it, as a cursor or as an id', async () => {
    for (const forged of [...FORGERIES, ...KEYS, 'x'.repeat(5_000)]) {
      const said = encodeURIComponent(forged);
      for (const path of [
        `/stream?streams=BTCUSD:MBP:1,${said}`,
        `/stream?streams=BTCUSD:TRADES&last_id=${said}`,
        `/stream?streams=BTCUSD:MBP:1&last_id=${said}`,
        `/api/stream?last_id=${said}`,
      ]) {
        const answer = await ask(path, {}, 'event: ');
        expect([path, answer.status]).toEqual([path, 200]);
        check(answer);
        expect(answer.text).toContain('event: ');
      }
      const given = {
        'last-event-id': Buffer.from(forged)
          .toString('latin1')
          .replace(/[^\x20-\x7e\x80-\xff]/g, ' '),
      };
      for (const path of ['/api/stream', '/stream?streams=BTCUSD:L2']) {
        const answer = await ask(path, given, 'event: reset');
        expect(answer.status).toBe(200);
        check(answer);
        expect(answer.text).toContain('event: reset');
      }
    }
  }, 60_000);

  it.each([
    ['a megabyte of streams', `GET /stream?streams=${'x'.repeat(MEGABYTE)} HTTP/1.1\r\nHost: x\r\n\r\n`, 431],
    [
      'a megabyte of an id',
      `GET /api/stream HTTP/1.1\r\nHost: x\r\nLast-Event-ID: ${'1'.repeat(MEGABYTE)}\r\n\r\n`,
      431,
    ],
    ['ten thousand headers', `GET /api/stream HTTP/1.1\r\nHost: x\r\n${'a: b\r\n'.repeat(10_000)}\r\n`, 431],
    ['a NUL in an id', 'GET /api/stream HTTP/1.1\r\nHost: x\r\nLast-Event-ID: 1\0-1\r\n\r\n', 400],
    ['a bare CR in an id', 'GET /api/stream HTTP/1.1\r\nHost: x\r\nLast-Event-ID: 1\rid: 2\r\n\r\n', 400],
    ['a folded header', 'GET /api/stream HTTP/1.1\r\nHost: x\r\nLast-Event-ID: 1\r\n folded: 2\r\n\r\n', 400],
    ['a path with a NUL', 'GET /stream?streams=\0 HTTP/1.1\r\nHost: x\r\n\r\n', 400],
    ['a broken escape', 'GET /%zz HTTP/1.1\r\nHost: x\r\n\r\n', 400],
    ['no host', 'GET /api/stream HTTP/1.1\r\n\r\n', 400],
    ['another protocol', '\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03', 400],
  ])('%s is refused before it is read', async (_what, bytes, status) => {
    const answer = await new Promise<string>((resolve) => {
      let got = '';
      const socket = tcp(gateway.port, '127.0.0.1');
      socket.setEncoding('latin1').on('data', (part: string) => {
        got += part;
      });
      socket.on('error', () => {}).on('close', () => resolve(got));
      socket.end(bytes, 'latin1');
    });
    expect(answer).toMatch(new RegExp(`^HTTP/1.1 ${status} `));
    expect((await gateway.request('/health')).status).toBe(200);
  });

  it('it is forgotten with its connection: memory is what it was', async () => {
    setFlagsFromString('--expose-gc');
    const collect = runInNewContext('gc') as () => void;
    const heap = (): number => {
      collect();
      collect();
      return process.memoryUsage().heapUsed;
    };
    const batch = async (seed: number): Promise<void> => {
      const samples = fc.sample(fc.tuple(asked, headers), { numRuns: 150, seed });
      for (let i = 0; i < samples.length; i += 15) {
        const part = samples.slice(i, i + 15);
        await Promise.all(part.map(([{ path, query }, given]) => ask(`${path}?${queryOf(query)}`, given)));
      }
      await until(async () => (await sessions()) === 0, ANSWER_MS, 'no session is left');
    };
    for (let seed = 1; seed <= 3; seed++) await batch(seed);
    const before = heap();
    for (let seed = 4; seed <= 13; seed++) await batch(seed);
    expect(heap() - before).toBeLessThan(HEAP_GROWTH_BYTES_MAX);
  }, 120_000);
});
