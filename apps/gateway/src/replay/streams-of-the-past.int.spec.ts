import { LogReader, partitionKeys } from '@depthcast/log';
import { SseClient, startRedis, type TestRedis } from '@depthcast/testing';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { BookFeed } from '../testing/book-feed.ts';
import { FakeJournal } from '../testing/fake-journal.ts';
import { LogFeeder } from '../testing/log-feeder.ts';
import { MemoryJournal } from '../testing/memory-journal.ts';
import { MemoryLog } from '../testing/memory-log.ts';
import { TestGateway } from '../testing/test-gateway.ts';

const MARKETS = 3_000;
/** On a busy machine frames of how far it is may come before. */
const live = (client: SseClient) =>
  client.next(({ event, data }) => event === 'replay' && data.includes('"live":true'));

describe('streams of the past', () => {
  const log = new MemoryLog();
  const journal = new MemoryJournal(log);
  const feed = new BookFeed('BTCUSD');
  let redis: TestRedis;
  let feeder: LogFeeder;
  let gateway: TestGateway;
  let from: string;
  let startMs: number;

  const append = (...events: { topic: string; payload: string }[]) =>
    feeder.append(...events.map(({ topic, payload }) => [topic, payload] as const));

  beforeAll(async () => {
    redis = await startRedis();
    feeder = await LogFeeder.open(redis.url);
    await append(feed.begin(), feed.status('synced'));
    await append(...Array.from({ length: 20 }, (_, n) => feed.change(n)));
    from = feeder.id;
    startMs = feeder.tsUs / 1_000;
    for (let n = 0; n < MARKETS; n++) {
      const market = ['market:BTCUSD', `{"type":"market","symbol":"BTCUSD","ts_ns":{ts},"price":${n}}`] as const;
      const { topic, payload } = feed.change(n);
      await feeder.append(market, [topic, payload]);
    }
    log.entries = await new LogReader(feeder.client, partitionKeys()).range(undefined, 100_000);
    journal.record();
    const { bids, asks } = { bids: feed.book.wireLevels('bid'), asks: feed.book.wireLevels('ask') };
    const state = {
      book: 'levels',
      tick: '0.1',
      step: '0.1',
      status: 'synced',
      last: feed.last,
      tsEventUs: feeder.tsUs,
      bids,
      asks,
    };
    await feeder.storeBooks([{ symbol: 'BTCUSD', state }], '{"startingBalances":[],"accounts":{}}');
    await feeder.trimTo(100);
    const fake = await FakeJournal.start(journal);
    gateway = await TestGateway.start(redis.url, { JOURNAL_HTTP_URL: fake.url, REPLAYS_MAX: '1' });
    await gateway.reaches(feeder.id);
    await feeder.clock();
  });

  afterAll(async () => {
    await TestGateway.stopAll();
    await FakeJournal.stopAll();
    LogFeeder.closeAll();
    await redis?.stop();
  });

  it('give the log over /api/stream, then the present', async () => {
    const client = await SseClient.connect(`${gateway.url}/api/stream?types=market&from=${from}&speed=max`);
    const info = JSON.parse((await client.next('connection_info')).data);
    expect(info.replay).toEqual({ from, speed: 'max', position: from });
    for (let n = 0; n < MARKETS; n++) expect(JSON.parse((await client.next('market')).data).price).toBe(n);
    expect(JSON.parse((await live(client)).data)).toMatchObject({
      live: true,
      tail: gateway.gateway.window.tail && feeder.id,
    });
    const id = await feeder.market('BTCUSD', 9);
    expect((await client.next('market')).id).toBe(id);
    expect(await gateway.text('/metrics')).toMatch(/depthcast_gateway_replays\{.*\} 0/);
    client.close();
  });

  it('give views and streams of the log over /stream, and take every book from the one before', async () => {
    const streams = 'BTCUSD:MBP:2,BTCUSD:L2';
    const url = `${gateway.url}/stream?streams=${streams}&interval=0&from=${startMs}&speed=max`;
    const client = await SseClient.connect(url);
    expect(JSON.parse((await client.next('connection_info')).data).replay).toMatchObject({ position: from });
    const whole = JSON.parse((await client.next('book_change')).data);
    expect(whole.is_snapshot).toBe(true);
    let { last } = whole;
    for (let n = 0; n < MARKETS; n++) {
      const change = JSON.parse((await client.next('book_change')).data);
      expect(change.first).toBe(last + 1);
      last = change.last;
    }
    await live(client);
    const { sequence } = JSON.parse((await client.next('market_data')).data);
    expect(sequence).toBeGreaterThanOrEqual(Number(from.split('-')[1]));
    client.close();
  });

  it('go at their pace, one at a time here, and leave room when they are closed', async () => {
    const slow = await SseClient.connect(`${gateway.url}/api/stream?types=all&from=${startMs}&speed=1`);
    await slow.next('market');
    const second = await SseClient.connect(`${gateway.url}/api/stream?types=all&from=${startMs}&speed=1`);
    const refusal = JSON.parse((await second.next('error')).data);
    expect(refusal).toMatchObject({ code: 503, message: 'all 1 replays are taken' });
    slow.close();
    while (gateway.gateway.fanout.sessions.size > 0) await new Promise((resolve) => setTimeout(resolve, 10));
    const third = await SseClient.connect(`${gateway.url}/api/stream?types=market&from=${startMs}&speed=1000`);
    await third.next('market');
    third.close();
  });

  it.each([
    ['/api/stream?from=nonsense', 400, 'from \\"nonsense\\"'],
    ['/api/stream?from=2999-01-01', 400, 'up to'],
    ['/stream?from=0&speed=0', 400, 'speed \\"0\\"'],
    ['/stream?from=0&speed=2000', 400, 'speed \\"2000\\"'],
    ['/stream?speed=2', 400, 'from beside it'],
    ['/stream?from=1-1', 400, 'a cursor of this log'],
    ['/stream?from=1000', 404, 'HISTORY_MISSING'],
  ])('%s is a %d that says why', async (path, status, why) => {
    const answer = await gateway.request(path);
    expect(answer.status).toBe(status);
    expect(answer.text).toContain(why);
  });

  it('are refused for now, with when to come back, where there is no journal', async () => {
    const alone = await TestGateway.start(redis.url);
    await alone.reaches(feeder.id);
    const { status, text } = await alone.request('/api/stream?from=0');
    expect(status).toBe(200);
    expect(text).toMatch(/^retry: \d+\n\nevent: error\ndata: .*HISTORY_UNAVAILABLE/);
  });
});
