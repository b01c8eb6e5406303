import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { get } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { until } from '@depthcast/testing';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { startHistoryApp } from '../testing/history-app.ts';
import { LEVELS } from '../testing/market-inputs.ts';
import { MemoryHistory } from '../testing/memory-history.ts';

const PAGES = 1_000;
const PAGE_ROWS = 100;

let scratch = '';
beforeAll(async () => {
  scratch = await mkdtemp(join(tmpdir(), 'depthcast-history-'));
});
afterAll(() => rm(scratch, { recursive: true, force: true }));

/** 100 MB as rows, of which sockets between two processes here hold a few. */
function bigHistory(): MemoryHistory {
  const history = new MemoryHistory();
  const payload = JSON.stringify({ text: 'x'.repeat(1_000) });
  for (let n = 0; n < PAGES * PAGE_ROWS; n++) history.add({ topic: `note:${LEVELS}`, payload });
  return history;
}

describe('an export', () => {
  it('stops reading the database when its client has left', async () => {
    const big = bigHistory();
    const app = await startHistoryApp(big, scratch);
    await new Promise<void>((resolve, reject) => {
      const request = get(`${app.url}/api/history/export`, (response) => {
        response.once('data', () => {
          request.destroy();
          resolve();
        });
      }).on('error', reject);
    });
    await until(() => big.pagesRead > 0);
    await new Promise((resolve) => setTimeout(resolve, 300));
    const { pagesRead } = big;
    await new Promise((resolve) => setTimeout(resolve, 200));
    expect(big.pagesRead).toBe(pagesRead);
    expect(pagesRead).toBeLessThan(PAGES / 2);
    await app.close();
  });

  it('is given up while its file is being made, when its client has left, and leaves nothing behind', async () => {
    const big = bigHistory();
    const app = await startHistoryApp(big, scratch);
    const running = async () =>
      ((await (await fetch(`${app.url}/internal/exports`)).json()) as { exports: object[] }).exports;
    const request = get(`${app.url}/api/history/export?format=parquet`, { headers: { 'x-request-id': 'mine' } });
    request.on('error', () => {});
    await until(() => big.pagesRead > 10);
    expect(await running()).toMatchObject([{ id: 'mine', data: 'events', format: 'parquet' }]);
    request.destroy();
    await until(async () => (await running()).length === 0);
    await until(async () => (await readdir(scratch)).length === 0);
    expect(big.pagesRead).toBeLessThan(PAGES);
    await app.close();
  });

  it('is not made for whoever asks for its headers alone', async () => {
    const big = bigHistory();
    const app = await startHistoryApp(big, scratch);
    const response = await fetch(`${app.url}/api/history/export`, { method: 'HEAD' });
    expect(response.headers.get('content-type')).toContain('text/csv');
    await (await fetch(`${app.url}/api/history/export?limit=1`)).text();
    expect(big.pagesRead).toBeLessThan(3);
    await app.close();
  });

  it('reads no further ahead than its client takes, and two at most are made at once', async () => {
    const big = bigHistory();
    const app = await startHistoryApp(big, scratch);
    const stalled = [1, 2].map(() => get(`${app.url}/api/history/export`, (response) => response.pause()));
    for (const request of stalled) request.on('error', () => {});
    await until(() => big.pagesRead > 2);
    await new Promise((resolve) => setTimeout(resolve, 500));
    expect(big.pagesRead).toBeLessThan(PAGES);
    const third = await fetch(`${app.url}/api/history/export`);
    expect(third.status).toBe(503);
    expect(third.headers.get('retry-after')).toBe('1');
    expect(await third.json()).toMatchObject({ error: 'OVERLOADED' });
    for (const request of stalled) request.destroy();
    await until(async () => {
      const again = await fetch(`${app.url}/api/history/export?limit=1`);
      await again.text();
      return again.status === 200;
    });
    await app.close();
  });
});

/** Answered when the test says so. */
function question() {
  let answer = () => {};
  const answered = new Promise<void>((resolve) => {
    answer = resolve;
  });
  return { answered, answer };
}

describe('what looks at all that is stored', () => {
  it('is made twice at once at most', async () => {
    const slow = new MemoryHistory();
    const { answered, answer } = question();
    const latency = slow.latency.bind(slow);
    slow.latency = (query) => answered.then(() => latency(query));
    const app = await startHistoryApp(slow, scratch);
    const asked = [1, 2, 3].map(() => fetch(`${app.url}/api/history/latency`));
    expect((await Promise.race(asked)).status).toBe(503);
    answer();
    const statuses = (await Promise.all(asked)).map(({ status }) => status);
    expect(statuses.sort()).toEqual([200, 200, 503]);
    await app.close();
  });

  it('counts until the database has answered, though its client has left', async () => {
    const slow = new MemoryHistory();
    const { answered, answer } = question();
    let asked = 0;
    slow.events = async function* () {
      asked++;
      await answered;
      yield [];
    };
    const app = await startHistoryApp(slow, scratch);
    const requests = [1, 2].map(() => get(`${app.url}/api/history/export`));
    for (const request of requests) request.on('error', () => {});
    await until(() => asked === 2);
    for (const request of requests) request.destroy();
    await new Promise((resolve) => setTimeout(resolve, 100));
    expect((await fetch(`${app.url}/api/history/export`)).status).toBe(503);
    answer();
    await until(async () => (await fetch(`${app.url}/api/history/export`)).status === 200);
    await app.close();
  });
});

describe('a database that does not answer', () => {
  it('is said to be away, with when to come back, and serves again when it is there', async () => {
    const away = new MemoryHistory();
    away.add({ topic: `trade:${LEVELS}`, payload: '{}' });
    const app = await startHistoryApp(away, scratch);
    away.beforeRead = async () => {
      throw new Error('connection refused');
    };
    for (const path of ['symbols', 'stats', `updates?symbol=${LEVELS}`, 'events', 'export?format=parquet', 'export']) {
      const response = await fetch(`${app.url}/api/history/${path}`);
      expect(await response.json()).toMatchObject({ code: 503, error: 'HISTORY_UNAVAILABLE' });
      expect(response.headers.get('retry-after')).toBe('1');
    }
    away.beforeRead = async () => {};
    expect((await fetch(`${app.url}/api/history/symbols`)).status).toBe(200);
    await app.close();
  });
});
