import { execFile } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { SseClient, until } from '@depthcast/testing';
import { DuckDBInstance } from '@duckdb/node-api';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { LoggedEvent } from './log-checks.ts';
import { firstDifference, RoamingClient } from './roaming-client.ts';
import { TestStack } from './stack.ts';
import { WholeLog } from './whole-log.ts';

const TOOL = fileURLToPath(new URL('../../../tools/history/dist/main.js', import.meta.url));
const DATA = process.env.DEPTHCAST_DATA ?? fileURLToPath(new URL('../../../../shared/data', import.meta.url));
const run = promisify(execFile);

interface Page {
  readonly count: number;
  readonly next: string | null;
  readonly [list: string]: unknown;
}

/** The same parameters everywhere: the journal's own answers, at a gateway. */
async function ask<T>(stack: TestStack, path: string): Promise<T> {
  const response = await fetch(stack.url(0, `/api/history/${path}`));
  const body = await response.json();
  if (!response.ok) throw new Error(`${path}: ${response.status} ${JSON.stringify(body)}`);
  return body as T;
}

/** A list of it all, page by page. */
async function pages(stack: TestStack, path: string, list: string): Promise<unknown[]> {
  const all: unknown[] = [];
  for (let after = ''; ; ) {
    const page = await ask<Page>(stack, `${path}${after}`);
    all.push(...(page[list] as unknown[]));
    if (page.next === null) return all;
    after = `&after=${page.next}`;
  }
}

const isOf = (topic: string) => (event: LoggedEvent) => event.topic === topic;
const parsed = ({ payload }: LoggedEvent) => JSON.parse(payload);

describe('the history of a stack that runs', () => {
  let stack: TestStack;
  let log: WholeLog;
  let folder: string;
  /** How much of it the tests are about; more is coming. */
  let stored: LoggedEvent[];

  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), 'depthcast-history-'));
    stack = await TestStack.start({
      ingest: { SIMULATOR_RATE: '1000' },
      engine: { SNAPSHOT_EVERY_MS: '1000' },
      gateway: { WINDOW_BYTES: String(2 ** 20) },
      journal: { WINDOW_BYTES: String(2 ** 22) },
      beforeApps: ({ client, keys }) => {
        log = new WholeLog(client, keys);
      },
    });
    await until(() => log.events.length > 30_000, 90_000, '30,000 events');
    stored = [...log.events];
    const last = stored.at(-1)?.id;
    const reached = async () => (await ask<Page>(stack, `events?types=clock&after=${last}&limit=1`)).count > 0;
    await until(reached, 30_000, `the journal beyond ${last}`);
  }, 180_000);
  afterAll(async () => {
    await log?.stop();
    await stack?.stop();
    rmSync(folder, { recursive: true, force: true });
  });

  it("answers the BBO cache's calls through a gateway, and its pages join without a gap", async () => {
    const symbols = await ask<{ symbols: string[]; count: number }>(stack, 'symbols');
    expect(symbols).toMatchObject({ symbols: ['ADAUSD', 'BTCUSD', 'ETHUSD'], count: 3 });

    const bbo = stored.filter(isOf('bbo:BTCUSD'));
    const newest = await ask<Page>(stack, 'updates?symbol=btc/usd&limit=3');
    expect(newest).toMatchObject({ symbol: 'BTCUSD', count: 3 });
    const last = (bbo.at(-1) as LoggedEvent).id;
    const all = await pages(stack, `updates?symbol=BTCUSD&start_time=0&limit=333&before=${last}`, 'updates');
    expect(all).toEqual(bbo.slice(0, -1).map(parsed));

    const latency = await ask<Record<string, number>>(stack, 'latency?symbol=BTCUSD');
    expect(latency.count).toBeGreaterThanOrEqual(bbo.length);
    expect(latency.min).toBeLessThanOrEqual(latency.p50 as number);
    expect(latency.p50).toBeLessThanOrEqual(latency.p99 as number);
    expect(await ask(stack, 'stats')).toMatchObject({ symbols: 3, partitions: [{ orphaned: 0, hole_count: 0 }] });
  }, 60_000);

  it('has every event, trade and closed bar as it was on the wire', async () => {
    const { id } = stored.at(-1) as LoggedEvent;
    const events = (await pages(stack, `events?limit=10000&before=${id}`, 'events')) as { id: string; data: unknown }[];
    expect(events.map(({ id }) => id)).toEqual(stored.slice(0, -1).map(({ id }) => id));
    expect(events.map(({ data }) => data)).toEqual(stored.slice(0, -1).map(parsed));
    const trades = await pages(stack, `trades?symbol=ETHUSD&start_time=0&limit=1000&before=${id}`, 'trades');
    expect(trades).toEqual(stored.slice(0, -1).filter(isOf('trade:ETHUSD')).map(parsed));
    const closed = stored
      .filter(isOf('kline:ADAUSD'))
      .map(parsed)
      .filter((bar) => bar.interval === '1m' && bar.closed);
    const candles = (await ask<Page>(stack, `candles?symbol=ADAUSD&interval=1m&start_time=0`)).candles as unknown[];
    expect(candles.slice(0, closed.length)).toEqual(closed);
  }, 60_000);

  it.each([
    ['updates?symbol=NOPE', 'SYMBOL_UNKNOWN', 'NOPE'],
    ['updates?symbol=BTCUSD&limit=0', 'PARAMETER_INVALID', 'limit'],
    ['updates?symbol=BTCUSD&limit=1000000000', 'PARAMETER_INVALID', 'limit'],
    ['updates?symbol=BTCUSD&start_time=2&end_time=1', 'PARAMETER_INVALID', 'end_time'],
    ['candles?symbol=BTCUSD&start_time=yesterday', 'PARAMETER_INVALID', 'start_time'],
    ['events?after=1-', 'CURSOR_INVALID', 'after'],
    ['events?types=fill', 'PARAMETER_INVALID', 'types'],
  ])('%s is refused by name', async (path, code, named) => {
    const response = await fetch(stack.url(0, `/api/history/${path}`));
    const body = await response.text();
    expect([response.status, body]).toEqual([400, expect.stringContaining(code)]);
    expect(body).toContain(named);
  });

  it('is exported as CSV and as Parquet, all of it', async () => {
    const { id } = stored.at(-1) as LoggedEvent;
    const url = stack.journalUrl('');
    const csv = await (await fetch(stack.url(0, `/api/history/export?data=trades&before=${id}`))).text();
    const trades = stored.slice(0, -1).filter(({ topic }) => topic.startsWith('trade:'));
    const lines = csv.trim().split('\r\n');
    expect(lines[0]).toBe('id,symbol,ts_ns,trade_id,price,qty,side');
    expect(lines.length - 1).toBe(trades.length);
    expect(lines[1]?.startsWith(`${trades[0]?.id},`)).toBe(true);

    const file = join(folder, 'events.parquet');
    await run(process.execPath, [TOOL, 'export', '--out', file, '--journal', url]);
    const duckdb = await (await DuckDBInstance.create()).connect();
    const rows = await duckdb.runAndReadAll(`SELECT id, type, data FROM '${file}' LIMIT ${stored.length}`);
    const exported = rows.getRowObjects() as unknown as { id: string; data: string }[];
    expect(exported.map(({ id }) => id)).toEqual(stored.map(({ id }) => id));
    expect(exported.map(({ data }) => data)).toEqual(stored.map(({ payload }) => payload));
    duckdb.closeSync();
  }, 90_000);

  it('is proved whole by verify', async () => {
    const { stdout } = await run(process.execPath, [TOOL, 'verify', '--json', '--journal', stack.journalUrl('')]);
    const verdict = JSON.parse(stdout);
    expect(verdict).toMatchObject({ ok: true, holes: 0, problem_count: 0 });
    expect(verdict.rows).toBeGreaterThan(30_000);
    expect(verdict.checksums).toBeGreaterThan(10);
  }, 60_000);

  it('is played at full speed in the form of the present, and joins it', async () => {
    const [first] = stored as [LoggedEvent];
    const client = new RoamingClient(() => [stack.url(0, `/api/stream?types=all&from=${first.id}&speed=max`)]);
    await until(() => client.events.length >= log.events.length - 100, 60_000, 'the replay reaching the present');
    const then = client.events.length;
    await until(() => client.events.length > then + 2_000, 30_000, 'live events after it');
    await client.stop();
    expect(client.problems).toEqual([]);
    expect(client.connections).toBe(1);
    await until(() => log.events.length > client.events.length, 10_000);
    const from = log.events.findIndex(({ id }) => id === client.events[0]?.id);
    expect(from).toBeLessThanOrEqual(1);
    expect(firstDifference(client.events, log.events.slice(from, from + client.events.length))).toBeUndefined();
  }, 120_000);

  it('is played by the tool from a time, and ends where the history ended', async () => {
    const { ts_ns: ts } = parsed(stored.find(({ topic }) => topic.startsWith('trade:ETHUSD')) as LoggedEvent);
    const args = [
      TOOL,
      'replay',
      '--gateway',
      stack.url(0, ''),
      '--from',
      String(Math.floor(ts / 1e6)),
      '--speed',
      'max',
    ];
    const { stdout, stderr } = await run(process.execPath, [...args, 'ETHUSD:TRADES'], { maxBuffer: 2 ** 28 });
    // How the book stands is told beside them.
    const shown = stdout
      .trim()
      .split('\n')
      .filter((line) => !line.includes('book_status'));
    expect(stderr).toContain('events in');
    const trades = log.events.filter(isOf('trade:ETHUSD'));
    const from = trades.findIndex(({ id }) => shown[0]?.startsWith(`${id} `));
    expect(from).toBe(0);
    const wanted = trades.slice(0, shown.length).map(({ id, payload }) => `${id} trade ${payload}`);
    expect(shown).toEqual(wanted);
  }, 60_000);
});

const CAPTURE = join(DATA, 'binance', 'spot_btcusdt_20240808.gz');
const here = existsSync(CAPTURE);

(here ? describe : describe.skip)('on a recorded capture', () => {
  let stack: TestStack;
  afterAll(() => stack?.stop());

  it(`the book at any past moment is the one that was shown live then${here ? '' : ` (skipped: ${CAPTURE} is not there)`}`, async () => {
    stack = await TestStack.start({
      ingest: { SOURCE: 'replay', REPLAY_FILE: CAPTURE, REPLAY_SPEED: '60' },
      journal: {},
    });
    const live = await SseClient.connect(stack.url(0, '/stream?streams=BTCUSDT:MBP:20&interval=0'));
    await stack.ingest.line((line) => line.msg === 'the capture is over', 150_000);
    const all = await stack.settledLog();
    const tail = all.at(-1)?.id as string;
    await until(
      async () => (await stack.client.get(stack.keys.watermark)) === tail,
      30_000,
      `the watermark at ${tail}`,
    );
    const shown = await collectShown(live);
    live.close();
    expect(shown.length).toBeGreaterThan(200);

    const step = Math.max(1, Math.floor(shown.length / 100));
    let compared = 0;
    for (const { id, book } of shown.filter((_, i) => i % step === 0)) {
      const then = await ask<Levels>(stack, `book?symbol=BTCUSDT&at=${id}&levels=20`);
      expect([id, numbers(then.bids), numbers(then.asks)]).toEqual([id, book.bids, book.asks]);
      compared++;
    }
    expect(compared).toBeGreaterThan(90);
  }, 240_000);
});

type Level = readonly [price: number, qty: number];

interface Levels {
  readonly bids: readonly (readonly [price: string, qty: string])[];
  readonly asks: readonly (readonly [price: string, qty: string])[];
}

interface Shown {
  readonly id: string;
  readonly book: { readonly bids: Level[]; readonly asks: Level[] };
}

/** What a view has been shown so far: its frames' ids are the cursors of the books in them. */
async function collectShown(live: SseClient): Promise<Shown[]> {
  const shown: Shown[] = [];
  while (live.queued > 0) {
    const frame = await live.next('market_data', 1_000).catch(() => undefined);
    if (!frame) break;
    const { bids, asks } = JSON.parse(frame.data).data as Record<
      'bids' | 'asks',
      { price: number; quantity: number }[]
    >;
    const levels = (side: typeof bids) => side.map(({ price, quantity }): Level => [price, quantity]);
    shown.push({ id: frame.id as string, book: { bids: levels(bids), asks: levels(asks) } });
  }
  return shown;
}

function numbers(levels: Levels['bids']): Level[] {
  return levels.map(([price, qty]): Level => [Number(price), Number(qty)]);
}
