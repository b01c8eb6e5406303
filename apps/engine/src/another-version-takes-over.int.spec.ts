import { startRedis, type TestRedis, until } from '@depthcast/testing';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { opening, Venue } from './testing/inputs.ts';
import { ScriptedLeader } from './testing/scripted-leader.ts';
import { eventually, TestPartition } from './testing/test-partition.ts';

/** Other thresholds are another logic, as another build is. */
const CHANGED = { wideSpreadBps: 1, wideSpreadWarmupSeconds: 1 };

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

describe('an engine of another logic version', () => {
  it('takes over without comparing outputs, and its own are compared from then on', async () => {
    const first = await partition.leader();
    await partition.produce(opening('BTCUSD'));
    await until(() => first.snapshots === 2);
    await partition.produce(venue.flow(100));
    await partition.caughtUp();
    first.kill();
    const second = await partition.leader({ market: CHANGED });
    expect(second.recovered).toMatchObject({ newEpoch: undefined, from: 'snapshot', comparedEvents: 0 });
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

  it('stands by without comparing, and takes over from the snapshot that a stop leaves', async () => {
    const old = await partition.leader();
    const fresh = await partition.standby({ market: CHANGED });
    expect(fresh.compares).toBe(false);
    await partition.produce(opening('BTCUSD'));
    await partition.produce(venue.flow(100));
    await partition.caughtUp();
    await old.stop();
    expect(await fresh.ready()).toMatchObject({ newEpoch: undefined, from: 'snapshot', replayedInputs: 0 });
    await partition.produce(venue.flow(100));
    await lastInputIsIn();
    expect((await partition.events()).some(({ topic }) => topic === 'anomaly:BTCUSD')).toBe(true);
  });

  it('is waited for in the same way by the version before, which compares no more', async () => {
    const leader = await ScriptedLeader.start(partition);
    const back = await partition.standby();
    expect(back.compares).toBe(true);
    await partition.produce(opening('BTCUSD'));
    await leader.append(await leader.apply());
    await eventually(() => back.lagEntries === 0 && back.comparedEvents > 0, 'a standby at the tip');
    const fresh = await partition.leader({ market: CHANGED });
    await eventually(() => back.compares === false, 'a standby that does not compare');
    expect(back.begunAgain).toEqual([expect.stringContaining('"type":"engine"')]);
    await partition.produce(venue.flow(100));
    await lastInputIsIn();
    fresh.kill();
    expect(await back.ready()).toMatchObject({ newEpoch: undefined, from: 'snapshot', comparedEvents: 0 });
    const { first, last, count } = await partition.offsets();
    expect(last - first + 1).toBe(count);
    expect(new Set(await versions()).size).toBe(2);
  });
});
