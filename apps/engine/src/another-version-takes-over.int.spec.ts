import { startRedis, type TestRedis, until } from '@depthcast/testing';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { opening, Venue } from './testing/inputs.ts';
import { ScriptedLeader } from './testing/scripted-leader.ts';
import { eventually, TestPartition } from './testing/test-partition.ts';

/** Other thresholds: the same logic, but its events are another version's. */
const CHANGED = { wideSpreadBps: 1, wideSpreadWarmupSeconds: 1, paperBalances: 'USD:7' };

let redis: TestRedis;
let partition: TestPartition;
let venue: Venue;

beforeAll(async () => {
  redis = await startRedis();
});
afterAll(() => redis.stop());
beforeEach(async () => {
  partition = await TestPartition.open(redis.url);
  venue = new Venue();
});
afterEach(() => partition.close());

/** The log has what the last input gave. */
async function lastInputIsIn(): Promise<void> {
  const last = (await partition.entries(partition.keys.inbox)).at(-1);
  await until(async () => (await partition.tip()).inboxId === last?.id);
}

async function versions(): Promise<string[]> {
  const engines = (await partition.log()).filter(({ topic }) => topic === 'engine');
  return engines.map(({ payload }) => JSON.parse(payload).version);
}

describe('an engine with other options', () => {
  it('goes by the old ones up to the tip, compares, and by its own from then on', async () => {
    const first = await partition.leader();
    await partition.produce(opening('BTCUSD'));
    await until(() => first.snapshots === 2);
    await partition.produce(venue.flow(100));
    await partition.caughtUp();
    first.kill();
    const second = await partition.leader({ market: CHANGED });
    expect(second.recovered).toMatchObject({ newEpoch: undefined, from: 'snapshot' });
    expect(second.recovered?.comparedEvents).toBeGreaterThan(100);
    expect(second.recovered?.replayedInputs).toBe(partition.sent.length - 3);
    const { logicVersion } = await partition.tip();
    expect(logicVersion).toMatch(/^\d+-[0-9a-f]{8}$/);
    expect((await versions()).at(-1)).toBe(logicVersion);
    await partition.produce(venue.flow(200));
    await lastInputIsIn();
    expect((await partition.events()).some(({ topic }) => topic === 'anomaly:BTCUSD')).toBe(true);
    second.kill();
    const third = await partition.leader({ market: CHANGED });
    expect(third.recovered?.newEpoch).toBeUndefined();
    expect(third.recovered?.comparedEvents).toBeGreaterThan(200);
    const { first: from, last, count } = await partition.offsets();
    expect(last - from + 1).toBe(count);
  });

  it('stands by and compares all the same, and stores its state before it appends', async () => {
    const old = await partition.leader();
    const fresh = await partition.standby({ market: CHANGED });
    expect(fresh.compares).toBe(true);
    await partition.produce(opening('BTCUSD'));
    await partition.produce(venue.flow(100));
    await partition.caughtUp();
    old.kill();
    expect(await fresh.ready()).toMatchObject({ newEpoch: undefined, from: 'standby' });
    expect((await partition.tip()).logicVersion).toBe((await versions()).at(-1));
    await partition.produce(venue.flow(100));
    await lastInputIsIn();
    expect((await partition.events()).some(({ topic }) => topic === 'anomaly:BTCUSD')).toBe(true);
    fresh.kill();
    const third = await partition.leader();
    expect(third.recovered).toMatchObject({ newEpoch: undefined, from: 'snapshot' });
    expect(third.recovered?.comparedEvents).toBeGreaterThan(100);
  });

  it('is followed by one that stands by with the old ones', async () => {
    const leader = await ScriptedLeader.start(partition);
    const back = await partition.standby();
    await partition.produce(opening('BTCUSD'));
    await leader.append(await leader.apply());
    await eventually(() => back.lagEntries === 0 && back.comparedEvents > 0, 'a standby at the tip');
    const fresh = await partition.leader({ market: CHANGED });
    await eventually(() => back.begunAgain.length > 0, 'a standby that begins again');
    expect(back.begunAgain).toEqual([expect.stringContaining('"type":"engine"')]);
    await partition.produce(venue.flow(100));
    await lastInputIsIn();
    fresh.kill();
    expect(await back.ready()).toMatchObject({ newEpoch: undefined, from: 'standby' });
    const { first, last, count } = await partition.offsets();
    expect(last - first + 1).toBe(count);
    expect(new Set(await versions()).size).toBe(2);
  });
});

describe('an engine of another logic', () => {
  /** As a build that nobody here has would have written it. */
  async function writtenByAnother(): Promise<void> {
    const { client, keys } = partition;
    await client.hset(keys.tip, 'logicVersion', 'another');
    for (const slot of ['newest', 'previous']) {
      if (await client.hexists(keys.snapshot, `${slot}.cursor`)) {
        await client.hset(keys.snapshot, `${slot}.logicVersion`, 'another');
      }
    }
  }

  it('replays without comparing what the other one wrote', async () => {
    const first = await partition.leader();
    await partition.produce(opening('BTCUSD'));
    await until(() => first.snapshots === 2);
    await partition.produce(venue.flow(100));
    await partition.caughtUp();
    first.kill();
    await writtenByAnother();
    const second = await partition.leader();
    expect(second.recovered).toMatchObject({ newEpoch: undefined, from: 'snapshot', comparedEvents: 0 });
    expect(second.recovered?.replayedInputs).toBe(partition.sent.length - 3);
  });

  it('stands by without comparing', async () => {
    await ScriptedLeader.start(partition);
    await writtenByAnother();
    const standby = await partition.standby();
    await eventually(() => standby.compares === false, 'a standby that does not compare');
    expect(standby.comparedEvents).toBe(0);
  });
});
