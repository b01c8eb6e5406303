import { SseClient, type SseFrame, startRedis, type TestRedis } from '@depthcast/testing';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import Ajv from 'ajv';
import Ajv2020 from 'ajv/dist/2020.js';
import addFormats from 'ajv-formats';
import { LogFeeder } from '../testing/log-feeder.ts';
import { OrderFeed } from '../testing/order-feed.ts';
import { SocketClient } from '../testing/socket-client.ts';
import { TestGateway } from '../testing/test-gateway.ts';
import { asyncApiDocument } from './asyncapi.ts';
import { openApiDocument } from './openapi.ts';

interface Messages {
  readonly channels: Readonly<Record<string, { readonly messages: Readonly<Record<string, unknown>> }>>;
  readonly components: { readonly messages: Readonly<Record<string, { readonly name: string }>> };
}

const STARTING = '{"asset":"BTC","free":100,"locked":0},{"asset":"USD","free":10000000,"locked":0}';

const streamed = asyncApiDocument() as unknown as Messages;
const ofStreams = withFormats(new Ajv.default({ strict: false }));
ofStreams.addSchema({ $id: 'streams', ...streamed });
const ofRest = withFormats(new Ajv2020.default({ strict: false }));
ofRest.addSchema({ $id: 'rest', ...openApiDocument() });

function withFormats<T>(ajv: T): T {
  // Its types are those of another copy of ajv.
  addFormats.default(ajv as never);
  return ajv;
}

/** What is wrong with a message of a channel, by every message of that name that it documents; empty: nothing. */
function wrongWith(channel: string, name: string | undefined, data: unknown): string[] {
  const keys = Object.keys(streamed.channels[channel]?.messages ?? {});
  const named = keys.filter((key) => streamed.components.messages[key]?.name === name);
  const errors = named.map((key) => {
    ofStreams.validate({ $ref: `streams#/components/messages/${key}/payload` }, data);
    return ofStreams.errorsText();
  });
  return named.length > 0 && errors.includes('No errors') ? [] : [`${name}: ${errors.join(' or ') || 'unknown'}`];
}

function wrongWithAnswer(path: string, method: string, status: number, body: unknown): string {
  const at = ['paths', path, method, 'responses', String(status), 'content', 'application/json', 'schema'];
  const pointer = at.map((part) => encodeURIComponent(part.replaceAll('~', '~0').replaceAll('/', '~1'))).join('/');
  ofRest.validate({ $ref: `rest#/${pointer}` }, body);
  return ofRest.errorsText();
}

/** Over a real Redis: what the documents say against what is sent. */
describe('what a gateway sends', () => {
  let redis: TestRedis;
  let feeder: LogFeeder;
  let gateway: TestGateway;
  const feed = new OrderFeed('BTCUSD');

  beforeAll(async () => {
    redis = await startRedis();
    feeder = await LogFeeder.open(redis.url);
    await feeder.tradable('ETHUSD');
    await feeder.storeBooks([], `{"startingBalances":[${STARTING}],"accounts":{}}`);
    await feeder.append(...feed.begin().map(({ topic, payload }) => [topic, payload] as const));
    await feeder.book('ETHUSD', [['10.0', '1']], [['11.0', '1']]);
    gateway = await TestGateway.start(redis.url, { HEARTBEAT_MS: '100' });
    await gateway.reaches(feeder.id);
    await feeder.clock();
  });

  afterAll(async () => {
    SocketClient.closeAll();
    await TestGateway.stopAll();
    LogFeeder.closeAll();
    await redis?.stop();
  });

  const checked = (channel: string, frames: readonly SseFrame[]): string[] => {
    for (const { event, data } of frames.filter(({ data }) => data !== undefined)) {
      expect(wrongWith(channel, event, JSON.parse(data as string))).toEqual([]);
    }
    return frames.flatMap(({ event }) => event ?? []);
  };

  it('on /api/stream is as the AsyncAPI document says', async () => {
    const client = await SseClient.connect(`${gateway.url}/api/stream?types=all&last_id=0&chain=1`);
    const seen = checked('events', await client.collect(8));
    client.close();
    expect(seen).toEqual(expect.arrayContaining(['epoch', 'symbol', 'book_status', 'book_change', 'book_orders']));
    const lost = await SseClient.connect(`${gateway.url}/api/stream?last_id=1-9`);
    expect(checked('events', [await lost.next('reset')])).toEqual(['reset']);
    lost.close();
  });

  it('on /stream is as the AsyncAPI document says', async () => {
    const streams = 'BTCUSD:MBP:5,BTCUSD:MBO:5,ETHUSD:MBP:5,BTCUSD:L3,NOPE:MBP:1';
    const client = await SseClient.connect(`${gateway.url}/stream?interval=0&streams=${streams}`);
    const frames: SseFrame[] = [];
    while (!frames.some(({ event }) => event === 'heartbeat')) frames.push(await client.next());
    client.close();
    const seen = checked('views', frames);
    expect(seen).toEqual(
      expect.arrayContaining(['connection_info', 'error', 'market_data', 'book_orders', 'heartbeat']),
    );
    const views = frames.filter(({ event }) => event === 'market_data').map(({ data }) => JSON.parse(data as string));
    expect(views.map(({ stream_id }) => stream_id)).toEqual(
      expect.arrayContaining(['BTCUSD_MBP_5', 'BTCUSD_MBO_5', 'ETHUSD_MBP_5']),
    );
  });

  it('over Socket.IO is as the AsyncAPI document says', async () => {
    const client = new SocketClient(gateway.url, {});
    expect(
      wrongWith('socket', 'subscribe acknowledged', await client.ask('subscribe', 'BTCUSD:L2,NOPE:MBP:1')),
    ).toEqual([]);
    await client.ask('ping');
    client.socket.emit('nonsense');
    await client.next('error');
    for (const [event, data] of client.messages) expect(wrongWith('socket', event, data)).toEqual([]);
    const seen = new Set(client.messages.map(([event]) => event));
    expect([...seen]).toEqual(expect.arrayContaining(['welcome', 'pong', 'error', 'book_change']));
  });

  it.each([
    ['get', '/symbols', '/symbols', 200],
    ['get', '/api', '/api', 200],
    ['get', '/health', '/health', 200],
    ['get', '/ready', '/ready', 200],
    ['get', '/api/orders', '/api/orders?status=all', 200],
    ['get', '/api/orders', '/api/orders?limit=0', 400],
    ['get', '/api/orders/{client_order_id}', '/api/orders/none', 404],
    ['get', '/api/account', '/api/account', 200],
    ['get', '/api/positions', '/api/positions', 200],
    ['get', '/api/stream', '/api/stream?types=nope', 400],
    ['get', '/stream', '/stream?streams=NOPE:MBP:1', 400],
    ['get', '/protected/stream', '/protected/stream', 401],
    ['post', '/api/stream/ticket', '/api/stream/ticket', 401],
    ['get', '/api/history/stats', '/api/history/stats', 503],
  ])('to %s %s (%s) is the documented %i', async (method, path, asked, status) => {
    const { status: got, text } = await gateway.request(asked, { method: method.toUpperCase() });
    expect([got, wrongWithAnswer(path, method, status, JSON.parse(text))]).toEqual([status, 'No errors']);
  });

  it('to an order is the documented answer', async () => {
    const order = { symbol: 'ETHUSD', side: 'BUY', qty: 1, price: '100.25', client_order_id: 'one' };
    const taken = await gateway.order(order);
    expect([taken.status, wrongWithAnswer('/api/orders', 'post', 202, taken.body)]).toEqual([202, 'No errors']);
    const refused = await gateway.order({ ...order, qty: -1 });
    expect([refused.status, wrongWithAnswer('/api/orders', 'post', 400, refused.body)]).toEqual([400, 'No errors']);
  });

  it('would be found out if it were not as documented', () => {
    expect(wrongWith('events', 'trade', { type: 'trade', symbol: 'BTCUSD' })).not.toEqual([]);
    expect(wrongWith('events', 'nonsense', {})).not.toEqual([]);
    expect(wrongWithAnswer('/symbols', 'get', 200, { symbols: [1] })).not.toBe('No errors');
  });
});
