import { connect as tcp } from 'node:net';
import { startRedis, type TestRedis } from '@depthcast/testing';
import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { LogFeeder } from '../../testing/log-feeder.ts';
import { SocketClient, type SocketClientOptions } from '../../testing/socket-client.ts';
import { TestGateway } from '../../testing/test-gateway.ts';

const EVENTS = ['ready', 'request_initial_data', 'ping', 'subscribe', 'unsubscribe'];
const NASTY = [
  '__proto__',
  'constructor',
  'toString',
  'hasOwnProperty',
  '',
  '\r\n',
  '\0',
  'x'.repeat(60_000),
  'error',
  'welcome',
];

/** Whatever a client of Socket.IO may send that means nothing: an answer that is typed, and nothing else. */
describe('what a client of Socket.IO cannot mean', () => {
  let redis: TestRedis;
  let feeder: LogFeeder;
  let gateway: TestGateway;

  beforeAll(async () => {
    redis = await startRedis();
    feeder = await LogFeeder.open(redis.url);
    await feeder.book('BTCUSD', [['100.0', '1']], [['101.0', '1']]);
    gateway = await TestGateway.start(redis.url, { SOCKET_EVENTS_PER_SECOND_MAX: '100000', STREAMS_MAX: '5' });
    await gateway.reaches(feeder.id);
  });

  afterEach(async () => {
    SocketClient.closeAll();
    await leftBehind(gateway);
  });

  afterAll(async () => {
    await TestGateway.stopAll();
    LogFeeder.closeAll();
    await redis?.stop();
  });

  const connect = (options: SocketClientOptions = {}, to = gateway) => new SocketClient(to.url, options);

  /** Every session is let go of when its client is gone. */
  async function leftBehind({ gateway: { fanout, views } }: TestGateway): Promise<void> {
    for (let i = 0; fanout.sessions.size + views.sessions.size > 0; i++) {
      if (i > 200) throw new Error(`${fanout.sessions.size} and ${views.sessions.size} sessions are left`);
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
  }

  it.each(NASTY)('answers an event %# that nobody knows with an error event', async (name) => {
    const client = connect();
    await client.next('welcome');
    client.socket.emit(name, { __proto__: null }, [1]);
    const error = await client.next('error');
    expect(error).toEqual({
      event: 'error',
      code: 400,
      error: 'EVENT_UNKNOWN',
      message: expect.stringContaining('takes ready'),
    });
    expect(String(error.message).length).toBeLessThan(400);
    expect(await client.ask(name)).toMatchObject({ ok: false, errors: [{ error: 'EVENT_UNKNOWN' }] });
  });

  it.each([
    ['subscribe', []],
    ['subscribe', [null]],
    ['subscribe', [42]],
    ['subscribe', [{}]],
    ['subscribe', [[]]],
    ['subscribe', ['']],
    ['subscribe', [[1, 2]]],
    ['subscribe', [['BTCUSD:MBP:1', null]]],
    ['subscribe', [Buffer.from('BTCUSD:MBP:1')]],
    ['subscribe', ['BTCUSD:MBP:1', 7]],
    ['subscribe', ['BTCUSD:MBP:1', { interval: 'soon' }]],
    ['subscribe', ['BTCUSD:MBP:1', { interval: 1 }]],
    ['subscribe', ['BTCUSD:MBP:1', { interval: 1e300 }]],
    ['unsubscribe', [{ length: 1 }]],
  ])('refuses %s of %j with PARAMETER_INVALID', async (event, given) => {
    const client = connect();
    await client.next('welcome');
    const answer = await client.ask(event, ...given);
    expect(answer).toMatchObject({
      ok: false,
      streams: [],
      errors: [{ event: 'error', code: 400, error: 'PARAMETER_INVALID' }],
    });
    client.socket.emit(event, ...given);
    expect(await client.next('error')).toMatchObject({ error: 'PARAMETER_INVALID' });
  });

  it.each([
    ['NOPE:MBP:5', 'SYMBOL_UNKNOWN'],
    ['BTCUSD:MBP:0', 'STREAM_INVALID'],
    ['BTCUSD:FOO', 'STREAM_INVALID'],
    ['__proto__', 'STREAM_INVALID'],
    ['BTCUSD:constructor', 'STREAM_INVALID'],
    ['BTC\r\nid: 1\0USD', 'STREAM_INVALID'],
    ['x'.repeat(50_000), 'STREAM_INVALID'],
  ])('says in the acknowledgement what is wrong with stream %#, and gives the others', async (bad, error) => {
    const client = connect();
    await client.next('welcome');
    const answer = await client.ask<{ errors: { message: string; stream_id: string }[] }>('subscribe', [
      bad,
      'BTCUSD:MBP:1',
    ]);
    expect(answer).toMatchObject({ ok: false, streams: ['BTCUSD:MBP:1'], errors: [{ error }] });
    expect(answer.errors[0]?.message.length).toBeLessThan(400);
    expect(answer.errors[0]?.stream_id).toMatch(/^[ -~]{0,100}$/);
    await client.next('market_data');
  });

  it('takes no more streams than STREAMS_MAX, in one subscribe or in ten thousand', async () => {
    const client = connect();
    await client.next('welcome');
    const many = Array.from({ length: 3_000 }, (_, i) => `BTCUSD:MBP:${(i % 1_000) + 1}`);
    const answer = await client.ask<{ streams: string[]; errors: object[] }>('subscribe', many);
    expect(answer.streams).toHaveLength(5);
    expect(answer.errors).toHaveLength(5);
    expect(answer.errors[0]).toMatchObject({
      error: 'PARAMETER_INVALID',
      message: expect.stringMatching(/^more than 5 streams/),
    });
    client.socket.emit('subscribe', 'BTCUSD:MBP:900');
    expect(await client.next('error')).toMatchObject({ error: 'PARAMETER_INVALID', stream_id: 'BTCUSD:MBP:900' });
    for (let i = 0; i < 10_000; i++) client.socket.emit('subscribe', `BTCUSD:MBP:${(i % 1_000) + 1}`);
    expect(await client.ask('subscribe', 'BTCUSD:MBO:1')).toMatchObject({ ok: false });
    expect(gateway.gateway.views.sessions.size).toBe(1);
  });

  it.each(['websocket', 'polling'])(
    'lets go of who sends a megabyte, by %s, and says why where it can',
    async (transport) => {
      const client = connect({ transports: [transport], reconnection: false });
      await client.next('welcome');
      client.socket.emit('subscribe', 'x'.repeat(1 << 20));
      if (transport === 'websocket') {
        expect(await client.next('error')).toMatchObject({ code: 413, error: 'BODY_TOO_LARGE' });
      }
      await client.next('disconnect');
    },
  );

  it.each([
    ['lastId', { lastId: { $gt: '' } }],
    ['lastId', { lastId: 'x'.repeat(3_000) }],
    ['lastId', { lastId: -1 }],
    ['streams', { streams: [{}] }],
    ['interval', { interval: 7 }],
    ['ready', { ready: 'yes' }],
    ['chain', { chain: 1 }],
    ['token', { token: 7 }],
  ])('refuses a handshake whose %s means nothing, for good', async (name, auth) => {
    const client = connect({ auth });
    expect(await client.next('connect_error')).toMatchObject({
      event: 'error',
      code: 400,
      error: 'PARAMETER_INVALID',
      message: expect.stringMatching(`^auth.${name} `),
    });
    expect(client.socket.active).toBe(false);
  });

  it('has no other namespace', async () => {
    const client = new SocketClient(`${gateway.url}/admin`);
    expect(await client.next('connect_error')).toEqual({ message: 'Invalid namespace' });
  });

  it('refuses pages of other origins than CORS_ORIGIN names, also where browsers do not ask', async () => {
    const strict = await TestGateway.start(redis.url, { CORS_ORIGIN: 'https://desk.example' });
    await strict.reaches(feeder.id);
    const from = (origin: string, transport: string) =>
      connect({ transports: [transport], extraHeaders: { origin }, reconnection: false }, strict);
    for (const transport of ['websocket', 'polling']) {
      await from('https://evil.example', transport).next('connect_error');
      await from('https://desk.example', transport).next('welcome');
    }
    SocketClient.closeAll();
    await strict.stop();
  });

  it('refuses more clients than SESSIONS_MAX, with those of SSE, and they come in when there is room', async () => {
    const small = await TestGateway.start(redis.url, { SESSIONS_MAX: '1' });
    await small.reaches(feeder.id);
    const first = connect({}, small);
    await first.next('welcome');
    const second = connect({}, small);
    await second.next('connect_error');
    expect(await small.text('/api/stream')).toContain('all 1 sessions are taken');
    first.close();
    await second.next('welcome');
    second.close();
    await small.stop();
  });

  it('answers too many events a second with an error, and disconnects who goes on', async () => {
    const strict = await TestGateway.start(redis.url, { SOCKET_EVENTS_PER_SECOND_MAX: '20' });
    await strict.reaches(feeder.id);
    const client = connect({}, strict);
    await client.next('welcome');
    for (let i = 0; i < 30; i++) client.socket.emit('ping');
    expect(await client.next('error')).toMatchObject({ code: 429, error: 'EVENT_RATE_EXCEEDED' });
    expect(client.of('pong').length).toBeLessThan(30);
    for (let i = 0; i < 60; i++) client.socket.emit('ping');
    expect(await client.next('disconnect')).toMatchObject({ reason: expect.stringMatching(/disconnect|close/) });
    const other = connect({}, strict);
    await other.next('welcome');
    other.close();
    await strict.stop();
  });

  it('survives whatever bytes come as packets', async () => {
    const packet = fc.oneof(
      fc.string({ maxLength: 200 }),
      fc.constantFrom(
        '2',
        '3',
        '40',
        '41',
        '42',
        '40/x,',
        '43',
        '44',
        '45',
        '451-["x"]',
        '42[]',
        '42[1]',
        '42["__proto__"]',
        '4299999999999["ping"]',
      ),
      fc.tuple(fc.constantFrom(...EVENTS), fc.jsonValue()).map(([name, value]) => `42${JSON.stringify([name, value])}`),
    );
    await fc.assert(
      fc.asyncProperty(fc.array(packet, { maxLength: 20 }), async (packets) => {
        const client = connect({ reconnection: false });
        await client.next('welcome');
        const { engine } = client.socket.io;
        for (const text of packets) engine.write(text.startsWith('4') ? text.slice(1) : text);
        await Promise.race([client.ask('ping').catch(() => {}), client.next('disconnect').catch(() => {})]);
        client.close();
      }),
      { numRuns: 40 },
    );
    const after = connect();
    expect(await after.ask('ping')).toEqual({ time: expect.any(Number) });
  });

  it('survives whatever arguments come with its own events', async () => {
    const client = connect();
    await client.next('welcome');
    await fc.assert(
      fc.asyncProperty(
        fc.constantFrom(...EVENTS, ...NASTY.slice(0, 7)),
        fc.array(fc.jsonValue(), { maxLength: 3 }),
        async (name, given) => {
          const answer = await client.ask(name, ...given);
          expect(answer).toBeInstanceOf(Object);
        },
      ),
      { numRuns: 200 },
    );
  });

  it('survives requests to its path that are no Engine.IO', async () => {
    for (const path of [
      '/socket.io/',
      '/socket.io/?EIO=4',
      '/socket.io/?EIO=4&transport=__proto__',
      '/socket.io/?EIO=4&transport=polling&sid=__proto__',
      '/socket.io/?EIO=3&transport=polling',
    ]) {
      expect((await gateway.request(path)).status).toBe(400);
      expect((await gateway.request(path, { method: 'POST' }, 'x')).status).toBe(400);
    }
    const raw = tcp(gateway.port, '127.0.0.1');
    const ended = new Promise<void>((resolve) => raw.once('close', () => resolve()));
    raw.on('error', () => {});
    raw.write('GET /elsewhere HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n');
    raw.resume();
    await ended;
    expect((await gateway.request('/health')).status).toBe(200);
  });
});
