import { SseClient, startRedis, type TestRedis } from '@depthcast/testing';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { LogFeeder } from './testing/log-feeder.ts';
import { TestGateway } from './testing/test-gateway.ts';

describe('over HTTP', () => {
  let redis: TestRedis;
  let gateway: TestGateway;

  beforeAll(async () => {
    redis = await startRedis();
    const feeder = await LogFeeder.open(redis.url);
    const id = await feeder.book('BTCUSD', [['1.0', '1']], [['2.0', '1']]);
    gateway = await TestGateway.start(redis.url, { STREAMS_MAX: '2' });
    await gateway.reaches(id);
  });

  afterAll(async () => {
    await TestGateway.stopAll();
    LogFeeder.closeAll();
    await redis?.stop();
  });

  it('the bare address leads to what there is', async () => {
    const { status, headers } = await gateway.request('/');
    expect([status, headers.location]).toEqual([302, '/api']);
  });

  it('the bare address leads nowhere without pages, and all else is there', async () => {
    const bare = await TestGateway.start(redis.url, { WEB_ENABLED: 'false' });
    const { status, text } = await bare.request('/');
    expect([status, text]).toEqual([404, expect.stringContaining('WEB_ENABLED is false')]);
    expect((await bare.request('/api')).status).toBe(200);
    await bare.stop();
  });

  it.each([
    ['/stream?streams=NOPE:MBP:5', { stream_id: 'NOPE:MBP:5' }],
    ['/stream?streams=BTCUSD:MBO:5', { stream_id: 'BTCUSD:MBO:5' }],
    ['/stream?streams=BTCUSD:FOO', { stream_id: 'BTCUSD:FOO' }],
    ['/stream?max_levels=0', { error: 'STREAM_INVALID' }],
    ['/stream?interval=1', { error: 'PARAMETER_INVALID' }],
    ['/api/stream?ids=no', { error: 'PARAMETER_INVALID' }],
    ['/api/stream?symbols=NOPE', { error: 'SYMBOL_UNKNOWN' }],
    ['/api/stream?account=a:b', { error: 'PARAMETER_INVALID' }],
  ])('%s is a 400 of the one shape, to HEAD as well', async (path, rest) => {
    const { status, body } = await gateway.json(path);
    expect(status).toBe(400);
    expect(body).toEqual({ event: 'error', code: 400, message: expect.any(String), ...rest });
    expect(await gateway.request(path, { method: 'HEAD' })).toMatchObject({ status: 400, text: '' });
  });

  it('a path that is nowhere is a 404, one that is no path a 400', async () => {
    expect(await gateway.json('/nowhere')).toMatchObject({ status: 404, body: { statusCode: 404 } });
    for (const method of ['GET', 'DELETE']) {
      const { status, text } = await gateway.request('/api/orders/%zz', { method });
      expect([status, JSON.parse(text)]).toEqual([
        400,
        {
          event: 'error',
          code: 400,
          error: 'PARAMETER_INVALID',
          message: 'path "/api/orders/%zz" is not allowed: takes %25 for a percent sign',
        },
      ]);
    }
  });

  it('an id that is longer than any is refused as an id', async () => {
    const path = `/api/orders/${'a'.repeat(10_000)}`;
    const refused = { code: 400, error: 'ORDER_INVALID', message: expect.stringMatching(/^client_order_id "a+…/) };
    expect(JSON.parse((await gateway.request(path, { method: 'DELETE' })).text)).toMatchObject(refused);
    expect(await gateway.json(path)).toMatchObject({ status: 404, body: { event: 'error', error: 'ORDER_UNKNOWN' } });
  });

  it.each([
    ['PUT', '/api/orders', 'GET, HEAD, POST'],
    ['DELETE', '/api/orders?account=a', 'GET, HEAD, POST'],
    ['POST', '/api/orders/web-1', 'GET, HEAD, DELETE'],
    ['PATCH', '/api/orders/web-1', 'GET, HEAD, DELETE'],
    ['POST', '/stream', 'GET, HEAD'],
    ['PUT', '/nowhere', undefined],
    ['PUT', '/api/:x(', undefined],
    ['PUT', '/api/*', undefined],
  ])('%s %s is told that there is %s', async (method, path, allow) => {
    const { status, headers } = await gateway.request(path, { method });
    expect([status, headers.allow]).toEqual([allow === undefined ? 404 : 405, allow]);
  });

  it.each(['/stream?streams=BTCUSD', '/api/stream'])('HEAD %s has the headers of GET, and no length', async (path) => {
    const { status, text, headers } = await gateway.request(path, { method: 'HEAD' });
    expect([status, text, headers['content-length']]).toEqual([200, '', undefined]);
    expect(headers).toMatchObject({
      'content-type': 'text/event-stream; charset=utf-8',
      'access-control-allow-origin': '*',
    });
  });

  it.each([
    ['/stream?streams[]=BTCUSD', 'streams[]'],
    ['/stream?symbols%5B0%5D=BTCUSD', 'symbols[0]'],
    ['/api/stream?types[]=market', 'types[]'],
    ['/api/stream?account[]=alice', 'account[]'],
  ])('%s is a 400 that names the parameter', async (path, name) => {
    const { status, body } = await gateway.json(path);
    expect(status).toBe(400);
    expect(body).toMatchObject({ code: 400, message: expect.stringContaining(`"${name}"`) });
  });

  it('a stream that is asked for twice counts once, good or bad, and what is too much is named', async () => {
    const errorsOf = async (streams: string) => {
      const client = await SseClient.connect(`${gateway.url}/stream?streams=${streams}`);
      const errors: string[] = [];
      for (;;) {
        const frame = await client.next();
        if (frame.event === 'error') {
          const { stream_id: id, message } = JSON.parse(frame.data);
          errors.push(message.startsWith('more than 2 streams') ? `${id} is too much` : id);
        }
        if (frame.event === 'market_data') break;
      }
      client.close();
      return errors;
    };
    expect(await errorsOf('BTCUSD:MBP:1,btcusd:mbp:1,BTC/USD:MBP:1,BTCUSD:MBP:2,BTCUSD:MBP:1')).toEqual([]);
    expect(await errorsOf('NOPE,NOPE,BTCUSD:MBP:1,NOPE,BTCUSD:MBP:1')).toEqual(['NOPE']);
    expect(await errorsOf('BTCUSD:MBP:1,BTCUSD:MBP:2,BTCUSD:MBP:1,BTCUSD:MBP:3,BTCUSD:MBP:4')).toEqual([
      'BTCUSD:MBP:3 is too much',
    ]);
  });
});
