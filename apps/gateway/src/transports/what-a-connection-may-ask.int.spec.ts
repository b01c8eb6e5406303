import { connect } from 'node:net';
import { SseClient, startRedis, type TestRedis, until } from '@depthcast/testing';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { LogFeeder } from '../testing/log-feeder.ts';
import { TestGateway } from '../testing/test-gateway.ts';
import { AUTH_ENV, bearer, token } from '../testing/tokens.ts';

let redis: TestRedis;
let gateway: TestGateway;
const lines: string[] = [];

beforeAll(async () => {
  redis = await startRedis();
  const feeder = await LogFeeder.open(redis.url);
  const id = await feeder.book('BTCUSD', [['1.0', '1']], [['2.0', '1']]);
  const env = {
    ...AUTH_ENV,
    LOG_LEVEL: 'trace',
    TRUST_PROXY: 'loopback',
    SESSIONS_PER_IP_MAX: '2',
    CORS_ORIGIN: 'https://page.example',
  };
  gateway = await TestGateway.start(redis.url, env, (line) => void lines.push(line));
  await gateway.reaches(id);
});

afterAll(async () => {
  await TestGateway.stopAll();
  LogFeeder.closeAll();
  await redis?.stop();
});

/** Bytes to a socket, and all that comes back. */
function raw(bytes: string): Promise<string> {
  return new Promise((resolve, reject) => {
    let text = '';
    const socket = connect(gateway.port, '127.0.0.1', () => socket.write(bytes));
    socket.setEncoding('latin1').on('data', (part: string) => {
      text += part;
    });
    socket.on('error', reject).on('close', () => resolve(text));
  });
}

const from = (address: string, path = '/stream') =>
  SseClient.connect(gateway.url + path, { headers: { 'x-forwarded-for': address } });

describe('one address', () => {
  it('has two streams at most, of whatever kind, and is told to come back', async () => {
    const first = await from('198.51.100.1', '/api/stream');
    const second = await from('198.51.100.1');
    await second.next('connection_info');
    const third = await from('198.51.100.1');
    expect(third.status).toBe(200);
    const { data } = await third.next('error');
    expect(JSON.parse(data)).toEqual({
      event: 'error',
      code: 429,
      error: 'TOO_MANY_CONNECTIONS',
      message: 'one address has 2 streams at most',
    });
    expect(third.retryMs).toBeGreaterThanOrEqual(1_000);
    await third.closed;
    // Whoever the client says stands before its proxy is nobody that the proxy saw.
    const spoofed = await from('203.0.113.9, 198.51.100.1');
    await spoofed.next('error');
    const other = await from('198.51.100.2');
    await other.next('connection_info');
    first.close();
    await until(async () => {
      const again = await from('198.51.100.1');
      const frame = await again.next();
      again.close();
      return frame.event === 'connection_info';
    });
    for (const client of [second, other]) client.close();
  });

  it('is the one that connects where no proxy is trusted', async () => {
    const direct = await TestGateway.start(redis.url, { SESSIONS_PER_IP_MAX: '1' });
    await until(() => direct.gateway.hasStarted);
    const headers = (address: string) => ({ headers: { 'x-forwarded-for': address } });
    const first = await SseClient.connect(`${direct.url}/stream`, headers('198.51.100.1'));
    await first.next('connection_info');
    const second = await SseClient.connect(`${direct.url}/stream`, headers('198.51.100.2'));
    expect(JSON.parse((await second.next('error')).data).code).toBe(429);
    first.close();
    await direct.stop();
  });
});

describe('a request', () => {
  it('with too long a head is a 431, and what is no HTTP a 400, of the one shape', async () => {
    const long = await raw(`GET /symbols HTTP/1.1\r\nHost: x\r\nX-Long: ${'a'.repeat(17 << 10)}\r\n\r\n`);
    expect(long).toMatch(/^HTTP\/1\.1 431 .*\r\n/);
    expect(JSON.parse(long.slice(long.indexOf('\r\n\r\n')))).toEqual({
      event: 'error',
      code: 431,
      error: 'HEADERS_TOO_LARGE',
      message: 'path and headers have more than 16384 bytes',
    });
    for (const bytes of [
      '\u0000\u0001\u0002\r\n\r\n',
      'GET\r\n\r\n',
      'GET / HTTP/1.1\r\nHost: x\r\nA: b\u0000c\r\n\r\n',
    ]) {
      const answer = await raw(bytes);
      expect(answer).toMatch(/^HTTP\/1\.1 400 Bad Request\r\n/);
      expect(JSON.parse(answer.slice(answer.indexOf('\r\n\r\n')))).toMatchObject({
        code: 400,
        error: 'REQUEST_MALFORMED',
      });
    }
  });

  it('is answered with what keeps a browser from misreading it', async () => {
    const good = await token();
    const answers = await Promise.all([
      gateway.request('/symbols'),
      gateway.request('/stream', { method: 'HEAD' }),
      gateway.request('/api/stream?types=no'),
      gateway.request('/nowhere'),
      gateway.request('/api/orders'),
      gateway.request('/api/stream/ticket', { method: 'POST', headers: bearer(good) }),
    ]);
    expect(answers.map(({ status }) => status)).toEqual([200, 200, 400, 404, 401, 200]);
    for (const { headers } of answers) {
      expect(headers).toMatchObject({
        'x-content-type-options': 'nosniff',
        'content-security-policy': "frame-ancestors 'none'",
        'referrer-policy': 'no-referrer',
      });
    }
    expect(answers.at(-1)?.headers['cache-control']).toBe('no-store');
    const client = await SseClient.connect(`${gateway.url}/stream`);
    expect(client.headers['x-content-type-options']).toBe('nosniff');
    client.close();
  });

  it('that is refused for its token can be read by the pages that are named, and by no others', async () => {
    for (const [origin, allowed] of [
      ['https://page.example', 'https://page.example'],
      ['https://other.example', undefined],
    ] as const) {
      for (const path of ['/api/orders', '/protected/stream', '/stream?ticket=used']) {
        const { status, headers } = await gateway.request(path, { headers: { origin } });
        expect([status, headers['access-control-allow-origin']]).toEqual([401, allowed]);
        expect(headers['access-control-expose-headers']).toContain('WWW-Authenticate');
      }
    }
    const preflight = {
      origin: 'https://page.example',
      'access-control-request-method': 'POST',
      'access-control-request-headers': 'authorization',
    };
    const { status, headers } = await gateway.request('/api/stream/ticket', { method: 'OPTIONS', headers: preflight });
    expect(status).toBe(204);
    expect(headers['access-control-allow-headers']).toMatch(/authorization/i);
  });
});

describe('the log', () => {
  it('has no token and no ticket in it, whatever is done with them', async () => {
    const good = await token();
    const bad = `${good.slice(0, -4)}AAAA`;
    const ticketed = await gateway.request('/api/stream/ticket', { method: 'POST', headers: bearer(good) });
    const { ticket } = JSON.parse(ticketed.text) as { ticket: string };
    for (const text of [good, bad, 'opaque-token-0123456789']) {
      for (const path of ['/stream', '/symbols', '/nowhere', '/%zz', '/api/orders/x', `/api/stream?last_id=${text}`]) {
        await gateway.request(path, { method: 'HEAD', headers: bearer(text) });
      }
    }
    for (const path of ['/stream', '/nowhere', '/%zz', '/protected/stream']) {
      await gateway.request(`${path}?ticket=${ticket}`, { method: 'HEAD' });
    }
    await raw(`GET /stream?ticket=${ticket} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${good}\u0000\r\n\r\n`);
    expect(lines.length).toBeGreaterThan(0);
    const log = lines.join('');
    for (const part of [...good.split('.'), bad.split('.')[2] as string, ticket, 'opaque-token']) {
      expect(log).not.toContain(part);
    }
  });
});
