import { setTimeout as sleep } from 'node:timers/promises';
import { readTip } from '@depthcast/log';
import { type App, until } from '@depthcast/testing';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { firstDifference, RoamingClient } from './roaming-client.ts';
import { TestStack } from './stack.ts';

const TAKEOVER_MS_MAX = 2_000;
const FENCED_EXIT = 3;

let stack: TestStack;
let client: RoamingClient;

beforeAll(async () => {
  stack = await TestStack.start({ ingest: { SIMULATOR_RATE: '2000' } });
  client = new RoamingClient(() => [stack.url(0, '/api/stream?types=all')]);
}, 60_000);
afterAll(async () => {
  await client?.stop();
  await stack?.stop();
});

/** Two engines, the first of which appends. */
async function leaderAndStandby(): Promise<[App, App]> {
  const leader = stack.engine;
  await leader.ready();
  const standby = stack.startEngine();
  await standby.ready();
  await sleep(500);
  return [leader, standby];
}

/** The longest time in which nothing was appended, from now until well after the next append. */
async function longestSilenceMs(): Promise<number> {
  let longest = 0;
  let movedAt = performance.now();
  let last = (await readTip(stack.client, stack.keys))?.offset;
  const endsAt = movedAt + 5_000;
  while (performance.now() < endsAt) {
    const offset = (await readTip(stack.client, stack.keys))?.offset;
    const now = performance.now();
    longest = Math.max(longest, now - movedAt);
    if (offset !== last) movedAt = now;
    last = offset;
    await sleep(5);
  }
  return longest;
}

describe('an engine that appends', () => {
  it('is killed: its standby appends within two seconds', async () => {
    const [leader] = await leaderAndStandby();
    await leader.kill();
    const silenceMs = await longestSilenceMs();
    console.log(`nothing was appended for ${Math.round(silenceMs)} ms`);
    expect(silenceMs).toBeLessThan(TAKEOVER_MS_MAX);
  }, 60_000);

  it('is frozen, succeeded, and wakes: it is fenced, and leaves', async () => {
    const [zombie, standby] = await leaderAndStandby();
    zombie.pause();
    const silenceMs = await longestSilenceMs();
    zombie.resume();
    expect(await zombie.exit).toEqual({ code: FENCED_EXIT, signal: null });
    console.log(`nothing was appended for ${Math.round(silenceMs)} ms`);
    expect(silenceMs).toBeLessThan(TAKEOVER_MS_MAX);
    expect(standby.running).toBe(true);
  }, 60_000);

  it('through all of it one client has got every event once, in one epoch', async () => {
    await stack.ingest.stop();
    const log = await stack.settledLog();
    await until(() => client.events.at(-1)?.id === log.at(-1)?.id, 20_000, 'the client reaching the end');
    expect(client.problems).toEqual([]);
    const from = log.findIndex(({ id }) => id === client.events[0]?.id);
    expect(firstDifference(client.events, log.slice(from))).toBeUndefined();
    expect(new Set(log.map(({ id }) => id.split('-')[0])).size).toBe(1);
  }, 60_000);
});
