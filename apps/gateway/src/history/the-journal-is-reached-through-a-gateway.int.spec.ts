import { connect as connectTcp } from 'node:net';
import { LogReader, partitionKeys } from '@depthcast/log';
import { SseClient, startRedis, type TestRedis } from '@depthcast/testing';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { FakeJournal } from '../testing/fake-journal.ts';
import { LogFeeder } from '../testing/log-feeder.ts';
import { MemoryJournal } from '../testing/memory-journal.ts';
import { MemoryLog } from '../testing/memory-log.ts';
import { TestGateway } from '../testing/test-gateway.ts';

const TOKEN = 'what the journal wants to be shown';

describe('a gateway with a journal', () => {
  const log = new MemoryLog();
  const journal = new MemoryJournal(log);
  let redis: TestRedis;
  let feeder: LogFeeder;
  let fake: FakeJournal;
  let gateway: TestGateway;
  let first: string;

  beforeAll(async () => {
    redis = await startRedis();
    feeder = await LogFeeder.open(redis.url);
    await feeder.book('BTCUSD', [['1.0', '1']], [['2.0', '1']]);
    first = feeder.id;
    for (let i = 0; i < 5_000; i += 1_000) {
      await feeder.append(...Array.from({ length: 1_000 }, (_, n) => [`market:BTCUSD`, `{"n":${i + n}}`] as const));
    }
    log.entries = await new LogReader(feeder.client, partitionKeys()).range(undefined, 100_000);
    journal.record();
    const levels = { bids: [['1.0', '1']], asks: [['2.0', '1']] };
    const state = {
      book: 'levels',
      tick: '0.1',
      step: '1',
      status: 'synced',
      last: 1,
      tsEventUs: feeder.tsUs,
      ...levels,
    };
    await feeder.storeBooks([{ symbol: 'BTCUSD', state }], '{"startingBalances":[],"accounts":{}}');
    await feeder.trimTo(1_000);
    fake = await FakeJournal.start(journal);
    fake.token = TOKEN;
    gateway = await TestGateway.start(redis.url, {
      JOURNAL_HTTP_URL: `${fake.url}/`,
      JOURNAL_TOKEN: TOKEN,
      CORS_ORIGIN: 'http://page.example',
    });
    await gateway.reaches(feeder.id);
    await feeder.clock();
  });

  afterAll(async () => {
    await TestGateway.stopAll();
    await FakeJournal.stopAll();
    LogFeeder.closeAll();
    await redis?.stop();
  });

  it('answers history with what the journal answers: status, headers, body and query as they are', async () => {
    fake.onHistory = (request, response) => {
      const headers = {
        'content-type': 'text/csv',
        'x-of': 'journal',
        vary: 'Accept',
        connection: 'x-hop',
        'x-hop': '1',
      };
      response.writeHead(404, { ...headers, 'access-control-allow-origin': 'http://evil.example' });
      response.end(JSON.stringify({ url: request.url, headers: request.headers }));
    };
    const path = '/api/history/updates?symbol=btc%2Fusd&start_time=2024-01-01T00:00:00Z&x=%26&x=2';
    const sent = { accept: 'text/csv', cookie: 'secret', authorization: 'Bearer x', origin: 'http://page.example' };
    const { status, text, headers } = await gateway.request(path, {
      headers: { ...sent, connection: 'keep-alive, x-mine', 'x-mine': '1' },
    });
    expect(status).toBe(404);
    expect(headers).toMatchObject({
      'content-type': 'text/csv',
      'x-of': 'journal',
      'access-control-allow-origin': 'http://page.example',
    });
    expect(headers.vary).toBe('Origin, Accept');
    expect(headers['x-hop']).toBeUndefined();
    const { url, headers: passed } = JSON.parse(text);
    expect(url).toBe(path);
    expect(Object.keys(passed).sort()).toEqual(['accept', 'authorization', 'connection', 'host', 'x-request-id']);
    // The gateway's own, and not the client's.
    expect(passed.authorization).toBe(`Bearer ${TOKEN}`);
  });

  it('answers HEAD, no other method, and no path but those of history', async () => {
    fake.onHistory = (_request, response) => response.end('{}');
    expect((await gateway.request('/api/history/stats', { method: 'HEAD' })).status).toBe(200);
    expect(fake.requests.at(-1)).toBe('HEAD /api/history/stats');
    const before = fake.requests.length;
    const post = await gateway.request('/api/history/stats', { method: 'POST' });
    expect([post.status, post.headers.allow]).toEqual([405, 'GET, HEAD']);
    const paths = [
      '../../internal/log',
      '..%2f..%2finternal/log',
      '%2e%2e/%2e%2e/internal/log',
      'stats/../../../internal/log',
    ];
    for (const path of [
      ...paths.map((it) => `/api/history/${it}`),
      '/internal/log',
      '/api/history',
      '/api/history/x',
    ]) {
      expect((await raw(gateway.port, path)).slice(0, 12)).toMatch(/HTTP\/1\.1 40[04]/);
    }
    expect(fake.requests).toHaveLength(before);
  });

  it('passes on a long answer as it comes, no faster than it is read, and ends it when its client leaves', async () => {
    let sent = 0;
    let isClosed = false;
    fake.onHistory = (_request, response) => {
      response.on('close', () => {
        isClosed = true;
      });
      const send = (): void => {
        while (!isClosed && sent < 256 << 20) {
          sent += 1 << 16;
          if (!response.write(Buffer.alloc(1 << 16))) return void response.once('drain', send);
        }
      };
      send();
    };
    const socket = connectTcp(gateway.port, '127.0.0.1');
    socket.write('GET /api/history/export HTTP/1.1\r\nHost: x\r\n\r\n');
    await new Promise((resolve) => socket.once('data', resolve));
    socket.pause();
    await new Promise((resolve) => setTimeout(resolve, 300));
    const before = sent;
    await new Promise((resolve) => setTimeout(resolve, 300));
    expect(sent).toBe(before);
    expect(sent).toBeLessThan(64 << 20);
    socket.destroy();
    for (let i = 0; i < 200 && !isClosed; i++) await new Promise((resolve) => setTimeout(resolve, 10));
    expect(isClosed).toBe(true);
  });

  it('lets a client resume from the first event of a log of which Redis holds only the end', async () => {
    const client = await SseClient.connect(`${gateway.url}/api/stream?types=market&ids=int&chain=1&last_id=${first}`);
    let prev = Number(first.split('-')[1]);
    for (let i = 0; i < 5_000; i++) {
      const frame = await client.next('market');
      expect(frame).toMatchObject({ id: `${prev + 1}`, data: `{"n":${i}}` });
      prev++;
    }
    client.close();
    expect(gateway.gateway.ladder.stats.outcomes.journal).toBe(1);
    expect(await gateway.text('/metrics')).toMatch(/depthcast_gateway_resumes_total\{rung="journal".*\} 1/);
  });

  it('says 503 and when to come back while the journal is away, and serves again when it is back', async () => {
    const { port } = fake;
    await fake.stop();
    const { status, text, headers } = await gateway.request('/api/history/stats');
    expect([status, headers['retry-after']]).toEqual([503, '1']);
    expect(JSON.parse(text)).toMatchObject({ event: 'error', code: 503, error: 'HISTORY_UNAVAILABLE' });
    fake = await FakeJournal.start(journal, port);
    fake.token = TOKEN;
    expect((await gateway.request('/api/history/stats')).status).toBe(200);
  });

  it('without one says so', async () => {
    const alone = await TestGateway.start(redis.url);
    const { status, text } = await alone.request('/api/history/stats');
    expect([status, JSON.parse(text).error]).toEqual([503, 'HISTORY_UNAVAILABLE']);
    expect((await alone.request('/api/history/stats', { method: 'PUT' })).status).toBe(405);
  });
});

/** A path as it is: clients would put dots in order. */
function raw(port: number, path: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = connectTcp(port, '127.0.0.1', () =>
      socket.write(`GET ${path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n`),
    );
    let text = '';
    socket.on('data', (part) => {
      text += part;
    });
    socket.on('end', () => resolve(text)).on('error', reject);
  });
}
