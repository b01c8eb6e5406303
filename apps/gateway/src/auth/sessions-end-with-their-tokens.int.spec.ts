import { SseClient, type SseFrame, startRedis, TcpProxy, type TestRedis, until } from '@depthcast/testing';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { LogFeeder } from '../testing/log-feeder.ts';
import { TestGateway } from '../testing/test-gateway.ts';
import { AUTH_ENV, bearer, token } from '../testing/tokens.ts';

const PATHS = ['/stream', '/api/stream', '/protected/stream', '/protected/api/stream'];

let redis: TestRedis;
let feeder: LogFeeder;
let proxy: TcpProxy;
let one: TestGateway;
let two: TestGateway;
/** The one whose Redis can be away. */
let remote: TestGateway;

beforeAll(async () => {
  redis = await startRedis();
  feeder = await LogFeeder.open(redis.url);
  const id = await feeder.book('BTCUSD', [['1.0', '1']], [['2.0', '1']]);
  proxy = await TcpProxy.start(redis);
  one = await TestGateway.start(redis.url, AUTH_ENV);
  two = await TestGateway.start(redis.url, AUTH_ENV);
  remote = await TestGateway.start(proxy.url, AUTH_ENV);
  for (const gateway of [one, two, remote]) await gateway.reaches(id);
});

afterAll(async () => {
  proxy?.heal();
  await TestGateway.stopAll();
  LogFeeder.closeAll();
  await proxy?.close();
  await redis?.stop();
});

async function open(gateway: TestGateway, path: string, text?: string): Promise<SseClient> {
  const client = await SseClient.connect(gateway.url + path, text === undefined ? {} : { headers: bearer(text) });
  expect(client.status).toBe(200);
  await client.next((frame) => frame.id !== undefined || frame.event === 'connection_info');
  return client;
}

/** The last word of a stream, and when its connection ended. */
async function ending(client: SseClient): Promise<{ event: string; data: unknown; endedMs: number }> {
  let last: SseFrame | undefined;
  for await (const frame of client) if (frame.dispatched) last = frame;
  return { event: last?.event ?? '', data: JSON.parse(last?.data ?? 'null'), endedMs: Date.now() };
}

async function refusal(gateway: TestGateway, path: string, text?: string): Promise<unknown> {
  const { text: body } = await gateway.request(path, { headers: text === undefined ? {} : bearer(text) });
  return (JSON.parse(body) as { error: string }).error;
}

async function ticketOf(gateway: TestGateway, text: string): Promise<string> {
  const options = { method: 'POST', headers: bearer(text) };
  const answer = await gateway.request('/api/stream/ticket', options);
  return (JSON.parse(answer.text) as { ticket: string }).ticket;
}

/** As an operator does it, and docs/SECURITY.md says. */
async function revoke(jti: string, ms = 3_600_000): Promise<void> {
  await feeder.client.set(`depthcast:revoked:${jti}`, '1', 'PX', ms);
  await feeder.client.publish('depthcast:control', JSON.stringify({ type: 'revoke', jti }));
}

/** Until every session that has just been opened was looked up once: from then on it takes a notice. */
const askedAbout = () => new Promise((resolve) => setTimeout(resolve, 1_500));

const said = (error: string) => ({ event: 'error', code: 401, error, message: expect.any(String) });

describe('a token that expires', () => {
  it('ends the streams that were opened with it or its tickets, within a second, with the reason', async () => {
    const exp = Math.floor(Date.now() / 1_000) + 3;
    const [text, longer] = [await token({ exp }), await token({ exp: exp + 3_600 })];
    const clients = await Promise.all(PATHS.map((path) => open(one, path, text)));
    clients.push(await open(one, `/api/stream?ticket=${await ticketOf(two, text)}`));
    const others = [await open(one, '/api/stream', longer), await open(one, '/api/stream')];
    for (const { event, data, endedMs } of await Promise.all(clients.map(ending))) {
      expect([event, data]).toEqual(['error', said('TOKEN_EXPIRED')]);
      expect(endedMs).toBeGreaterThanOrEqual(exp * 1_000);
      expect(endedMs).toBeLessThan(exp * 1_000 + 1_900);
    }
    // Nobody else's.
    await feeder.market('BTCUSD', 7);
    for (const other of others) {
      await other.next('market');
      other.close();
    }
    await until(() => one.gateway.fanout.sessions.size === 0);
    expect(await refusal(one, '/api/stream', text)).toBe('TOKEN_EXPIRED');
  });
});

describe('a token that is revoked', () => {
  it('ends its sessions on every gateway within a second, and opens none again', async () => {
    const [text, other] = [await token({ jti: 'gone' }), await token({ jti: 'stays' })];
    const unused = await ticketOf(one, text);
    const clients = await Promise.all([one, two].flatMap((gateway) => PATHS.map((path) => open(gateway, path, text))));
    clients.push(await open(two, `/stream?ticket=${await ticketOf(one, text)}`));
    const others = await Promise.all([one, two].map((gateway) => open(gateway, '/api/stream', other)));
    await askedAbout();
    const revokedMs = Date.now();
    await revoke('gone');
    for (const { event, data, endedMs } of await Promise.all(clients.map(ending))) {
      expect([event, data]).toEqual(['error', said('TOKEN_REVOKED')]);
      expect(endedMs - revokedMs).toBeLessThan(1_000);
    }
    for (const gateway of [one, two]) {
      for (const path of [...PATHS, '/symbols', '/api/orders']) {
        expect(await refusal(gateway, path, text)).toBe('TOKEN_REVOKED');
      }
    }
    expect(await refusal(two, `/stream?ticket=${unused}`)).toBe('TOKEN_REVOKED');
    await feeder.market('BTCUSD', 8);
    for (const client of others) {
      await client.next('market');
      client.close();
    }
  });

  it('cuts off a client that does not read, too', async () => {
    const client = await open(one, '/api/stream?types=all', await token({ jti: 'deaf' }));
    client.pause();
    const filler = 'x'.repeat(100_000);
    for (let i = 0; i < 200; i++) await feeder.append(['market:BTCUSD', `{"type":"market","filler":"${filler}"}`]);
    await one.reaches(feeder.id);
    await revoke('deaf');
    await until(() => one.gateway.fanout.sessions.size === 0, 2_000);
    const sockets = () =>
      new Promise<number>((resolve) => one.app.getHttpServer().getConnections((_: unknown, n: number) => resolve(n)));
    await until(async () => (await sockets()) === 0, 2_000);
    client.close();
  });

  it('is known to be so when nobody was told: the denylist alone is enough', async () => {
    await feeder.client.set('depthcast:revoked:quiet', '1', 'PX', 60_000);
    expect(await refusal(one, '/api/stream', await token({ jti: 'quiet' }))).toBe('TOKEN_REVOKED');
  });

  it('while a gateway cannot reach Redis ends its sessions there when that is back, and lets nobody in meanwhile', async () => {
    const [text, other] = [await token({ jti: 'missed' }), await token({ jti: 'kept' })];
    const clients = await Promise.all(PATHS.map((path) => open(remote, path, text)));
    const kept = await open(remote, '/stream', other);
    const ticket = await ticketOf(one, text);
    await askedAbout();
    proxy.cut();
    await revoke('missed');
    // Not an answer that ends an EventSource for good.
    for (const path of ['/stream', '/protected/api/stream', `/stream?ticket=${ticket}`]) {
      const sent = await SseClient.connect(
        remote.url + path,
        path.includes('ticket') ? {} : { headers: bearer(other) },
      );
      expect(sent.status).toBe(200);
      const { data } = await sent.next('error');
      expect(JSON.parse(data)).toMatchObject({ event: 'error', code: 503, error: 'AUTH_UNAVAILABLE' });
      expect(sent.retryMs).toBeGreaterThanOrEqual(1_000);
      await sent.closed;
    }
    const { status, headers } = await remote.request('/api/orders', { headers: bearer(other) });
    expect([status, headers['retry-after']]).toEqual([503, '1']);
    // What is public stays so.
    expect((await remote.request('/stream', { method: 'HEAD' })).status).toBe(200);
    const healedMs = Date.now();
    proxy.heal();
    for (const { event, data, endedMs } of await Promise.all(clients.map(ending))) {
      expect([event, data]).toEqual(['error', said('TOKEN_REVOKED')]);
      // As soon as the connection is back, which is tried every 2 s at least.
      expect(endedMs - healedMs).toBeLessThan(4_000);
    }
    await until(async () => (await refusal(remote, '/symbols', text)) === 'TOKEN_REVOKED');
    await kept.next('market_data');
    kept.close();
  });
});
