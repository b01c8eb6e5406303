import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Market } from '@depthcast/market';
import { type Cursor, formatCursor } from '@depthcast/protocol';
import { until } from '@depthcast/testing';
import { DuckDBInstance } from '@duckdb/node-api';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { DuckDbStore } from '../stores/duckdb/duckdb-store.ts';
import type { JournalStore } from '../stores/journal-store.ts';
import { fillStore } from '../testing/fill-store.ts';
import { startHistoryApp } from '../testing/history-app.ts';
import { LEVELS, ORDERS, START_S } from '../testing/market-inputs.ts';
import { ROUNDS, recordedSession, SECONDS } from '../testing/recorded-session.ts';

const { history, market, bbos, trades } = recordedSession(new Market());

type App = Awaited<ReturnType<typeof startHistoryApp>>;
// biome-ignore lint/suspicious/noExplicitAny: what is in it, the tests say.
type Answer = { status: number; text: string; headers: Headers; json: any };

let scratch = '';
let store: JournalStore;
let apps: Record<string, App> = {};
beforeAll(async () => {
  scratch = await mkdtemp(join(tmpdir(), 'depthcast-history-'));
  store = new DuckDbStore({ file: ':memory:' });
  await store.open();
  await fillStore(store, history);
  apps = { memory: await startHistoryApp(history, scratch), duckdb: await startHistoryApp(store, scratch) };
});
afterAll(async () => {
  for (const app of Object.values(apps)) await app.close();
  await store.close();
  await rm(scratch, { recursive: true, force: true });
});

async function ask(app: string, path: string, init?: RequestInit): Promise<Answer> {
  const response = await fetch(`${apps[app]?.url}${path}`, init);
  const text = await response.text();
  const isJson = response.headers.get('content-type')?.includes('json') && !text.includes('\n');
  return { status: response.status, text, headers: response.headers, json: isJson ? JSON.parse(text) : undefined };
}

describe.each(['memory', 'duckdb'])('history over HTTP, from %s', (app) => {
  const updates = (query: string) => ask(app, `/api/history/updates?symbol=${LEVELS}${query}`);

  it('names the symbols, with what is kept of each', async () => {
    const { json } = await ask(app, '/api/history/symbols');
    expect(json.symbols).toEqual([LEVELS, ORDERS].sort());
    const details = json.details.find(({ symbol }: { symbol: string }) => symbol === LEVELS);
    expect(details).toMatchObject({ updates: bbos.length, trades: trades.length });
    expect(details.first_time).toBe(START_S * 1_000);
  });

  it('gives the newest updates in rising time, as they stand in the log, and pages back', async () => {
    const { json, text } = await updates('&limit=10');
    const last = bbos.slice(-10).map(({ payload }) => payload);
    expect(text).toContain(`"updates":[${last.join(',')}]`);
    expect(json).toMatchObject({ symbol: LEVELS, count: 10, next: null });
    const back = await updates(`&limit=10&before=${json.previous}`);
    expect(back.text).toContain(
      bbos
        .slice(-20, -10)
        .map(({ payload }) => payload)
        .join(','),
    );
  });

  it('pages through a range of time by cursor, each update once', async () => {
    const from = START_S * 1_000 + 60_000;
    const to = from + 600_000;
    const got: string[] = [];
    let next: string | null = '';
    for (let pages = 0; next !== null; pages++) {
      expect(pages).toBeLessThan(30);
      const after = next === '' ? '' : `&after=${next}`;
      const { json } = await updates(`&start_time=${from}&end_time=${new Date(to).toISOString()}&limit=17${after}`);
      got.push(...json.updates.map((update: object) => JSON.stringify(update)));
      next = json.next;
    }
    const expected = bbos.filter(({ tsUs }) => tsUs >= from * 1_000 && tsUs < to * 1_000);
    expect(expected.length).toBeGreaterThan(50);
    expect(got).toEqual(expected.map(({ payload }) => payload));
  });

  it('gives trades, with integers that no Number holds', async () => {
    const { text, json } = await ask(app, `/api/history/trades?symbol=${LEVELS}&limit=3`);
    expect(json.count).toBe(3);
    for (const { payload } of trades.slice(-3)) expect(text).toContain(payload);
  });

  it('gives closed bars by the time they open, and the open one last', async () => {
    const bars = history.rows.filter(
      ({ type, columns, symbol }) => type === 'kline' && columns?.interval === '1m' && symbol === LEVELS,
    );
    const closed = bars.filter(({ columns }) => columns?.closed);
    const { json } = await ask(app, `/api/history/candles?symbol=${LEVELS}&interval=1m`);
    expect(json.candles.slice(0, -1)).toEqual(closed.map(({ payload }) => JSON.parse(payload)));
    expect(json.candles.at(-1)).toMatchObject({ closed: false });
    const from = START_S * 1_000 + 300_000;
    const part = await ask(app, `/api/history/candles?symbol=${LEVELS}&start_time=${from}&end_time=${from + 240_000}`);
    expect(part.json.candles.map((bar: { open_ts: number }) => (bar.open_ts - from) / 60_000)).toEqual([0, 1, 2, 3]);
    expect(part.json.candles.every((bar: { closed: boolean }) => bar.closed)).toBe(true);
  });

  it('gives events from a cursor on, private ones to their account alone', async () => {
    const after = formatCursor(history.rows[100] as Cursor);
    const { json } = await ask(app, `/api/history/events?after=${after}&limit=50`);
    const open = history.rows.slice(101).filter(({ account }) => account === null);
    expect(json.events.map(({ id }: { id: string }) => id)).toEqual(open.slice(0, 50).map(formatCursor));
    expect(json.next).toBe(formatCursor(open[49] as Cursor));
    const mine = await ask(app, '/api/history/events?types=order_update,fill&account=alice&limit=10000');
    expect(mine.json.count).toBe(
      history.rows.filter(({ type, account }) => account === 'alice' && ['order_update', 'fill'].includes(type)).length,
    );
    expect(mine.json.count).toBeGreaterThan(10);
    const bob = await ask(app, '/api/history/events?types=order_update,fill&account=bob');
    expect(bob.json.events).toEqual([]);
  });

  it('says the latency of a range', async () => {
    const { json } = await ask(app, `/api/history/latency?symbol=${LEVELS}`);
    expect(json).toMatchObject({ symbol: LEVELS, unit: 'ms', count: bbos.length });
    expect(json.min).toBeLessThanOrEqual(json.p50);
    expect(json.p99).toBeLessThanOrEqual(json.max);
    const none = await ask(app, `/api/history/latency?symbol=${LEVELS}&end_time=1000`);
    expect(none.json).toMatchObject({ count: 0, mean: null });
  });

  it('says what is kept', async () => {
    const { json } = await ask(app, '/api/history/stats');
    expect(json).toMatchObject({ store: { kind: 'duckdb' }, symbols: 2, events: history.rows.length });
    const [partition] = json.partitions;
    expect(partition).toMatchObject({
      cursor: formatCursor(history.tail as Cursor),
      earliest: '1-0',
      holes: [],
      orphaned: 0,
    });
  });

  it('rebuilds a book as of a cursor and as of a time', async () => {
    const { json, text } = await ask(app, `/api/history/book?symbol=${ORDERS}&levels=all`);
    const live = market.book(ORDERS);
    expect({ bids: json.bids, asks: json.asks }).toEqual({ bids: live?.bids, asks: live?.asks });
    expect({ bids: json.bid_orders, asks: json.ask_orders }).toEqual(live?.orders);
    expect(text).toMatch(/"ts_ns":\d{19},/);
    const half = START_S * 1_000 + (ROUNDS / 2) * SECONDS * 1_000;
    const at = await ask(app, `/api/history/book?symbol=${LEVELS}&at=${half}&levels=1`);
    expect(at.json.bids).toHaveLength(1);
    const same = await ask(app, `/api/history/book?symbol=${LEVELS}&at=${at.json.at}&levels=1`);
    expect(same.json).toEqual(at.json);
    const before = await ask(app, `/api/history/book?symbol=${LEVELS}&at=${START_S * 1_000 - 1}`);
    expect(before).toMatchObject({ status: 404, json: { error: 'HISTORY_MISSING' } });
  });

  it('writes CSV whose fields are the texts of the log', async () => {
    const { text, headers } = await ask(app, `/api/history/trades?symbol=${LEVELS}`, {
      headers: { accept: 'text/csv' },
    });
    expect(headers.get('content-type')).toContain('text/csv');
    const [head, ...lines] = text.trimEnd().split('\r\n');
    expect(head).toBe('id,symbol,ts_ns,trade_id,price,qty,side');
    expect(lines).toHaveLength(trades.length);
    const first = trades[0] as { payload: string };
    const member = (name: string) => new RegExp(`"${name}":"?([^,"}]+)`).exec(first.payload)?.[1];
    expect(lines[0]).toBe(
      [formatCursor(trades[0] as Cursor), LEVELS, ...['ts_ns', 'trade_id', 'price', 'qty', 'side'].map(member)].join(
        ',',
      ),
    );
    const events = await ask(app, '/api/history/export?types=bbo&limit=2');
    expect(events.text.split('\r\n')[1]).toContain('"{""symbol"":');
  });

  it('writes Parquet that holds the same rows, and leaves no file behind', async () => {
    const response = await fetch(`${apps[app]?.url}/api/history/export?data=updates&symbols=${LEVELS}&format=parquet`);
    expect(response.headers.get('content-disposition')).toContain('updates.parquet');
    const file = join(scratch, `${app}.parquet`);
    await writeFile(file, Buffer.from(await response.arrayBuffer()));
    const instance = await DuckDBInstance.create(':memory:');
    const connection = await instance.connect();
    const read = await connection.runAndReadAll(
      `SELECT count(*), sum("bidPrice" * "bidQty"), max("timestamp"), min(id) FROM read_parquet('${file}')`,
    );
    const [count, product, newest] = read.getRows()[0] as [bigint, number, bigint];
    instance.closeSync();
    const values = bbos.map(({ payload }) => JSON.parse(payload));
    expect(Number(count)).toBe(bbos.length);
    expect(product).toBeCloseTo(
      values.reduce((sum, { bidPrice, bidQty }) => sum + bidPrice * bidQty, 0),
      6,
    );
    expect(Number(newest)).toBe(values.at(-1).timestamp);
    await until(async () => (await readdir(scratch)).every((name) => !name.startsWith('export-')));
  });

  it.each([
    ['updates', 'PARAMETER_INVALID', 'symbol'],
    ['updates?symbol=NOPE', 'SYMBOL_UNKNOWN', 'NOPE'],
    [`updates?symbol=${LEVELS}&limit=0`, 'PARAMETER_INVALID', 'limit'],
    [`updates?symbol=${LEVELS}&limit=1000000000`, 'PARAMETER_INVALID', 'limit'],
    [`updates?symbol=${LEVELS}&limit=1e3`, 'PARAMETER_INVALID', 'limit'],
    [`updates?symbol=${LEVELS}&format=csv&limit=1000000000`, 'PARAMETER_INVALID', 'limit'],
    [`updates?symbol=${LEVELS}&start_time=2000&end_time=1000`, 'PARAMETER_INVALID', 'end_time'],
    [`updates?symbol=${LEVELS}&start_time=yesterday`, 'PARAMETER_INVALID', 'start_time'],
    [`updates?symbol=${LEVELS}&start_time=2026-02-30`, 'PARAMETER_INVALID', 'start_time'],
    [`updates?symbol=${LEVELS}&start_time=-1`, 'PARAMETER_INVALID', 'start_time'],
    [`updates?symbol=${LEVELS}&after=12`, 'CURSOR_INVALID', 'after'],
    [`updates?symbol=${LEVELS}&after=5-1&before=1-1`, 'PARAMETER_INVALID', 'before'],
    [`updates?symbol=${LEVELS}&symbol=${ORDERS}`, 'PARAMETER_INVALID', 'symbol'],
    [`updates?symbol=${LEVELS}&Limit=3`, 'PARAMETER_INVALID', 'Limit'],
    [`updates?symbol=${LEVELS}&format=xml`, 'PARAMETER_INVALID', 'format'],
    [`candles?symbol=${LEVELS}&interval=2m`, 'PARAMETER_INVALID', 'interval'],
    ['events?types=nothing', 'PARAMETER_INVALID', 'types'],
    ['events?types=fill', 'PARAMETER_INVALID', 'types'],
    ['events?account=a:b', 'PARAMETER_INVALID', 'account'],
    ['events?symbols=NOPE', 'SYMBOL_UNKNOWN', 'NOPE'],
    ['stats?x=1', 'PARAMETER_INVALID', 'x'],
    [`latency?symbol=${LEVELS}&start_time=9&end_time=9`, 'PARAMETER_INVALID', 'end_time'],
    [`book?symbol=${LEVELS}&at=then`, 'PARAMETER_INVALID', 'at'],
    [`book?symbol=${LEVELS}&levels=0`, 'PARAMETER_INVALID', 'levels'],
    ['export?data=all', 'PARAMETER_INVALID', 'data'],
    ['export?data=trades&account=alice', 'PARAMETER_INVALID', 'account'],
  ])('refuses %s, and says what is wrong', async (path, code, named) => {
    const { status, json } = await ask(app, `/api/history/${path}`);
    expect({ status, code: json.error }).toEqual({ status: 400, code });
    expect(json).toMatchObject({ event: 'error', code: 400 });
    expect(json.message).toContain(named);
  });
});
