import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { restoreReplica } from '@depthcast/book';
import { readLogLines } from '@depthcast/log';
import { Market } from '@depthcast/market';
import { type Cursor, formatCursor, formatSessionCursor, partitionOf, tryParseCursor } from '@depthcast/protocol';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { DuckDbStore } from '../stores/duckdb/duckdb-store.ts';
import type { JournalStore } from '../stores/journal-store.ts';
import { startHistoryApp } from '../testing/history-app.ts';
import { LEVELS, ORDERS, START_S } from '../testing/market-inputs.ts';
import { fillPartitions, modelOf, partitioned } from '../testing/partitioned-session.ts';
import { recordedSession } from '../testing/recorded-session.ts';

const PARTITIONS = 4;
const { history: whole, market, bbos, trades } = recordedSession(new Market());
const logs = partitioned(whole, PARTITIONS);
const OWN = partitionOf(LEVELS, PARTITIONS);
const OTHERS = partitionOf(ORDERS, PARTITIONS);

type App = Awaited<ReturnType<typeof startHistoryApp>>;
// biome-ignore lint/suspicious/noExplicitAny: what is in it, the tests say.
type Answer = { status: number; text: string; json: any };

let scratch = '';
let store: JournalStore;
let apps: Record<string, App> = {};
beforeAll(async () => {
  scratch = await mkdtemp(join(tmpdir(), 'depthcast-history-'));
  store = new DuckDbStore({ file: ':memory:' });
  await store.open();
  await fillPartitions(store, logs);
  apps = {
    memory: await startHistoryApp(await modelOf(logs), scratch, PARTITIONS),
    duckdb: await startHistoryApp(store, scratch, PARTITIONS),
  };
});
afterAll(async () => {
  for (const app of Object.values(apps)) await app.close();
  await store.close();
  await rm(scratch, { recursive: true, force: true });
});

it('the two symbols are of different partitions', () => {
  expect(OWN).not.toBe(OTHERS);
});

/** `<partition> <id>` of what everybody may see. */
const idsOf = (isAbout: (row: (typeof whole.rows)[number]) => boolean) =>
  logs.flatMap(({ rows }, partition) =>
    rows.filter((row) => row.account === null && isAbout(row)).map((row) => `${partition} ${formatCursor(row)}`),
  );

describe.each(['memory', 'duckdb'])('a history of several partitions, from %s', (app) => {
  const ask = async (path: string): Promise<Answer> => {
    const response = await fetch(`${apps[app]?.url}${path}`);
    const text = await response.text();
    const isJson = response.headers.get('content-type')?.includes('json');
    return { status: response.status, text, json: isJson ? JSON.parse(text) : undefined };
  };

  /** All pages of a question. */
  const pagesOf = async (question: string, limit: number) => {
    const events: { id: string; partition: number; type: string; data: object }[] = [];
    let next = '';
    for (let pages = 0; ; pages++) {
      const { json } = await ask(`/api/history/events?${question}&limit=${limit}${next && `&after=${next}`}`);
      events.push(...json.events);
      if (json.next === null) return { events, pages };
      next = json.next;
    }
  };

  it('gives the events of all of them, each once, whatever the size of the pages', async () => {
    const { events } = await pagesOf('', 10_000);
    const all = idsOf(() => true);
    expect(events.map(({ id, partition }) => `${partition} ${id}`).sort()).toEqual([...all].sort());
    for (const limit of [997, 4_000]) {
      const { events: same, pages } = await pagesOf('', limit);
      expect(pages).toBe(Math.ceil(all.length / limit) - 1);
      expect(same).toEqual(events);
    }
    for (const partition of Array(PARTITIONS).keys()) {
      const own = events.filter((event) => event.partition === partition).map(({ id }) => id);
      expect(own).toEqual(logs[partition]?.rows.filter(({ account }) => account === null).map(formatCursor));
    }
    // Seconds are said by all of them: those of one moment come together.
    const seconds = events
      .filter(({ type }) => type === 'clock')
      .map(({ data }) => (data as { second: number }).second);
    expect(seconds).toEqual([...seconds].sort((a, b) => a - b));
  });

  it('pages through what is rare in some of them and through a range of time', async () => {
    for (const rare of ['trade', 'clock']) {
      const { events } = await pagesOf(`types=${rare}`, 91);
      const wanted = idsOf(({ type }) => type === rare);
      expect(events.map(({ id, partition }) => `${partition} ${id}`).sort()).toEqual([...wanted].sort());
    }
    const from = START_S * 1_000 + 60_000;
    const { events } = await pagesOf(`start_time=${from}&end_time=${from + 30_000}`, 11);
    const wanted = idsOf(({ tsUs }) => tsUs >= from * 1_000 && tsUs < (from + 30_000) * 1_000);
    expect(events.map(({ id, partition }) => `${partition} ${id}`).sort()).toEqual([...wanted].sort());
    expect(wanted.length).toBeGreaterThan(100);
  });

  it('gives an account its events of every partition', async () => {
    const { events } = await pagesOf('account=alice&types=account,fill,order_update', 10_000);
    const wanted = whole.rows.filter(
      ({ type, account }) => account === 'alice' && ['account', 'fill', 'order_update'].includes(type),
    );
    expect(events.map(({ data }) => JSON.stringify(data)).sort()).toEqual(
      wanted.map(({ payload }) => JSON.stringify(JSON.parse(payload))).sort(),
    );
    expect(wanted.length).toBeGreaterThan(10);
  });

  it('answers about one symbol as if there were its partition alone, places in its log plainly said', async () => {
    const { json, text } = await ask(`/api/history/updates?symbol=${LEVELS}&limit=10`);
    expect(text).toContain(
      `"updates":[${bbos
        .slice(-10)
        .map(({ payload }) => payload)
        .join(',')}]`,
    );
    const back = await ask(`/api/history/updates?symbol=${LEVELS}&limit=10&before=${json.previous}`);
    expect(back.text).toContain(
      bbos
        .slice(-20, -10)
        .map(({ payload }) => payload)
        .join(','),
    );
    expect(tryParseCursor(json.previous)).toBeDefined();
    const first = await ask(`/api/history/trades?symbol=${LEVELS}&start_time=0&limit=5`);
    const second = await ask(`/api/history/trades?symbol=${LEVELS}&after=${first.json.next}&limit=5`);
    expect(second.text).toContain(
      trades
        .slice(5, 10)
        .map(({ payload }) => payload)
        .join(','),
    );
    const { json: candles } = await ask(`/api/history/candles?symbol=${LEVELS}`);
    expect(candles.candles.at(-1)).toMatchObject({ symbol: LEVELS, closed: false });
    const { events } = await pagesOf(`symbols=${LEVELS}`, 501);
    expect(events.map(({ id }) => id)).toEqual(
      logs[OWN]?.rows.filter(({ symbol }) => symbol === LEVELS).map(formatCursor),
    );
  });

  it('takes a cursor over all of them for one symbol too, and means its part', async () => {
    const place = logs.map(({ rows }) => rows[Math.floor(rows.length / 2)] as Cursor);
    const plain = await ask(`/api/history/trades?symbol=${LEVELS}&limit=9&after=${formatCursor(place[OWN] as Cursor)}`);
    const each = await ask(`/api/history/trades?symbol=${LEVELS}&limit=9&after=${formatSessionCursor(place)}`);
    expect(each.text).toBe(plain.text);
    expect(plain.json.count).toBe(9);
    const at = await ask(`/api/history/book?symbol=${ORDERS}&at=${formatSessionCursor(place)}`);
    expect(at.json.at).toBe(formatCursor(place[OTHERS] as Cursor));
    const before = await ask(`/api/history/events?before=${formatSessionCursor(place)}&limit=10000`);
    expect(before.json.count).toBe(
      logs.reduce(
        (sum, { rows }) =>
          sum + rows.slice(0, Math.floor(rows.length / 2)).filter((row) => row.account === null).length,
        0,
      ),
    );
  });

  it('rebuilds each book from the log of its own partition', async () => {
    for (const symbol of [LEVELS, ORDERS]) {
      const { json } = await ask(`/api/history/book?symbol=${symbol}&levels=all`);
      expect({ bids: json.bids, asks: json.asks }).toEqual({
        bids: market.book(symbol)?.bids,
        asks: market.book(symbol)?.asks,
      });
    }
  });

  it('sums up all of them', async () => {
    const { json: symbols } = await ask('/api/history/symbols');
    expect(symbols.symbols).toEqual([LEVELS, ORDERS].sort());
    const { json: stats } = await ask('/api/history/stats');
    expect(stats.events).toBe(logs.reduce((sum, { rows }) => sum + rows.length, 0));
    expect(stats.partitions).toHaveLength(PARTITIONS);
    expect(stats.partitions.map(({ cursor }: { cursor: string }) => cursor)).toEqual(
      logs.map(({ tail }) => formatCursor(tail as Cursor)),
    );
    const { json: latency } = await ask('/api/history/latency');
    expect(latency.count).toBe(whole.rows.filter(({ type }) => type === 'bbo').length);
  });

  it('writes all of them into one file', async () => {
    const { text } = await ask('/api/history/export');
    const [head, ...lines] = text.trimEnd().split('\r\n');
    expect(head).toBe('id,partition,type,symbol,account,ts_us,data');
    const { events } = await pagesOf('', 10_000);
    expect(lines.map((line) => line.split(',', 2).reverse().join(' '))).toEqual(
      events.map(({ id, partition }) => `${partition} ${id}`),
    );
    const some = await ask('/api/history/export?data=trades&limit=20');
    expect(some.text.trimEnd().split('\r\n')).toHaveLength(21);
    const updates = await ask('/api/history/export?data=updates');
    expect(updates.text.trimEnd().split('\r\n')).toHaveLength(
      1 + whole.rows.filter(({ type }) => type === 'bbo').length,
    );
  });

  it.each([
    ['events?after=1-5', 'CURSOR_INVALID', 'after: 1-5 is a place in one of 4 partitions'],
    [`events?symbols=${LEVELS},${ORDERS}&before=1-5`, 'CURSOR_INVALID', 'before'],
    ['export?after=1-5', 'CURSOR_INVALID', 'after'],
    ['events?after=1-5_1-6', 'CURSOR_INVALID', 'over all 4 partitions'],
    ['events?after=x', 'CURSOR_INVALID', 'after'],
    ['events?after=1-1_1-1_1-1_1-1&before=1-1_1-1_1-1_1-1', 'PARAMETER_INVALID', 'before'],
    [`updates?symbol=${LEVELS}&after=1-1_1-1`, 'CURSOR_INVALID', 'over all 4 partitions'],
    [`book?symbol=${LEVELS}&at=1-1_1-1`, 'PARAMETER_INVALID', 'at'],
  ])('refuses %s, and says what is wrong', async (path, code, named) => {
    const { status, json } = await ask(`/api/history/${path}`);
    expect({ status, code: json.error }).toEqual({ status: 400, code });
    expect(json.message).toContain(named);
  });

  it('is told to gateways partition by partition', async () => {
    for (const [partition, { rows, tail }] of logs.entries()) {
      const payloads: string[] = [];
      for (let after = ''; ; ) {
        const response = await fetch(`${apps[app]?.url}/internal/log?partition=${partition}&count=5000${after}`);
        const entries = readLogLines(Buffer.from(await response.arrayBuffer()), undefined);
        const last = entries.at(-1);
        if (!last) break;
        payloads.push(...entries.map(({ payload }) => payload.toString()));
        after = `&after=${formatCursor(last)}`;
      }
      expect(payloads).toEqual(rows.map(({ payload }) => payload));
      const { json } = await ask(`/internal/timeline?partition=${partition}`);
      expect(json).toMatchObject({ earliest: '1-0', tail: formatCursor(tail as Cursor) });
      const moment = START_S * 1_000 + 90_000;
      const { json: found } = await ask(`/internal/cursor?partition=${partition}&at=${moment}`);
      const at = tryParseCursor(found.cursor) as Cursor;
      expect(rows[at.offset]?.tsUs).toBeLessThanOrEqual(moment * 1_000);
      expect(rows[at.offset + 1]?.tsUs).toBeGreaterThan(moment * 1_000);
    }
    expect((await ask('/internal/timeline')).json.tail).toBe(formatCursor(logs[0]?.tail as Cursor));
    for (const path of ['log?', 'timeline?', 'cursor?at=1&', 'books?at=1-1&']) {
      for (const wrong of ['4', '-1', 'x', '1.5']) {
        const { status, json } = await ask(`/internal/${path}partition=${wrong}`);
        expect({ status, code: json.error }).toEqual({ status: 400, code: 'PARAMETER_INVALID' });
        expect(json.message).toContain('partition');
      }
    }
  });

  it('has the books of a partition, and no others', async () => {
    for (const [partition, symbols] of [
      [OWN, [LEVELS]],
      [OTHERS, [ORDERS]],
      [1, []],
    ] as const) {
      const tail = logs[partition]?.tail as Cursor;
      const path = `/internal/books?partition=${partition}&at=${formatCursor(tail)}`;
      for (const asked of ['', `&symbols=${LEVELS},${ORDERS}`]) {
        const { json } = await ask(path + asked);
        expect(json.books.map(({ symbol }: { symbol: string }) => symbol)).toEqual(symbols);
        for (const { symbol, cursor, state } of json.books) {
          const replica = restoreReplica({ symbol, cursor: tryParseCursor(cursor) as Cursor, state });
          expect(replica.book?.wireLevels('bid')).toEqual(market.book(symbol)?.bids);
        }
      }
    }
  });

  it('is proven whole, and what is wrong is named with its partition', async () => {
    const verdictOf = async (url: string | undefined) => {
      const response = await fetch(`${url}/internal/verify`, { method: 'POST' });
      const lines = (await response.text())
        .trimEnd()
        .split('\n')
        .map((line) => JSON.parse(line));
      return { verdict: lines.at(-1).verdict, progress: lines.slice(0, -1).map(({ progress }) => progress) };
    };
    const { verdict, progress } = await verdictOf(apps[app]?.url);
    const rows = logs.reduce((sum, log) => sum + log.rows.length, 0);
    expect(verdict).toMatchObject({ ok: true, rows, epochs: PARTITIONS, holes: 0, problems: [] });
    expect(progress.every(({ of }) => of === rows)).toBe(true);
    const damaged = await modelOf(logs);
    damaged.partition(OTHERS).rows.splice(300, 1);
    const other = await startHistoryApp(damaged, scratch, PARTITIONS);
    const { verdict: found } = await verdictOf(other.url);
    await other.close();
    expect(found.ok).toBe(false);
    expect(found.problems.join()).toContain(`partition ${OTHERS}: `);
  });
});
