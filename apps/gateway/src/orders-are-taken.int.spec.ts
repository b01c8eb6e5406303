import type { IncomingMessage } from 'node:http';
import { connect } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { gzipSync } from 'node:zlib';
import { partitionKeys } from '@depthcast/log';
import { SseClient, startRedis, TcpProxy, type TestRedis, until } from '@depthcast/testing';
import { afterAll, afterEach, beforeAll, describe, expect, it, jest } from '@jest/globals';
import type { Logger } from '@nestjs/common';
import { BaseExceptionFilter } from '@nestjs/core';
import { LogFeeder } from './testing/log-feeder.ts';
import { TestGateway } from './testing/test-gateway.ts';

const ORDER = { symbol: 'BTCUSD', side: 'BUY', qty: 0.5, price: 100.25 } as const;
const STARTING = '{"asset":"BTC","free":100,"locked":0},{"asset":"USD","free":10000000,"locked":0}';

/** What an engine would say, by hand. */
class ByHand {
  readonly #feeder: LogFeeder;
  #number = 0;

  constructor(feeder: LogFeeder) {
    this.#feeder = feeder;
  }

  async update(
    id: string,
    status: string,
    { account = 'default', reason = '', symbol = 'BTCUSD' } = {},
  ): Promise<void> {
    const number = `"venue_order_id":"${++this.#number}"`;
    const of = `"symbol":"${symbol}","side":"BUY"`;
    await this.#feeder.append(
      [
        `order_update:${symbol}:${account}`,
        `{"type":"order_update","ts_ns":{ts},"client_order_id":"${id}",${number},"status":"${status}",${of},"qty":0.5,"price":100.25,"reason":"${reason}"}`,
      ],
      [
        `order_state:${symbol}:${account}`,
        `{"type":"order_state","client_order_id":"${id}","status":"${status}",${of},"order_qty":0.5,"limit_price":100.25,${number},"executed_qty":0,"avg_price":0,"reason":"${reason}","last_ts_ns":{ts}}`,
      ],
    );
  }

  /** How an order stands that has ended before. */
  async state(id: string, status: string, account: string): Promise<void> {
    await this.#feeder.append([
      `order_state:BTCUSD:${account}`,
      `{"type":"order_state","client_order_id":"${id}","status":"${status}","symbol":"BTCUSD","side":"BUY","order_qty":0.5,"limit_price":100.25,"executed_qty":0.5,"avg_price":100,"reason":"","last_ts_ns":{ts}}`,
    ]);
  }

  async unknownOrder(id: string, account = 'default'): Promise<void> {
    await this.#feeder.append([
      `order_update::${account}`,
      `{"type":"order_update","ts_ns":{ts},"client_order_id":"${id}","status":"REJECTED","reason":"unknown_order"}`,
    ]);
  }
}

describe('POST and DELETE /api/orders', () => {
  let redis: TestRedis;
  let proxy: TcpProxy;
  let feeder: LogFeeder;
  let engine: ByHand;
  let gateway: TestGateway;

  beforeAll(async () => {
    redis = await startRedis();
    proxy = await TcpProxy.start(redis);
    feeder = await LogFeeder.open(redis.url);
    engine = new ByHand(feeder);
    await feeder.tradable('BTCUSD');
    await feeder.storeBooks([], `{"startingBalances":[${STARTING}],"accounts":{}}`);
    await feeder.tradable('BTCUSD');
    const id = await feeder.append(
      ['market:PLAIN', '{"type":"market","symbol":"PLAIN","ts_ns":{ts},"price":1}'],
      [
        'symbol:LOOK',
        '{"type":"symbol","symbol":"LOOK","ts_ns":{ts},"venue":"test","book":"levels","tick":"1","step":"1"}',
      ],
    );
    gateway = await TestGateway.start(proxy.url, { ORDER_SEND_MS: '300', ORDERS_PENDING_MAX: '4' });
    await gateway.reaches(id);
  });

  afterEach(() => proxy.heal());

  afterAll(async () => {
    await TestGateway.stopAll();
    LogFeeder.closeAll();
    await proxy?.close();
    await redis?.stop();
  });

  /** Orders and cancels that the inbox has of a client order id. */
  const inputs = async (id?: unknown) =>
    (await feeder.inbox()).filter(({ type, orderId }) => type !== 'clock' && orderId === id);
  const appended = async (id: string, count = 1) => {
    let got = await inputs(id);
    await until(async () => {
      got = await inputs(id);
      return got.length >= count;
    });
    return got;
  };

  it('an order is in the inbox when its 202 comes, exactly as it was asked for', async () => {
    const body =
      '{"symbol":"btc/usd","side":"SELL","qty":0.500,"price":"100.250","time_in_force":"IOC","client_order_id":"one"}';
    const { status, body: answer } = await gateway.order(body, '?account=alice');
    expect(status).toBe(202);
    expect(answer).toEqual({ client_order_id: 'one', status: 'PENDING', account: 'alice', symbol: 'BTCUSD' });
    expect(await inputs('one')).toEqual([
      {
        src: expect.any(String),
        seq: expect.any(Number),
        type: 'order',
        symbol: 'BTCUSD',
        account: 'alice',
        orderId: 'one',
        side: 'SELL',
        qty: '0.500',
        price: '100.250',
        tif: 'IOC',
        tsEventUs: expect.any(Number),
        tsRecvUs: expect.any(Number),
      },
    ]);
  });

  it('an order without a name is given one that is good for a URL, another one each', async () => {
    const ids = new Set<string>();
    for (let i = 0; i < 3; i++) {
      const { body } = await gateway.order({ ...ORDER, post_only: true });
      const { client_order_id: id, account } = body as { client_order_id: string; account: string };
      expect(account).toBe('default');
      expect(id).toMatch(/^[A-Za-z0-9._-]{1,36}$/);
      expect(await inputs(id)).toMatchObject([{ type: 'order', account: 'default', postOnly: true, price: '100.25' }]);
      ids.add(id);
    }
    expect(ids.size).toBe(3);
  });

  it('is dated by the clock of the log, which a replay of an old market runs by', async () => {
    const second = Math.floor(feeder.tsUs / 1e6) + 7;
    await gateway.reaches(
      await feeder.append(['clock', `{"type":"clock","ts_ns":${second}000000000,"second":${second}}`]),
    );
    await gateway.order({ ...ORDER, client_order_id: 'dated' });
    const [input] = await inputs('dated');
    const sinceUs = (input?.tsEventUs as number) - second * 1e6;
    expect(sinceUs).toBeGreaterThanOrEqual(0);
    expect(sinceUs).toBeLessThan(1_000_000);
    expect(Math.abs((input?.tsRecvUs as number) / 1_000 - Date.now())).toBeLessThan(5_000);
  });

  it('a client order id that is known has the first result, and nothing is appended', async () => {
    await gateway.order({ ...ORDER, client_order_id: 'twice' });
    await engine.update('twice', 'ACCEPTED');
    await gateway.reaches(feeder.id);
    const again = await gateway.order({ ...ORDER, side: 'SELL', qty: 9, client_order_id: 'twice' });
    expect([again.status, again.body]).toEqual([
      202,
      { client_order_id: 'twice', status: 'ACCEPTED', account: 'default', symbol: 'BTCUSD' },
    ]);
    const waited = await gateway.order({ ...ORDER, client_order_id: 'twice' }, '?wait=ack');
    expect(waited).toMatchObject({
      status: 200,
      body: { type: 'order_update', client_order_id: 'twice', status: 'ACCEPTED', qty: 0.5, price: 100.25 },
    });
    expect(await inputs('twice')).toHaveLength(1);
    // The same name of another account is another order.
    expect(await gateway.order({ ...ORDER, client_order_id: 'twice' }, '?account=bob')).toMatchObject({
      status: 202,
      body: { status: 'PENDING' },
    });
    expect(await inputs('twice')).toHaveLength(2);
  });

  it('wait=ack has the first order_update, byte for byte, and 422 when that is a refusal', async () => {
    const options = { method: 'POST', headers: { 'content-type': 'application/json' } };
    const body = JSON.stringify({ ...ORDER, client_order_id: 'acked' });
    const pending = gateway.request('/api/orders?wait=ack', options, body);
    await appended('acked');
    await engine.update('acked', 'ACCEPTED', { account: 'alice' });
    await engine.update('other', 'ACCEPTED');
    await engine.update('acked', 'ACCEPTED');
    const { status, text, headers } = await pending;
    expect(status).toBe(200);
    expect(headers['content-type']).toBe('application/json; charset=utf-8');
    const log = await feeder.client.xrevrange(partitionKeys().log, '+', '-', 'COUNT', 2);
    expect(text).toBe(log[1]?.[1]?.[1]);
    const again = await gateway.request('/api/orders?wait=ack', options, body);
    expect([again.status, JSON.parse(again.text)]).toEqual([200, { ...JSON.parse(text), ts_ns: expect.any(Number) }]);
    const refused = gateway.order({ ...ORDER, client_order_id: 'poor' }, '?wait=ack');
    await appended('poor');
    await engine.update('poor', 'REJECTED', { reason: 'insufficient_balance' });
    expect(await refused).toMatchObject({
      status: 422,
      body: { type: 'order_update', status: 'REJECTED', reason: 'insufficient_balance' },
    });
    // It stays refused, and its name is taken.
    expect(await gateway.order({ ...ORDER, client_order_id: 'poor' })).toMatchObject({
      status: 202,
      body: { status: 'REJECTED' },
    });
    expect((await gateway.order({ ...ORDER, client_order_id: 'poor' }, '?wait=ack')).status).toBe(422);
    expect(await inputs('poor')).toHaveLength(1);
  });

  it('wait=ack is a 504 that says where the order is when no engine answers', async () => {
    const { status, body } = await gateway.order({ ...ORDER, client_order_id: 'silent' }, '?wait=ack&wait_ms=30');
    expect(status).toBe(504);
    expect(body).toMatchObject({ event: 'error', code: 504, error: 'ACK_TIMEOUT', client_order_id: 'silent' });
    expect(await inputs('silent')).toHaveLength(1);
  });

  it('a cancel is 200 with the update, 404 when there is nothing to cancel, 504 when no engine answers', async () => {
    const cancelled = gateway.cancel('mine');
    await appended('mine');
    await engine.update('mine', 'PARTIALLY_FILLED');
    await engine.update('mine', 'CANCELLED', { account: 'alice' });
    await engine.update('mine', 'CANCELLED');
    expect(await cancelled).toMatchObject({ status: 200, body: { type: 'order_update', status: 'CANCELLED' } });
    const unknown = gateway.cancel('nothing', '?account=alice');
    const [input] = await appended('nothing');
    expect(input).toMatchObject({ type: 'cancel', account: 'alice', orderId: 'nothing' });
    await engine.unknownOrder('nothing');
    await engine.unknownOrder('nothing', 'alice');
    expect(await unknown).toMatchObject({ status: 404, body: { error: 'ORDER_UNKNOWN', client_order_id: 'nothing' } });
    expect(await gateway.cancel('slow', '?wait_ms=20')).toMatchObject({ status: 504, body: { error: 'ACK_TIMEOUT' } });
    expect(await inputs('slow')).toHaveLength(1);
    expect(await gateway.cancel('a%20b')).toMatchObject({ status: 400, body: { error: 'ORDER_INVALID' } });
  });

  it('a refused cancel of that name does not answer an order', async () => {
    const placed = gateway.order({ ...ORDER, client_order_id: 'race' }, '?wait=ack');
    await appended('race');
    await engine.unknownOrder('race');
    await engine.update('race', 'ACCEPTED');
    expect(await placed).toMatchObject({ status: 200, body: { status: 'ACCEPTED' } });
  });

  it('while Redis is away it is a 503 with the name to come back with, and is taken as soon as it is back', async () => {
    proxy.cut();
    const away = await gateway.order(ORDER);
    expect(away.status).toBe(503);
    expect(Number(away.headers['retry-after'])).toBeGreaterThanOrEqual(1);
    const { client_order_id: id, ...error } = away.body as Record<string, string>;
    expect(error).toMatchObject({ event: 'error', code: 503, error: 'OVERLOADED', message: expect.any(String) });
    expect((await gateway.cancel('any')).status).toBe(503);
    proxy.heal();
    await until(async () => (await gateway.order({ ...ORDER, client_order_id: id })).status === 202, 10_000);
    // It may have been on its way more than once; for the engine one account and name is one order.
    expect(new Set((await inputs(id)).map(({ account }) => account))).toEqual(new Set(['default']));
  });

  it('an order whose reply is lost is sent again with its seq, which the engine applies once', async () => {
    const swallow = proxy.swallowReplyOf((request) => request.includes('lost-reply'));
    expect((await gateway.order({ ...ORDER, client_order_id: 'lost-reply' }, '')).status).toBe(202);
    expect(swallow.swallowed).toBe(1);
    const got = await inputs('lost-reply');
    expect(got).toHaveLength(2);
    expect(got[1]).toEqual(got[0]);
  });

  it('a Redis that lost an order it had taken is given it again, though nobody sends another', async () => {
    expect((await gateway.order({ ...ORDER, client_order_id: 'lost-later' })).status).toBe(202);
    // Another process with the same address and nothing in its memory.
    const other = await startRedis();
    proxy.retarget(other);
    const client = other.client();
    await until(async () =>
      (await client.xrange(partitionKeys().inbox, '-', '+')).flat(2).join().includes('lost-later'),
    );
    proxy.retarget(redis);
    await other.stop();
  });

  it('so many may wait at once, and who leaves makes room', async () => {
    const before = gateway.gateway.acks;
    const leaving = await Promise.all(
      Array.from({ length: 4 }, async (_, i) => {
        const controller = new AbortController();
        const options = { method: 'POST', headers: { 'content-type': 'application/json' }, signal: controller.signal };
        const body = JSON.stringify({ ...ORDER, client_order_id: `leaver-${i}` });
        const gone = gateway.request('/api/orders?wait=ack&wait_ms=30000', options, body).catch(() => 'gone');
        await appended(`leaver-${i}`);
        return { controller, gone };
      }),
    );
    const full = await gateway.order({ ...ORDER, client_order_id: 'one-too-many' });
    expect(full).toMatchObject({ status: 503, body: { error: 'OVERLOADED', message: 'all 4 orders are pending' } });
    for (const { controller, gone } of leaving) {
      controller.abort();
      expect(await gone).toBe('gone');
    }
    await until(async () => (await gateway.order({ ...ORDER, client_order_id: 'one-too-many' })).status === 202);
    expect(before.size).toBe(0);
    expect(await gateway.text('/metrics')).toMatch(
      /depthcast_gateway_orders_total\{.*command="order",outcome="left".*\} 4/,
    );
  });

  describe('what is wrong with a request', () => {
    const post = async (type: string | undefined, body: string) => {
      const headers = type === undefined ? {} : { 'content-type': type };
      const { status, text } = await gateway.request('/api/orders', { method: 'POST', headers }, body);
      return { status, body: JSON.parse(text) as Record<string, unknown> };
    };
    const json = (body: string) => post('application/json', body);
    const good = JSON.stringify(ORDER);

    it.each([
      ['no JSON', 'application/json', 'qty=1', 400, 'ORDER_INVALID'],
      ['nothing', 'application/json', '', 400, 'ORDER_INVALID'],
      ['nothing at all', undefined, '', 400, 'ORDER_INVALID'],
      ['an array', 'application/json', `[${good}]`, 400, 'ORDER_INVALID'],
      ['too much', 'application/json', `{"symbol":"${'A'.repeat(20_000)}"}`, 413, 'BODY_TOO_LARGE'],
      ['a megabyte', 'application/json', `{"qty":"${'9'.repeat(1 << 20)}"}`, 413, 'BODY_TOO_LARGE'],
      ['a form', 'application/x-www-form-urlencoded', 'symbol=BTCUSD', 415, 'BODY_TYPE_UNKNOWN'],
      ['text', 'text/plain', good, 415, 'BODY_TYPE_UNKNOWN'],
      ['XML', 'application/xml', '<order/>', 415, 'BODY_TYPE_UNKNOWN'],
      ['no type', undefined, good, 415, 'BODY_TYPE_UNKNOWN'],
      ['another charset', 'application/json; charset=utf-16', good, 415, 'BODY_TYPE_UNKNOWN'],
      ['brackets', 'application/json', '['.repeat(16_000), 400, 'ORDER_INVALID'],
    ])('%s is refused in the one shape', async (_, type, text, code, error) => {
      const { status, body } = await post(type, text);
      expect(status).toBe(code);
      expect(body).toEqual({ event: 'error', code, error, message: expect.stringMatching(/^body /) });
    });

    it.each([
      ['{"__proto__":{"a":1}}', '"__proto__"'],
      ['{"constructor":{"prototype":1}}', '"constructor"'],
      ['{"symbol":"BTCUSD","side":"BUY","qty":1e309}', 'qty 1e309'],
      ['{"symbol":"BTCUSD","side":"BUY","qty":NaN}', 'qty NaN is not allowed: takes a plain decimal'],
      ['{"symbol":"BTCUSD","side":"BUY","qty":0.0105}', 'qty "0.0105" is not a multiple of 0.001'],
      ['{"symbol":"BTCUSD","side":"BUY","qty":0.001}', 'qty "0.001" is not allowed: takes at least 0.01'],
      ['{"symbol":"BTCUSD","side":"BUY","qty":1000}', 'qty "1000" is not allowed: takes at most 100'],
      ['{"symbol":"BTCUSD","side":"BUY","qty":0.01,"price":100}', 'qty "0.01" is not allowed: takes so much'],
      ['{"symbol":"BTCUSD","side":"BUY","qty":1,"price":100.123}', 'price "100.123" is not a multiple of 0.01'],
      ['{"symbol":"BTCUSD","side":"BUY","qty":1,"price":99999999999999999999}', 'price "9'],
      ['{"symbol":"LOOK","side":"BUY","qty":1,"price":1}', 'symbol "LOOK" takes no orders'],
      ['{"symbol":"NOPE","side":"BUY","qty":1,"price":1}', 'symbol "NOPE" is not known here: takes BTCUSD'],
      ['{"symbol":"BTCUSD","side":"BUY","qty":1,"leverage":100}', '"leverage" is no field'],
    ])('%s is a 400 that begins with %s', async (text, start) => {
      const { status, body } = await json(text);
      expect(status).toBe(400);
      expect(body).toMatchObject({ event: 'error', code: 400, error: expect.any(String) });
      expect((body.message as string).startsWith(start)).toBe(true);
    });

    it.each([
      'account=a:b',
      'account=',
      'account=alice&account=bob',
      'account[]=alice',
      'wait=yes',
      'wait_ms=0',
      'wait_ms=30001',
      'wait_ms=1e3',
    ])('?%s is a 400 that names the parameter', async (query) => {
      const { status, body } = await gateway.order(ORDER, `?${query}`);
      expect(status).toBe(400);
      expect(body).toMatchObject({
        error: 'PARAMETER_INVALID',
        message: expect.stringContaining(query.split(/[=[]/)[0] ?? ''),
      });
    });

    it.each(['status=closed', 'limit=0', 'limit=1101', 'limit=ten', 'account=*'])(
      'GET /api/orders?%s too',
      async (query) => {
        const { status, body } = await gateway.json(`/api/orders?${query}`);
        expect([status, (body as { error: string }).error]).toEqual([400, 'PARAMETER_INVALID']);
      },
    );

    it('GET /api/orders of a symbol that is not known too', async () => {
      const { status, body } = await gateway.json('/api/orders?symbol=nope');
      expect([status, body]).toEqual([
        400,
        expect.objectContaining({ error: 'SYMBOL_UNKNOWN', message: expect.stringMatching(/^symbol "NOPE" is not/) }),
      ]);
      expect((await gateway.request('/api/orders?symbol=plain')).status).toBe(200);
    });

    it('a body that is compressed is a 415 that says so', async () => {
      const headers = { 'content-type': 'application/json', 'content-encoding': 'gzip' };
      const { status, text } = await gateway.request('/api/orders', { method: 'POST', headers }, gzipSync(good));
      expect([status, JSON.parse(text)]).toEqual([
        415,
        expect.objectContaining({ error: 'BODY_TYPE_UNKNOWN', message: expect.stringContaining('"gzip"') }),
      ]);
    });

    it('a client that leaves in the middle of its body is no error of ours', async () => {
      const { logger } = BaseExceptionFilter as unknown as { logger: Logger };
      const socket = connect(gateway.port, '127.0.0.1');
      const head = 'POST /api/orders HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nContent-Length: 99';
      const errors = jest.spyOn(logger, 'error').mockImplementation(() => {});
      try {
        const [request] = await Promise.all([
          new Promise<IncomingMessage>((resolve) => gateway.app.getHttpServer().once('request', resolve)),
          new Promise<void>((resolve) => socket.write(`${head}\r\n\r\n{"symbol":`, () => resolve())),
        ]);
        const left = new Promise((resolve) => request.once('close', resolve));
        socket.destroy();
        await left;
        await sleep(50);
        expect(errors.mock.calls).toEqual([]);
      } finally {
        errors.mockRestore();
      }
    });

    it('never reaches the inbox', async () => {
      const before = (await feeder.inbox()).filter(({ type }) => type !== 'clock').length;
      await json('{"symbol":"BTCUSD","side":"BUY","qty":-1}');
      await post('text/plain', good);
      expect((await feeder.inbox()).filter(({ type }) => type !== 'clock')).toHaveLength(before);
    });

    it('a body in chunks is too much when it is, and a cancel may say that it has none', async () => {
      const headers = { 'content-type': 'application/json', 'transfer-encoding': 'chunked' };
      const { status } = await gateway.request('/api/orders', { method: 'POST', headers }, 'x'.repeat(20_000));
      expect(status).toBe(413);
      const bare = { method: 'DELETE', headers: { 'content-type': 'application/json' } };
      expect((await gateway.request('/api/orders/bare?wait_ms=10', bare)).status).toBe(504);
    });

    it('a symbol whose rules nobody has told is the business of the engine', async () => {
      expect((await json('{"symbol":"PLAIN","side":"BUY","qty":0.00000001}')).status).toBe(202);
    });
  });

  it('an order that is told how it ended long ago has the update of its end', async () => {
    const answer = gateway.order({ ...ORDER, client_order_id: 'forgotten' }, '?wait=ack&account=ed');
    await appended('forgotten');
    await engine.state('forgotten', 'FILLED', 'ed');
    const { status, body } = await answer;
    expect([status, body]).toEqual([
      200,
      {
        type: 'order_update',
        ts_ns: expect.any(Number),
        client_order_id: 'forgotten',
        status: 'FILLED',
        symbol: 'BTCUSD',
        side: 'BUY',
        qty: 0.5,
        price: 100.25,
        reason: '',
      },
    ]);
  });

  it('all open orders of an account are listed, though they are a thousand', async () => {
    const open = Array.from({ length: 1_000 }, (_, i): [string, string] => [
      'order_state:BTCUSD:many',
      `{"type":"order_state","client_order_id":"m${i}","status":"ACCEPTED","symbol":"BTCUSD","executed_qty":0,"avg_price":0,"last_ts_ns":{ts}}`,
    ]);
    await gateway.reaches(await feeder.append(...open));
    const listed = async (query: string) => {
      const { body } = await gateway.json(`/api/orders?account=many${query}`);
      return (body as { orders: unknown[] }).orders.length;
    };
    expect(await listed('')).toBe(1_000);
    expect(await listed('&limit=7')).toBe(7);
    await engine.state('over-and-done', 'FILLED', 'many');
    await gateway.reaches(feeder.id);
    expect(await listed('&status=all&limit=1100')).toBe(1_001);
  });

  it('a cancel of an order that has ended is a 404 that says how it ended', async () => {
    const answer = gateway.request('/api/orders/over?account=ed', { method: 'DELETE' });
    await appended('over');
    await engine.state('over', 'FILLED', 'ed');
    const { status, text } = await answer;
    expect([status, text]).toEqual([404, expect.stringContaining('it is FILLED')]);
  });

  it('no order is taken while event time stands still, and a cancel is', async () => {
    const stale = await TestGateway.start(proxy.url, { CLOCK_STALE_MS: '100' });
    const post = () => stale.order({ ...ORDER, client_order_id: 'too-late' });
    await until(async () => JSON.stringify((await post()).body).includes('stands still'));
    expect((await post()).body).toMatchObject({ code: 503, error: 'OVERLOADED', client_order_id: 'too-late' });
    const before = (await inputs('too-late')).length;
    expect((await post()).status).toBe(503);
    expect(await inputs('too-late')).toHaveLength(before);
    const answer = stale.request('/api/orders/late-cancel', { method: 'DELETE' });
    await appended('late-cancel');
    await engine.update('late-cancel', 'CANCELLED');
    expect((await answer).status).toBe(200);
  });

  it('a page may place orders from an origin that is named, and from no other', async () => {
    const named = await TestGateway.start(proxy.url, { CORS_ORIGIN: 'http://elsewhere' });
    const preflight = { 'access-control-request-method': 'DELETE', 'access-control-request-headers': 'content-type' };
    const headers = { origin: 'http://elsewhere', ...preflight };
    const allowed = await named.request('/api/orders', { method: 'OPTIONS', headers });
    expect(allowed.headers['access-control-allow-origin']).toBe('http://elsewhere');
    expect(allowed.headers['access-control-allow-methods']).toMatch(/POST.*DELETE/);
    expect(allowed.headers['access-control-allow-headers']).toMatch(/Content-Type/);
    const anybody = await gateway.request('/api/orders', { method: 'OPTIONS', headers });
    expect(anybody.headers['access-control-allow-methods']).not.toMatch(/POST|DELETE/);
    // POST needs no permission, but JSON does.
    expect(anybody.headers['access-control-allow-headers']).not.toMatch(/Content-Type/i);
    // What needs no preflight is refused all the same.
    const plain = { origin: 'http://elsewhere', 'content-type': 'text/plain' };
    const posted = await gateway.request('/api/orders', { method: 'POST', headers: plain }, '{}');
    expect(posted.status).toBe(403);
    expect(posted.headers['access-control-expose-headers']).toContain('Retry-After');
  });

  it.each([
    ['*', 'http://elsewhere', undefined, 403],
    ['*', 'null', undefined, 403],
    ['*', 'file://', undefined, 403],
    ['*', '', undefined, 403],
    ['*', 'http://{host}.elsewhere', undefined, 403],
    ['*', 'http://elsewhere/{host}', undefined, 403],
    ['*', 'http://127.0.0.1:1', undefined, 403],
    ['*', 'http://{host}', undefined, 202],
    ['*', 'https://depth.example', 'depth.example', 202],
    ['*', 'https://depth.example', 'DEPTH.example:443', 202],
    ['*', 'https://depth.example', 'depth.example:80', 403],
    ['*', undefined, undefined, 202],
    ['http://elsewhere', 'http://elsewhere', undefined, 202],
    ['http://elsewhere', 'http://elsewhere:81', undefined, 403],
    ['http://elsewhere', 'http://{host}', undefined, 202],
  ])(
    'with CORS_ORIGIN=%s a page of %s, asking %s, has its order answered with %i',
    async (allowed, from, host, code) => {
      const named = await TestGateway.start(proxy.url, { CORS_ORIGIN: allowed });
      await named.reaches(feeder.id);
      const origin = from?.replace('{host}', `127.0.0.1:${named.port}`);
      const headers = {
        'content-type': 'application/json',
        ...(origin === undefined ? {} : { origin }),
        ...(host === undefined ? {} : { host }),
      };
      const id = `page-${named.port}`;
      const body = JSON.stringify({ ...ORDER, client_order_id: id });
      const placed = await named.request('/api/orders', { method: 'POST', headers }, body);
      expect(placed.status).toBe(code);
      const cancelled = await named.request(`/api/orders/${id}?wait_ms=5`, { method: 'DELETE', headers });
      expect(cancelled.status).toBe(code === 403 ? 403 : 504);
      expect(await inputs(id)).toHaveLength(code === 403 ? 0 : 2);
      if (code === 403) expect(JSON.parse(placed.text)).toMatchObject({ code: 403, error: 'ORIGIN_FORBIDDEN' });
      // Whoever may not place orders may read, as far as the browser lets it.
      expect((await named.request('/api/orders', { headers })).status).toBe(200);
      await named.stop();
    },
  );

  it('GET /api tells of all of it', async () => {
    const { body } = await gateway.json('/api');
    const { endpoints, orders, limits } = body as {
      endpoints: { path: string; method: string }[];
      orders: { body: object; parameters: object };
      limits: object;
    };
    const paths = endpoints.map(({ method, path }) => `${method} ${path}`);
    expect(paths).toEqual(
      expect.arrayContaining(['POST /api/orders', 'DELETE /api/orders/{client_order_id}', 'GET /api/account']),
    );
    expect(Object.keys(orders.body)).toContain('client_order_id');
    expect(limits).toMatchObject({ orders_pending: 4, body_bytes: 16_384 });
  });

  it('the private events of the seed are on /api/stream for their account alone, field by field', async () => {
    const mine = await SseClient.connect(`${gateway.url}/api/stream?symbols=BTCUSD`);
    const alice = await SseClient.connect(`${gateway.url}/api/stream?account=alice`);
    for (const client of [mine, alice]) await client.next((frame) => frame.id !== undefined);
    const events: [string, string][] = [
      [
        'order_update:BTCUSD:default',
        '{"type":"order_update","ts_ns":1704067200000000001,"client_order_id":"web-1","venue_order_id":"123456","status":"FILLED","symbol":"BTCUSD","side":"BUY","qty":0.001,"price":50000.0,"reason":""}',
      ],
      [
        'fill:BTCUSD:default',
        '{"type":"fill","ts_ns":1704067200000000001,"client_order_id":"web-1","symbol":"BTCUSD","qty":0.001,"price":50000.0}',
      ],
      [
        'order_state:BTCUSD:default',
        '{"type":"order_state","client_order_id":"web-1","status":"FILLED","symbol":"BTCUSD","side":"BUY","order_qty":0.001,"limit_price":50000.0,"venue_order_id":"123456","executed_qty":0.001,"avg_price":50000.0,"reason":"","last_ts_ns":1704067200000000001}',
      ],
      [
        'account::default',
        '{"type":"account","ts_ns":1704067200000000001,"balances":[{"asset":"USD","free":9500.0,"locked":500.0},{"asset":"BTC","free":0.01,"locked":0.0}]}',
      ],
    ];
    await feeder.append(...events, ['market:BTCUSD', '{"type":"market","symbol":"BTCUSD","ts_ns":1,"price":2}']);
    const frames = await mine.collect(5);
    expect(frames.map(({ event, data }) => [event, data])).toEqual([
      ...events.map(([topic, payload]) => [topic.split(':')[0], payload]),
      ['market', expect.any(String)],
    ]);
    const got = await alice.next();
    expect([got.event, got.id]).toEqual(['market', frames[4]?.id]);
    // What the account's REST says is made of the same bytes.
    const { text } = await gateway.request('/api/orders/web-1');
    expect(text).toBe(events[2]?.[1]);
    expect((await gateway.request('/api/orders/web-1?account=alice')).status).toBe(404);
    mine.close();
    alice.close();
  });
});
