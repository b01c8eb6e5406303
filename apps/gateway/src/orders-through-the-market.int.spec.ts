import { setTimeout as sleep } from 'node:timers/promises';
import { partitionKeys } from '@depthcast/log';
import { Market } from '@depthcast/market';
import type { Input, UnstampedInput } from '@depthcast/protocol';
import { SseClient, startRedis, TcpProxy, type TestRedis, until } from '@depthcast/testing';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { LogFeeder } from './testing/log-feeder.ts';
import { TestGateway } from './testing/test-gateway.ts';

const SECOND = 1_704_067_200;
const TRADING = {
  baseAsset: 'BTC',
  quoteAsset: 'USD',
  lot: '0.001',
  minQty: '0.001',
  maxQty: '1000',
  minNotional: '1',
};
const PRIVATE = 'types=order_update,fill,order_state,account,position';

/** An engine's work without its safety: what the inbox gets goes through a market and into the log. */
class SmallEngine {
  readonly market = new Market({ paperBalances: 'USD:10000,BTC:5' });
  readonly #feeder: LogFeeder;
  #seq = 0;
  #second = SECOND;
  #inboxId = '-';
  #running: Promise<void> | undefined;
  #isStopped = false;
  isPaused = false;

  constructor(feeder: LogFeeder) {
    this.#feeder = feeder;
  }

  async venue(input: UnstampedInput): Promise<void> {
    await this.#apply(this.market.apply({ ...input, src: 'venue', seq: ++this.#seq } as Input));
  }

  flow(orderId: string, side: 'BUY' | 'SELL', qty: string, price: string): Promise<void> {
    const times = { tsEventUs: this.#second * 1e6, tsRecvUs: this.#second * 1e6 };
    return this.venue({ type: 'order', symbol: 'BTCUSD', orderId, side, qty, price, ...times });
  }

  clock(): Promise<void> {
    this.#second++;
    return this.venue({ type: 'clock', second: this.#second, tsRecvUs: this.#second * 1e6 });
  }

  start(): void {
    this.#running = this.#run();
  }

  async stop(): Promise<void> {
    this.#isStopped = true;
    await this.#running;
  }

  async snapshot(): Promise<void> {
    const books = this.market.books().map(({ symbol, book }) => ({ symbol, state: book }));
    await this.#feeder.storeBooks(books, this.market.accountsState());
  }

  async #run(): Promise<void> {
    while (!this.#isStopped) {
      await sleep(2);
      if (this.isPaused) continue;
      const entries = await this.#feeder.client.xrange(partitionKeys().inbox, this.#inboxId, '+');
      for (const [id, [topic, payload]] of entries) {
        await this.#apply(this.market.applyEntry(topic as string, payload as string));
        this.#inboxId = `(${id}`;
      }
    }
  }

  async #apply(events: readonly { topic: string; payload: string }[]): Promise<void> {
    if (events.length > 0) await this.#feeder.append(...events.map(({ topic, payload }) => [topic, payload] as const));
  }
}

describe('orders that a market takes', () => {
  let redis: TestRedis;
  let proxy: TcpProxy;
  let feeder: LogFeeder;
  let engine: SmallEngine;
  let gateway: TestGateway;
  const env = { ORDER_SEND_MS: '300' };

  beforeAll(async () => {
    redis = await startRedis();
    proxy = await TcpProxy.start(redis);
    feeder = await LogFeeder.open(redis.url);
    engine = new SmallEngine(feeder);
    const times = { tsEventUs: SECOND * 1e6, tsRecvUs: SECOND * 1e6 };
    const symbol = { symbol: 'BTCUSD', venue: 'simulator', tick: '0.01', step: '0.001', quotes: false } as const;
    await engine.venue({ type: 'symbol', ...symbol, depthRule: 'matched', trading: TRADING, tsRecvUs: SECOND * 1e6 });
    await engine.venue({ type: 'feed', symbol: 'BTCUSD', status: 'up', reason: 'test', ...times });
    await engine.clock();
    await engine.flow('a1', 'SELL', '0.300', '100.00');
    await engine.flow('a2', 'SELL', '5.000', '101.00');
    await engine.flow('b1', 'BUY', '5.000', '99.00');
    await engine.snapshot();
    await engine.clock();
    engine.start();
    gateway = await TestGateway.start(proxy.url, env);
    await gateway.reaches(feeder.id);
  });

  afterAll(async () => {
    await engine?.stop();
    await TestGateway.stopAll();
    LogFeeder.closeAll();
    await proxy?.close();
    await redis?.stop();
  });

  const order = (id: string, rest: object = {}) => ({
    symbol: 'BTCUSD',
    side: 'BUY',
    qty: 1,
    price: '100.00',
    client_order_id: id,
    ...rest,
  });
  const text = async (at: TestGateway, path: string) => (await at.request(path)).text;

  it('tell their whole life in order on /api/stream, to their account, in the words of the seed', async () => {
    const mine = await SseClient.connect(`${gateway.url}/api/stream?${PRIVATE}`);
    const bob = await SseClient.connect(`${gateway.url}/api/stream?account=bob&${PRIVATE},clock`);
    for (const client of [mine, bob]) await client.next((frame) => frame.id !== undefined);
    const placed = await gateway.order(order('life'), '?wait=ack');
    expect(placed).toMatchObject({
      status: 200,
      body: { status: 'ACCEPTED', venue_order_id: '1', qty: 1, price: 100 },
    });
    expect(await gateway.cancel('life')).toMatchObject({ status: 200, body: { status: 'CANCELLED', reason: '' } });
    await engine.clock();
    const events = (await mine.collect(10)).map(({ event, data }) => [event, JSON.parse(data)] as const);
    expect(events.map(([type, { status }]) => (status ? `${type} ${status}` : type))).toEqual([
      'order_update ACCEPTED',
      'order_state ACCEPTED',
      'fill',
      'order_update PARTIALLY_FILLED',
      'order_state PARTIALLY_FILLED',
      'account',
      'position',
      'order_update CANCELLED',
      'order_state CANCELLED',
      'account',
    ]);
    expect(events[2]?.[1]).toEqual({
      type: 'fill',
      ts_ns: expect.any(Number),
      client_order_id: 'life',
      symbol: 'BTCUSD',
      qty: 0.3,
      price: 100,
    });
    expect(events[8]?.[1]).toEqual({
      type: 'order_state',
      client_order_id: 'life',
      status: 'CANCELLED',
      symbol: 'BTCUSD',
      side: 'BUY',
      order_qty: 1,
      limit_price: 100,
      venue_order_id: '1',
      executed_qty: 0.3,
      avg_price: 100,
      reason: '',
      last_ts_ns: expect.any(Number),
    });
    expect((await bob.next()).event).toBe('clock');
    mine.close();
    bob.close();
  });

  it('are told by REST as by the events', async () => {
    const { body: orders } = await gateway.json('/api/orders?status=all');
    expect(orders).toMatchObject({ orders: [{ client_order_id: 'life', status: 'CANCELLED' }] });
    expect(await gateway.json('/api/orders')).toEqual({ status: 200, body: { orders: [] } });
    const account = JSON.parse(await text(gateway, '/api/account')) as { balances: object[] };
    expect(account.balances).toEqual(
      expect.arrayContaining([
        { asset: 'USD', free: 9970, locked: 0 },
        { asset: 'BTC', free: 5.3, locked: 0 },
      ]),
    );
    const { body: positions } = await gateway.json('/api/positions');
    expect(positions).toMatchObject({ positions: [{ type: 'position', symbol: 'BTCUSD', qty: 0.3, avg_price: 100 }] });
    expect(await gateway.json('/api/orders?symbol=ETHUSD')).toMatchObject({
      status: 400,
      body: { error: 'SYMBOL_UNKNOWN' },
    });
  });

  it('leave an account that has none as every account begins', async () => {
    const { body } = await gateway.json('/api/account?account=never-used');
    expect(body).toEqual({
      type: 'account',
      ts_ns: expect.any(Number),
      balances: expect.arrayContaining([
        { asset: 'USD', free: 10_000, locked: 0 },
        { asset: 'BTC', free: 5, locked: 0 },
      ]),
    });
    for (const path of ['orders', 'positions']) {
      expect(await gateway.json(`/api/${path}?account=never-used`)).toEqual({ status: 200, body: { [path]: [] } });
    }
  });

  it('are cancelled once, and unknown after that', async () => {
    expect((await gateway.order(order('once', { price: '50.00' }), '?wait=ack')).status).toBe(200);
    expect((await gateway.cancel('once')).status).toBe(200);
    expect(await gateway.cancel('once')).toMatchObject({ status: 404, body: { error: 'ORDER_UNKNOWN' } });
    expect((await gateway.cancel('once', '?account=bob')).status).toBe(404);
  });

  it('are refused by the engine with its reason', async () => {
    expect(await gateway.order(order('rich', { qty: 900, price: '90.00' }), '?wait=ack')).toMatchObject({
      status: 422,
      body: { type: 'order_update', status: 'REJECTED', reason: 'insufficient_balance', client_order_id: 'rich' },
    });
    expect(await gateway.order(order('post', { price: '102.00', post_only: true }), '?wait=ack')).toMatchObject({
      status: 422,
      body: { reason: 'post_only' },
    });
  });

  it('are placed once, however often they are sent while Redis comes and goes', async () => {
    const before = (await positionOf(gateway)) as { qty: number };
    const sent = order('often', { qty: '0.100', price: '101.00' });
    for (let i = 0; i < 3; i++) {
      const swallow = proxy.swallowReplyOf((request) => request.includes('often'));
      await gateway.order(sent);
      proxy.cut();
      expect((await gateway.order({ ...sent, client_order_id: 'often' })).status).toBeGreaterThanOrEqual(202);
      swallow.stop();
      proxy.heal();
    }
    await until(async () => (await gateway.order(sent, '?wait=ack')).status === 200, 10_000);
    await until(async () => ((await positionOf(gateway)) as { qty: number }).qty > before.qty);
    const { body } = await gateway.order(sent, '?wait=ack');
    expect(body).toMatchObject({ type: 'order_update', status: 'FILLED', qty: 0.1, price: 101 });
    expect(((await positionOf(gateway)) as { qty: number }).qty).toBeCloseTo(before.qty + 0.1, 9);
  });

  it('are told alike by a gateway that was there, by one that comes late, and by one that comes back', async () => {
    for (let i = 0; i < 5; i++)
      await gateway.order(order(`open-${i}`, { price: `9${i}.00`, qty: '0.02' }), '?wait=ack');
    await gateway.cancel('open-3');
    await engine.snapshot();
    await gateway.order(order('open-5', { price: '95.00', qty: '0.02' }), '?wait=ack&account=bob');
    await gateway.order(order('open-6', { price: '95.00', qty: '0.02' }), '?wait=ack');
    await gateway.cancel('open-1');
    await engine.clock();
    await gateway.reaches(feeder.id);
    const late = await (await TestGateway.start(redis.url, env)).reaches(feeder.id);
    const paths = ['orders', 'orders?status=all', 'orders?status=all&limit=3', 'account', 'positions', 'orders/open-1'];
    for (const path of paths.flatMap((p) => [p, `${p}${p.includes('?') ? '&' : '?'}account=bob`])) {
      expect([path, await text(late, `/api/${path}`)]).toEqual([path, await text(gateway, `/api/${path}`)]);
    }
    const open = JSON.parse(await text(late, '/api/orders')) as { orders: { client_order_id: string }[] };
    expect(open.orders.map((o) => o.client_order_id)).toEqual(['open-6', 'open-4', 'open-2', 'open-0']);
    await late.stop();
  });

  it('are shown to a client whose cursor is lost, after its reset', async () => {
    const client = await SseClient.connect(`${gateway.url}/api/stream?${PRIVATE}&last_id=123-4`);
    expect((await client.next()).event).toBe('reset');
    const shown = await client.collect(3);
    expect(shown[0]?.event).toBe('account');
    expect(shown[0]?.data).toBe(await text(gateway, '/api/account'));
    expect(shown[1]?.event).toBe('position');
    expect(shown.slice(2).every(({ event, id }) => event === 'order_state' && id === undefined)).toBe(true);
    client.close();
  });

  it('get a 503 from a gateway that goes away, or the answer that they wait for', async () => {
    const leaving = await (await TestGateway.start(redis.url, env)).reaches(feeder.id);
    engine.isPaused = true;
    const waiting = leaving.order(order('farewell', { price: '60.00' }), '?wait=ack');
    await until(() => leaving.gateway.acks.size === 1);
    const stopped = leaving.stop();
    await sleep(50);
    engine.isPaused = false;
    expect(await waiting).toMatchObject({ status: 200, body: { status: 'ACCEPTED' } });
    await stopped;
    expect(await gateway.order(order('farewell', { price: '60.00' }))).toMatchObject({ body: { status: 'ACCEPTED' } });
  });

  async function positionOf(at: TestGateway): Promise<unknown> {
    const { positions } = JSON.parse(await text(at, '/api/positions')) as { positions: unknown[] };
    return positions[0];
  }
});
