import { setTimeout as sleep } from 'node:timers/promises';
import { connectRedis, type RedisClient } from '@depthcast/log';
import { InboxFiller, progress } from '../engine/inbox.ts';
import { runEngine, untilInputs } from '../engine/run-engine.ts';
import { type Bench, rowOf } from '../harness.ts';
import { UNTRIMMED } from '../journal/fill-log.ts';
import { type RunningJournal, runJournal, storedBy } from '../journal/run-journal.ts';
import { residentMib } from '../process-memory.ts';
import { SeededRandom } from '../seeded-random.ts';
import { quantile, spreadOf } from '../statistics.ts';

const EVENTS = 10_000_000;
const CHUNK_INPUTS = 20_000;
/** So many inputs are a second of event time: ten million events are a day and more. */
const INPUTS_PER_SECOND = 25;
/** Redis holds what is not stored yet; it is not to grow without end. */
const BEHIND_EVENTS_MAX = 500_000;
const SYMBOL = 'BTCUSD';
const PAGES = 400;
const DAYS = 40;
const DAY_MS = 86_400_000;
const ROUNDS = 5;

/**
 * Ten million events through engine and journal into a DuckDB file: whether the journal's memory stays flat, and what
 * the history then takes to answer over HTTP. The reference of an answer is one of the same process that needs no data.
 */
export const history: Bench = {
  name: 'history',
  longMsMax: 1_800_000,
  async run({ children, redis, note }) {
    const server = await redis();
    const client = connectRedis(server.url, { name: 'bench-history' });
    try {
      const journal = await runJournal(children, server.url, { WINDOW_BYTES: String(2 ** 26) });
      await runEngine(children, server.url, UNTRIMMED);
      const startedMs = performance.now();
      const memory = await fill(client, journal);
      const stored = await storedBy(journal);
      note(`${stored} events in ${((performance.now() - startedMs) / 1_000).toFixed(0)} s`);
      const rows = [
        rowOf({
          name: 'journal.memory',
          unit: 'MiB',
          ours: spreadOf(memory.late),
          reference: 'itself, in the second fifth',
          theirs: spreadOf(memory.early),
          target: { on: 'ratio', atMost: 1.1 },
        }),
        ...(await answers(journal)),
      ];
      await journal.end();
      return rows;
    } finally {
      client.disconnect();
    }
  },
};

/** The journal's resident memory, MiB: of the second fifth and of the last. */
async function fill(client: RedisClient, journal: RunningJournal): Promise<{ early: number[]; late: number[] }> {
  const filler = new InboxFiller(client, INPUTS_PER_SECOND);
  const [early, late]: number[][] = [[], []];
  for (let events = 0; events < EVENTS; ) {
    await filler.fill(CHUNK_INPUTS);
    await untilInputs(client, filler.count);
    events = (await progress(client)).events + 1;
    while ((await storedBy(journal)) < events - BEHIND_EVENTS_MAX) await sleep(50);
    const mib = residentMib(journal.pid);
    if (events > EVENTS / 5 && events <= (2 * EVENTS) / 5) early?.push(mib);
    if (events > (4 * EVENTS) / 5) late?.push(mib);
  }
  const events = (await progress(client)).events + 1;
  while ((await storedBy(journal)) < events) await sleep(50);
  return { early: early as number[], late: late as number[] };
}

async function answers({ url }: RunningJournal) {
  const stats = (await (await fetch(`${url}/api/history/symbols`)).json()) as {
    details: readonly { symbol: string; first_time: number; last_time: number }[];
  };
  const range = stats.details.find(({ symbol }) => symbol === SYMBOL);
  if (!range) throw new Error(`nothing is stored of ${SYMBOL}`);
  const random = new SeededRandom(5);
  const { first_time: first, last_time: last } = range;
  const anywhere = (before: number) => Math.floor(first + random.unit() * Math.max(0, before - first));
  const updates = () => `/api/history/updates?symbol=${SYMBOL}&start_time=${anywhere(last)}&limit=100`;
  const candles = () => {
    const from = anywhere(last - DAY_MS);
    return `/api/history/candles?symbol=${SYMBOL}&interval=1m&start_time=${from}&end_time=${from + DAY_MS}&limit=1440`;
  };
  const reference = 'an answer without data (/health)';
  const health = () => '/health';
  const page = { ours: await rounds(url, updates, PAGES), theirs: await rounds(url, health, PAGES) };
  const day = { ours: await rounds(url, candles, DAYS), theirs: await rounds(url, health, DAYS) };
  return [
    rowOf({
      name: 'history.updates.p99',
      unit: 'ms',
      reference,
      ours: spreadOf(page.ours),
      theirs: spreadOf(page.theirs),
      target: { on: 'value', atMost: 100 },
    }),
    rowOf({
      name: 'history.candles.p99',
      unit: 'ms',
      reference,
      ours: spreadOf(day.ours),
      theirs: spreadOf(day.theirs),
      target: { on: 'value', atMost: 300 },
    }),
  ];
}

/** The 99th percentile of each round, ms, after one that does not count. */
async function rounds(url: string, path: () => string, requests: number): Promise<number[]> {
  const p99s: number[] = [];
  for (let round = 0; round <= ROUNDS; round++) {
    const times: number[] = [];
    for (let i = 0; i < requests; i++) {
      const startedMs = performance.now();
      const response = await fetch(`${url}${path()}`);
      const text = await response.text();
      times.push(performance.now() - startedMs);
      if (!response.ok) throw new Error(`${response.status} ${text}`);
    }
    if (round > 0) p99s.push(quantile(times, 0.99));
  }
  return p99s;
}
