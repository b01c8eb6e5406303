import { until } from '@depthcast/testing';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { LoggedEvent } from './log-checks.ts';
import { firstDifference, RoamingClient } from './roaming-client.ts';
import { TestStack } from './stack.ts';
import { WholeLog } from './whole-log.ts';

const MIB = 2 ** 20;
/** Redis holds so much of the log, some 15,000 events; a gateway's own memory a third of it. */
const REDIS_BYTES = 3 * MIB;
const EVENTS_BEFORE = 40_000;
const CLIENTS = 10;

let stack: TestStack;
let log: WholeLog;

beforeAll(async () => {
  stack = await TestStack.start({
    gateways: 2,
    appendonly: true,
    ingest: { SIMULATOR_RATE: '1000' },
    engine: { SNAPSHOT_EVERY_MS: '1000' },
    gateway: { WINDOW_BYTES: String(MIB) },
    journal: { WINDOW_BYTES: String(REDIS_BYTES) },
    beforeApps: ({ client, keys }) => {
      log = new WholeLog(client, keys);
    },
  });
  await until(() => log.events.length > EVENTS_BEFORE, 90_000, `${EVENTS_BEFORE} events`);
}, 150_000);
afterAll(async () => {
  await log?.stop();
  await stack?.stop();
});

/** It has been given the log's first event, and comes back now. */
function fromTheFirst(first: LoggedEvent): RoamingClient {
  return new RoamingClient(() => [0, 1].map((k) => stack.url(k, '/api/stream?types=all&chain=1')), first.id);
}

async function reaches(client: RoamingClient, index: number): Promise<void> {
  const { id } = log.events[index] as LoggedEvent;
  await until(() => client.events.length >= index, 90_000, `the client reaching ${id}`).catch((error) => {
    throw new Error(`${error.message}: it has ${client.events.length} events, ${client.problems.join('; ')}`);
  });
}

async function expectAllOnce(client: RoamingClient): Promise<void> {
  expect(client.problems).toEqual([]);
  await until(() => log.events.length > client.events.length, 10_000, 'the log being as far as the client');
  const all = log.events.slice(1, 1 + client.events.length);
  expect(firstDifference(client.events, all)).toBeUndefined();
}

describe('a client whose place in the log has left Redis', () => {
  it('is given every event after its first one, once, and goes on live', async () => {
    const [first] = log.events as [LoggedEvent];
    const earliest = await stack.client.xrange(stack.keys.log, '-', '+', 'COUNT', 1);
    expect(log.events.findIndex(({ id }) => id === earliest[0]?.[0])).toBeGreaterThan(EVENTS_BEFORE / 2);

    const client = fromTheFirst(first);
    await reaches(client, log.events.length - 1);
    const now = log.events.length;
    await until(() => log.events.length > now + 2_000, 30_000);
    await reaches(client, now + 1_000);
    await client.stop();
    await expectAllOnce(client);
    expect(client.connections).toBe(1);
    expect(client.links).toBeGreaterThanOrEqual(client.events.length);
  }, 120_000);

  it('is not alone: ten of them at once are given all', async () => {
    const clients = Array.from({ length: CLIENTS }, () => fromTheFirst(log.events[0] as LoggedEvent));
    const target = log.events.length - 1;
    await Promise.all(clients.map((client) => reaches(client, target)));
    await Promise.all(clients.map((client) => client.stop()));
    for (const client of clients) await expectAllOnce(client);
  }, 180_000);

  it('crosses epochs: one that the journal has, and one that begins while it reads', async () => {
    const epochs = () => new Set(log.events.map(({ id }) => id.split('-')[0])).size;
    const reopen = async () => {
      const before = epochs();
      await stack.engine.stop();
      await stack.redis.restart();
      stack.startEngine();
      await until(() => epochs() > before, 30_000, 'a new epoch');
    };
    await reopen();
    const then = log.events.length;
    await until(() => log.events.length > then + 25_000, 60_000, 'Redis letting go of the epoch before');
    const client = fromTheFirst(log.events[0] as LoggedEvent);
    await until(() => client.events.length > 1_000, 30_000);
    await reopen();
    await until(() => log.events.length > then + 35_000, 60_000);
    await reaches(client, log.events.length - 1);
    await client.stop();
    await expectAllOnce(client);
    expect(new Set(client.events.map(({ id }) => id.split('-')[0])).size).toBe(3);
  }, 240_000);
});
