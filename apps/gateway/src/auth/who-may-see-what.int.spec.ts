import { SseClient, type SseFrame, startRedis, type TestRedis } from '@depthcast/testing';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { LogFeeder } from '../testing/log-feeder.ts';
import { TestGateway } from '../testing/test-gateway.ts';
import { AUTH_ENV, bearer, token } from '../testing/tokens.ts';

const UNAUTHORIZED = { event: 'error', code: 401, message: expect.any(String) };
const ORDER_ROUTES = [
  ['GET', '/api/orders?'],
  ['GET', '/api/orders/web-1?'],
  ['POST', '/api/orders?'],
  ['DELETE', '/api/orders/web-1?wait_ms=20&'],
  ['GET', '/api/account?'],
  ['GET', '/api/positions?'],
] as const;

let redis: TestRedis;
let feeder: LogFeeder;
let optional: TestGateway;
let required: TestGateway;
let off: TestGateway;
let alice: string;

beforeAll(async () => {
  redis = await startRedis();
  feeder = await LogFeeder.open(redis.url);
  const id = await feeder.book('BTCUSD', [['1.0', '1']], [['2.0', '1']]);
  [optional, required, off] = await Promise.all([
    TestGateway.start(redis.url, AUTH_ENV),
    TestGateway.start(redis.url, { ...AUTH_ENV, AUTH_MODE: 'required' }),
    TestGateway.start(redis.url, { ...AUTH_ENV, AUTH_MODE: 'off' }),
  ]);
  for (const gateway of [optional, required, off]) await gateway.reaches(id);
  alice = await token();
});

afterAll(async () => {
  await TestGateway.stopAll();
  LogFeeder.closeAll();
  await redis?.stop();
});

interface Answer {
  readonly status: number;
  readonly body: unknown;
  readonly challenge: string | undefined;
}

async function ask(gateway: TestGateway, path: string, headers = {}, method = 'GET'): Promise<Answer> {
  const { status, text, headers: got } = await gateway.request(path, { method, headers });
  return { status, body: text === '' ? undefined : JSON.parse(text), challenge: got['www-authenticate'] };
}

const stream = (gateway: TestGateway, path: string, text?: string, headers: Record<string, string> = {}) =>
  SseClient.connect(gateway.url + path, { headers: { ...headers, ...(text === undefined ? {} : bearer(text)) } });

async function ticketOf(gateway: TestGateway, text: string): Promise<string> {
  const { body, status } = await ask(gateway, '/api/stream/ticket', bearer(text), 'POST');
  expect([status, body]).toEqual([200, { ticket: expect.stringMatching(/^[\w-]{43}$/), expires_in: 30 }]);
  return (body as { ticket: string }).ticket;
}

const fill = (account: string) =>
  [`fill:BTCUSD:${account}`, `{"type":"fill","ts_ns":{ts},"client_order_id":"of-${account}"}`] as const;

describe('private events', () => {
  it('go to the subject of the token alone, live, resumed and after a reset', async () => {
    const bob = await token({ sub: 'bob' });
    const before = feeder.id;
    const isPlaced = (frame: SseFrame) => frame.id !== undefined;
    const paths: [string, ((frame: SseFrame) => boolean) | undefined][] = [
      ['/api/stream?', isPlaced],
      ['/protected/api/stream?', isPlaced],
      ['/api/stream?last_id=1-1&', ({ event }) => event === 'reset'],
      [`/api/stream?last_id=${before}&`, undefined],
    ];
    const listeners: [string | undefined, SseClient][] = [];
    for (const [path, hasBegun] of paths) {
      for (const text of [alice, bob, undefined]) {
        if (text === undefined && path.startsWith('/protected')) continue;
        const client = await stream(optional, `${path}types=all`, text);
        if (hasBegun) await client.next(hasBegun);
        listeners.push([text, client]);
      }
    }
    await feeder.append(fill('alice'), fill('bob'), fill('default'), ['market:BTCUSD', '{"type":"market","price":1}']);
    for (const [text, client] of listeners) {
      const seen: string[] = [];
      for (;;) {
        const frame = await client.next();
        if (frame.event === 'market') break;
        if (frame.event === 'fill') seen.push(frame.data);
      }
      const owners = seen.map((data) => /of-(\w+)/.exec(data)?.[1]);
      expect(owners).toEqual(text === alice ? ['alice'] : text === bob ? ['bob'] : []);
      client.close();
    }
  });

  it('are nobody else’s, though he names their account', async () => {
    for (const path of [
      '/api/stream?account=bob',
      '/protected/api/stream?account=bob',
      '/protected/stream?account=bob',
    ]) {
      const answer = await ask(optional, path, bearer(alice));
      expect(answer).toMatchObject({ status: 403, body: { event: 'error', code: 403, error: 'FORBIDDEN' } });
    }
    const client = await stream(optional, '/api/stream?account=alice', alice);
    expect(client.status).toBe(200);
    client.close();
    const anonymous = await ask(optional, '/api/stream?account=alice');
    expect(anonymous).toEqual({
      status: 401,
      body: { ...UNAUTHORIZED, error: 'TOKEN_MISSING' },
      challenge: 'Bearer realm="depthcast"',
    });
  });
});

describe('orders over REST', () => {
  it.each(ORDER_ROUTES)('%s %s takes a token, and is of its subject', async (method, path) => {
    for (const gateway of [optional, required]) {
      expect(await ask(gateway, path, {}, method)).toMatchObject({
        status: 401,
        body: { ...UNAUTHORIZED, error: 'TOKEN_MISSING' },
        challenge: 'Bearer realm="depthcast"',
      });
      const other = await ask(gateway, `${path}account=bob`, bearer(alice), method);
      expect(other).toMatchObject({ status: 403, body: { error: 'FORBIDDEN' } });
      const own = await ask(gateway, `${path}account=alice`, bearer(alice), method);
      expect([401, 403]).not.toContain(own.status);
      expect(await ask(gateway, path, bearer(alice), method)).toMatchObject({ status: own.status });
    }
    // Nobody asks where AUTH_MODE is off.
    expect([401, 403]).not.toContain((await ask(off, `${path}account=bob`, {}, method)).status);
  });

  it('an order is the subject’s', async () => {
    const order = { symbol: 'BTCUSD', side: 'BUY', qty: 1, price: 1, client_order_id: 'mine' };
    const options = { method: 'POST', headers: { ...bearer(alice), 'content-type': 'application/json' } };
    const { text } = await optional.request('/api/orders', options, JSON.stringify(order));
    expect(JSON.parse(text)).toMatchObject({ account: 'alice', client_order_id: 'mine', status: 'PENDING' });
    const { status } = await optional.request('/api/orders?account=bob', options, JSON.stringify(order));
    expect(status).toBe(403);
  });
});

describe('market data', () => {
  it.each(['/stream?streams=BTCUSD:MBP:1', '/api/stream', '/symbols'])(
    '%s is public, unless all takes a token',
    async (path) => {
      for (const gateway of [optional, off]) expect((await gateway.request(path, { method: 'HEAD' })).status).toBe(200);
      expect(await ask(required, path)).toMatchObject({ status: 401, body: { error: 'TOKEN_MISSING' } });
      expect((await required.request(path, { method: 'HEAD', headers: bearer(alice) })).status).toBe(200);
    },
  );

  it('is not given to a bad token, which wants to be more than it is', async () => {
    const expired = await token({ exp: Math.floor(Date.now() / 1_000) - 1 });
    for (const path of ['/stream', '/api/stream', '/symbols', '/api/orders']) {
      for (const gateway of [optional, required]) {
        expect(await ask(gateway, path, bearer(expired))).toEqual({
          status: 401,
          body: { ...UNAUTHORIZED, error: 'TOKEN_EXPIRED' },
          challenge: 'Bearer realm="depthcast", error="invalid_token"',
        });
        for (const authorization of [
          'Basic YTpi',
          'Bearer',
          'Bearer a b',
          'bearer x',
          `Bearer ${'a'.repeat(10_240)}`,
        ]) {
          const answer = await ask(gateway, path, { authorization });
          expect(answer).toMatchObject({ status: 401, body: { error: 'TOKEN_INVALID' } });
        }
        expect(await ask(gateway, path, bearer(await token({ sub: 'auth0|7' })))).toMatchObject({
          status: 403,
          body: { error: 'FORBIDDEN' },
        });
      }
    }
    expect((await off.request('/symbols', { headers: bearer('whatever') })).status).toBe(200);
  });

  it('probes and what tells a stranger where he is are for all', async () => {
    for (const path of ['/health', '/ready', '/metrics', '/api']) {
      expect((await required.request(path, { headers: bearer('a token of the prober') })).status).toBe(200);
    }
    expect((await required.request('/')).status).toBe(302);
    expect((await required.request('/nowhere')).status).toBe(401);
  });
});

describe('protected paths', () => {
  it.each(['/protected/stream', '/protected/api/stream'])('%s takes a token, whatever AUTH_MODE says', async (path) => {
    for (const gateway of [off, optional, required]) {
      expect(await ask(gateway, path)).toMatchObject({
        status: 401,
        body: { ...UNAUTHORIZED, error: 'TOKEN_MISSING' },
      });
      const late = await token({ exp: Math.floor(Date.now() / 1_000) - 60 });
      expect(await ask(gateway, path, bearer(late))).toMatchObject({ status: 401, body: { error: 'TOKEN_EXPIRED' } });
      const client = await stream(gateway, path, alice);
      expect([client.status, client.headers['content-type']]).toEqual([200, 'text/event-stream; charset=utf-8']);
      await client.next((frame) => frame.id !== undefined || frame.event === 'connection_info');
      client.close();
    }
  });

  it('let nobody in where no key is trusted', async () => {
    const keyless = await (await TestGateway.start(redis.url)).reaches(feeder.id);
    expect(await ask(keyless, '/protected/stream')).toMatchObject({ status: 401, body: { error: 'TOKEN_MISSING' } });
    const answer = await ask(keyless, '/protected/stream', bearer(alice));
    expect(answer).toMatchObject({ status: 401, body: { error: 'TOKEN_INVALID' } });
    await keyless.stop();
  });
});

describe('a ticket', () => {
  it('opens one stream, of the token’s account, and is useless after', async () => {
    const ticket = await ticketOf(optional, alice);
    // Any gateway takes it, but in the one place it is for.
    expect(await ask(required, `/api/orders?ticket=${ticket}`)).toMatchObject({ body: { error: 'TOKEN_MISSING' } });
    const client = await stream(required, `/api/stream?types=all&ticket=${ticket}`);
    await client.next((frame) => frame.id !== undefined);
    await feeder.append(fill('bob'), fill('alice'));
    expect((await client.next('fill')).data).toContain('of-alice');
    for (const gateway of [optional, required]) {
      for (const path of ['/api/stream', '/stream', '/protected/stream', '/protected/api/stream']) {
        // A browser's EventSource repeats its URL.
        const again = await ask(gateway, `${path}?ticket=${ticket}`, { 'last-event-id': client.lastEventId });
        expect(again).toEqual({
          status: 401,
          body: { ...UNAUTHORIZED, error: 'TICKET_INVALID' },
          challenge: 'Bearer realm="depthcast", error="invalid_token"',
        });
      }
    }
    client.close();
  });

  it('is of Redis for 30 s, under its hash, without the token', async () => {
    const ticket = await ticketOf(optional, alice);
    const keys = await feeder.client.keys('depthcast:ticket:*');
    expect(keys).toEqual([expect.stringMatching(/^depthcast:ticket:[0-9a-f]{64}$/)]);
    const [key = ''] = keys;
    expect(await feeder.client.pttl(key)).toBeGreaterThan(25_000);
    expect(await feeder.client.pttl(key)).toBeLessThanOrEqual(30_000);
    const value = (await feeder.client.get(key)) ?? '';
    expect(JSON.parse(value)).toEqual({ account: 'alice', jti: expect.any(String), exp: expect.any(Number) });
    for (const part of [ticket, ...alice.split('.')]) expect(key + value).not.toContain(part);
    // When its time is over.
    await feeder.client.del(key);
    const answer = await ask(optional, `/stream?ticket=${ticket}`);
    expect(answer).toMatchObject({ status: 401, body: { error: 'TICKET_INVALID' } });
  });

  it('is made for a good token alone, and opens nothing when that has expired meanwhile', async () => {
    for (const gateway of [off, optional, required]) {
      const missing = await ask(gateway, '/api/stream/ticket', {}, 'POST');
      expect(missing).toMatchObject({ status: 401, body: { error: 'TOKEN_MISSING' } });
    }
    const short = await token({ exp: Math.floor(Date.now() / 1_000) + 2 });
    const ticket = await ticketOf(optional, short);
    await new Promise((resolve) => setTimeout(resolve, 2_100));
    const late = await ask(optional, `/stream?ticket=${ticket}`);
    expect(late).toMatchObject({ status: 401, body: { error: 'TOKEN_EXPIRED' } });
  });

  it.each(['', 'x', '__proto__', '*', 'a'.repeat(43), `${'a'.repeat(42)}%0a`, '..%2f..%2fcluster', 'a'.repeat(200)])(
    'is not %j',
    async (text) => {
      const answer = await ask(optional, `/stream?ticket=${text}`);
      expect(answer).toMatchObject({ status: 401, body: { error: 'TICKET_INVALID' } });
    },
  );

  it('is one, is not needed beside a token, and is not asked for where nobody asks', async () => {
    expect(await ask(optional, '/stream?ticket=a&ticket=b')).toMatchObject({ body: { error: 'PARAMETER_INVALID' } });
    expect(await ask(optional, '/stream?ticket[]=a')).toMatchObject({ body: { error: 'PARAMETER_INVALID' } });
    const ticket = await ticketOf(optional, alice);
    const beside = await stream(optional, `/stream?ticket=${ticket}`, alice);
    const nobody = await stream(off, '/stream?ticket=whatever');
    const used = await stream(optional, `/stream?ticket=${ticket}`);
    expect([beside.status, nobody.status, used.status]).toEqual([200, 200, 200]);
    for (const client of [beside, nobody, used]) client.close();
  });

  it('is not taken without end by one account', async () => {
    const greedy = await token({ sub: 'greedy' });
    const statuses = new Set<number>();
    for (let i = 0; i < 101; i++)
      statuses.add((await ask(optional, '/api/stream/ticket', bearer(greedy), 'POST')).status);
    expect([...statuses]).toEqual([200, 503]);
    await ticketOf(optional, alice);
  });
});
