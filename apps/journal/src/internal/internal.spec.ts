import { restoreReplica } from '@depthcast/book';
import { type LogEntry, readLogLines } from '@depthcast/log';
import { Market } from '@depthcast/market';
import { type Cursor, formatCursor, tryParseCursor } from '@depthcast/protocol';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { startHistoryApp } from '../testing/history-app.ts';
import { LEVELS, ORDERS, START_S } from '../testing/market-inputs.ts';
import { recordedSession } from '../testing/recorded-session.ts';
import type { Verdict, VerifyProgress } from './verify.ts';

const { history, market } = recordedSession(new Market());
const whole = history.tail as Cursor;
// A second epoch, which follows the whole first one, and a third, which saw less of it.
const follow = (epoch: number, tail: Cursor) => ({
  topic: 'epoch',
  payload: `{"type":"epoch","epoch":${epoch},"previous_tail":"${formatCursor(tail)}","reason":"test"}`,
});
history.add(follow(5, whole), {
  topic: 'clock',
  payload: '{"type":"clock","ts_ns":1704070000000000000,"second":1704070000}',
});

let app: Awaited<ReturnType<typeof startHistoryApp>>;
beforeAll(async () => {
  app = await startHistoryApp(history, '/nowhere');
});
afterAll(() => app.close());

const ask = (path: string, init?: RequestInit) => fetch(`${app.url}/internal/${path}`, init);

async function verified(): Promise<{ progress: VerifyProgress[]; verdict: Verdict }> {
  const text = await (await ask('verify', { method: 'POST' })).text();
  const lines = text
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line));
  return { progress: lines.slice(0, -1).map(({ progress }) => progress), verdict: lines.at(-1).verdict };
}

describe('the log, as gateways ask for it', () => {
  it('can be read from its first entry to its last, through epochs, each entry once and as it was', async () => {
    const entries: LogEntry[] = [];
    let after: Cursor | undefined;
    while (true) {
      const query: string = after ? `&after=${formatCursor(after)}` : '';
      const response = await ask(`log?partition=0&count=1000${query}`);
      expect(response.headers.get('content-type')).toBe('application/x-depthcast-log');
      const page = readLogLines(Buffer.from(await response.arrayBuffer()), after);
      if (page.length === 0) break;
      entries.push(...page);
      after = page.at(-1);
    }
    expect(after).toMatchObject({ epoch: 5, offset: 1 });
    expect(entries.map(({ payload }) => payload.toString())).toEqual(history.rows.map(({ payload }) => payload));
    expect(new Set(entries.map(({ topic }) => topic))).toContain(`order_update:${ORDERS}:alice`);
  });

  it('is empty for whoever has seen all that is stored, and more', async () => {
    for (const after of ['5-1', '5-99']) {
      const response = await ask(`log?after=${after}`);
      expect({ status: response.status, text: await response.text() }).toEqual({ status: 200, text: '' });
    }
  });

  it.each(['4-0', '9-3', `1-${whole.offset + 1}`])('says that what follows %s is not kept', async (after) => {
    const response = await ask(`log?after=${after}`);
    expect(response.status).toBe(404);
    expect(await response.json()).toMatchObject({ error: 'HISTORY_MISSING' });
  });

  it('ends where entries are missing, and says so to whoever stands there', async () => {
    const { history: holed } = recordedSession(new Market());
    holed.lose(500, 10);
    const other = await startHistoryApp(holed, '/nowhere');
    const before = await fetch(`${other.url}/internal/log?after=1-480&count=100`);
    expect((await before.text()).trimEnd().split('\n')).toHaveLength(19);
    expect((await fetch(`${other.url}/internal/log?after=1-499`)).status).toBe(404);
    const kept = await fetch(`${other.url}/internal/log?count=1`);
    expect(await kept.text()).toMatch(/^1-510 /);
    await other.close();
  });

  it('goes on in the newest of the epochs that followed an entry: Redis has lost the others', async () => {
    const { history: forked } = recordedSession(new Market());
    const tail = forked.tail as Cursor;
    forked.add(follow(5, tail));
    // As the orphaned ones are.
    forked.rows.pop();
    forked.rows.push({ ...(history.rows.at(-2) as (typeof history.rows)[number]), epoch: 6, offset: 0 });
    forked.epochList.push({ epoch: 6, ordinal: 2, previousTail: tail, reason: 'test' });
    const other = await startHistoryApp(forked, '/nowhere');
    const response = await fetch(`${other.url}/internal/log?after=${formatCursor(tail)}`);
    expect(await response.text()).toMatch(/^6-0 epoch /);
    await other.close();
  });

  it('names its epochs, its ends, and the place of a time', async () => {
    const timeline = await (await ask('timeline?partition=0')).json();
    expect(timeline).toEqual({
      epochs: [
        { epoch: 1, ordinal: 0, previous_tail: null },
        { epoch: 5, ordinal: 1, previous_tail: formatCursor(whole) },
      ],
      earliest: '1-0',
      tail: '5-1',
    });
    const at = START_S * 1_000 + 90_000;
    const { cursor } = (await (await ask(`cursor?partition=0&at=${at}`)).json()) as { cursor: string };
    const found = history.rows.findIndex((row) => formatCursor(row) === cursor);
    expect(history.rows[found]?.tsUs).toBeLessThanOrEqual(at * 1_000);
    expect(history.rows[found + 1]?.tsUs).toBeGreaterThan(at * 1_000);
    expect((await ask('cursor')).status).toBe(400);
    expect((await ask('log?partition=1')).status).toBe(400);
  });

  it('gives the books as of an event in the form that gateways restore', async () => {
    const answer = (await (await ask(`books?partition=0&at=${formatCursor(whole)}`)).json()) as {
      books: { symbol: string; cursor: string; state: string }[];
    };
    expect(answer.books.map(({ symbol }) => symbol).sort()).toEqual([LEVELS, ORDERS].sort());
    for (const { symbol, cursor, state } of answer.books) {
      const replica = restoreReplica({ symbol, cursor: tryParseCursor(cursor) as Cursor, state });
      expect(replica.has(whole)).toBe(true);
      expect(replica.book?.wireLevels('bid')).toEqual(market.book(symbol)?.bids);
      expect(replica.book?.wireLevels('ask')).toEqual(market.book(symbol)?.asks);
    }
    const some = await ask(`books?at=${formatCursor(whole)}&symbols=${LEVELS},NOPE`);
    const one = (await some.json()) as { books: unknown[] };
    expect(one.books).toHaveLength(1);
  });
});

describe('verification', () => {
  it('finds nothing wrong in what was recorded, and proves every whole book', async () => {
    const { progress, verdict } = await verified();
    expect(progress.at(0)).toMatchObject({ partition: 0, of: history.rows.length });
    expect(verdict).toMatchObject({ ok: true, rows: history.rows.length, epochs: 2, holes: 0, problems: [] });
    expect(verdict.snapshots).toBe(history.rows.filter(({ type }) => type === 'book_snapshot').length);
    expect(verdict.snapshots).toBeGreaterThan(20);
    expect(verdict.checksums).toBeGreaterThan(500);
  });

  async function afterDamage(damage: (damaged: typeof history) => void): Promise<Verdict> {
    const { history: damaged } = recordedSession(new Market());
    damage(damaged);
    const other = await startHistoryApp(damaged, '/nowhere');
    const text = await (await fetch(`${other.url}/internal/verify`, { method: 'POST' })).text();
    await other.close();
    return JSON.parse(text.trimEnd().split('\n').at(-1) ?? '').verdict;
  }

  const indexOf = ({ rows }: typeof history, type: string, symbol: string) =>
    rows.findIndex((row, n) => n > 300 && row.type === type && row.symbol === symbol);
  const change = (damaged: typeof history, at: number, from: RegExp, to: string) => {
    const row = damaged.rows[at] as { payload: string };
    expect(row.payload).toMatch(from);
    damaged.rows[at] = { ...damaged.rows[at], payload: row.payload.replace(from, to) } as (typeof damaged.rows)[number];
  };

  it('accepts a hole that is recorded, and takes the books up again at the next whole ones', async () => {
    const verdict = await afterDamage((damaged) => damaged.lose(400, 25));
    expect(verdict).toMatchObject({ ok: true, holes: 1, problems: [] });
  });

  it('accepts that retention has dropped what an epoch ended with', async () => {
    const { history: kept } = recordedSession(new Market());
    kept.add({ topic: `bbo:${LEVELS}`, payload: '{}' });
    kept.add(follow(5, kept.tail as Cursor));
    kept.rows.splice(-2, 1);
    const partitions = await kept.partitions();
    kept.partitions = async () =>
      partitions.map((partition) => ({
        ...partition,
        earliest: { epoch: 5, offset: 0 },
        dropped: { events: 1, byAge: 0, bySize: 0, byItems: 1 },
      }));
    const other = await startHistoryApp(kept, '/nowhere');
    const text = await (await fetch(`${other.url}/internal/verify`, { method: 'POST' })).text();
    await other.close();
    const { verdict } = JSON.parse(text.trimEnd().split('\n').at(-1) ?? '');
    expect(verdict).toMatchObject({ ok: true, dropped: 1, problems: [] });
  });

  it('names entries that are missing without a word', async () => {
    const verdict = await afterDamage((damaged) => damaged.lose(400, 25, false));
    expect(verdict.ok).toBe(false);
    expect(verdict.problems[0]).toBe('after 1-399 comes 1-425, and no hole is recorded');
  });

  it('names an epoch that begins elsewhere than the one before it ended', async () => {
    const verdict = await afterDamage((damaged) => damaged.add(follow(3, { epoch: 1, offset: whole.offset - 1 })));
    expect(verdict.problems).toEqual([`after ${formatCursor(whole)} comes 3-0, and no hole is recorded`]);
  });

  it('names a whole book whose levels are not those of its checksum', async () => {
    const verdict = await afterDamage((damaged) =>
      change(
        damaged,
        indexOf(damaged, 'book_snapshot', LEVELS),
        /"bids":\[\["[\d.]+","[\d.]+"/,
        '"bids":[["9.1","7.7"',
      ),
    );
    expect(verdict.problems[0]).toMatch(
      new RegExp(`^${LEVELS} at 1-\\d+: the book_snapshot of update \\d+ is damaged`),
    );
  });

  it('names a change that was altered, by the next checksum or whole book', async () => {
    const verdict = await afterDamage((damaged) =>
      change(damaged, indexOf(damaged, 'book_order', ORDERS), /"qty":"[\d.]+"/, '"qty":"7.7"'),
    );
    expect(verdict.ok).toBe(false);
    expect(verdict.problems[0]).toContain(ORDERS);
  });

  it('runs once at a time', async () => {
    const first = ask('verify', { method: 'POST' });
    const answers = await Promise.all([first, ask('verify', { method: 'POST' })]);
    expect(answers.map(({ status }) => status).sort()).toEqual([200, 503]);
    await Promise.all(answers.map((answer) => answer.text()));
  });
});
