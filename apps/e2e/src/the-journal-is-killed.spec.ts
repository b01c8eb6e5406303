import { findPostgres, freePort, startPostgres, type TestPostgres, until } from '@depthcast/testing';
import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { TestStack } from './stack.ts';
import { differenceFrom, type Stored, storedInFile, storedInPostgres } from './stored-rows.ts';
import { WholeLog } from './whole-log.ts';

const KILLS = Number(process.env.JOURNAL_KILLS ?? 20);
/** Orders a second; each is more than one event. */
const ORDERS_PER_SECOND = process.env.JOURNAL_RATE ?? '2500';
/** On two cores that others use too it may be less than what is meant, 5,000. */
const EVENTS_PER_SECOND_MIN = 2_000;

let stack: TestStack | undefined;
afterEach(async () => {
  await stack?.stop();
  stack = undefined;
});

/** Both a stack, and what writes down its log from the first event on. */
async function start(journal: Readonly<Record<string, string>>): Promise<{ stack: TestStack; log: WholeLog }> {
  let log: WholeLog | undefined;
  stack = await TestStack.start({
    ingest: { SIMULATOR_RATE: ORDERS_PER_SECOND },
    journal,
    beforeApps: ({ client, keys }) => {
      log = new WholeLog(client, keys);
    },
  });
  return { stack, log: log as WholeLog };
}

/** At no particular moment: most kills fall into the midst of a batch. */
function aWhile(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, 300 + Math.random() * 1_500));
}

async function killAgainAndAgain(stack: TestStack, log: WholeLog, between?: (kill: number) => Promise<void>) {
  const [beganMs, began] = [Date.now(), log.events.length];
  for (let kill = 0; kill < KILLS; kill++) {
    await aWhile();
    await stack.journal.kill();
    await between?.(kill);
    stack.startJournal();
  }
  return ((log.events.length - began) / (Date.now() - beganMs)) * 1_000;
}

/** Resolves when all of the log is stored. */
async function drained(stack: TestStack, log: WholeLog): Promise<void> {
  await stack.ingest.stop();
  await log.settled();
  const stored = () => stack.client.get(stack.keys.watermark);
  await until(async () => (await stored()) === log.last, 60_000, `the watermark reaching ${log.last}`);
}

function expectEverythingOnce(log: WholeLog, stored: Stored, eventsPerSecond: number): void {
  console.log(`${log.events.length} events at ${Math.round(eventsPerSecond)}/s, ${KILLS} kills`);
  expect(differenceFrom(log.events, stored)).toBeUndefined();
  expect(stored.holes).toBe(0);
  expect(eventsPerSecond).toBeGreaterThan(EVENTS_PER_SECOND_MIN);
}

describe('the journal, killed again and again under load', () => {
  it('has every event of the log once in its DuckDB file', async () => {
    const { stack, log } = await start({});
    const eventsPerSecond = await killAgainAndAgain(stack, log);
    await drained(stack, log);
    await stack.journal.stop();
    expectEverythingOnce(log, await storedInFile(stack.journalFile), eventsPerSecond);
  }, 240_000);
});

const found = await findPostgres();
(found ? describe : describe.skip)('the journal on PostgreSQL', () => {
  let postgres: TestPostgres;
  beforeAll(async () => {
    postgres = await startPostgres();
  }, 120_000);
  afterAll(() => postgres?.stop());

  it('killed again and again, and its database too, has every event of the log once', async () => {
    const url = await postgres.createDatabase();
    const { stack, log } = await start({ JOURNAL_DB_URL: url });
    const eventsPerSecond = await killAgainAndAgain(stack, log, async (kill) => {
      // Killed, or stopped for longer than any client waits; the journal that starts meanwhile finds none.
      if (kill % 7 === 3) await postgres.restart();
      if (kill % 7 === 5) await postgres.kill().then(() => void setTimeout(() => postgres.start(), 3_000));
    });
    await drained(stack, log);
    expectEverythingOnce(log, await storedInPostgres(postgres, url), eventsPerSecond);
  }, 240_000);

  it('whose database goes and comes back mid-run waits, and goes on where it was', async () => {
    const url = await postgres.createDatabase();
    const { stack, log } = await start({ JOURNAL_DB_URL: url });
    await until(() => log.events.length > 5_000, 30_000);
    await postgres.kill();
    const then = log.events.length;
    await until(() => log.events.length > then + 5_000, 30_000);
    await postgres.start();
    await drained(stack, log);
    expect(stack.journal.running).toBe(true);
    expect(differenceFrom(log.events, await storedInPostgres(postgres, url))).toBeUndefined();
  }, 120_000);

  it('beside another one on the same database stores every event once, whichever is killed', async () => {
    const url = await postgres.createDatabase();
    const { stack, log } = await start({ JOURNAL_DB_URL: url });
    const first = stack.journal;
    const second = stack.startJournal({}, await freePort());
    await until(() => log.events.length > 10_000, 30_000);
    await first.kill();
    const then = log.events.length;
    await until(() => log.events.length > then + 10_000, 30_000);
    stack.startJournal();
    await aWhile();
    await second.kill();
    await drained(stack, log);
    expect(differenceFrom(log.events, await storedInPostgres(postgres, url))).toBeUndefined();
  }, 120_000);
});
