import { setTimeout as sleep } from 'node:timers/promises';
import { readSnapshots } from '@depthcast/log';
import { startRedis, type TestRedis } from '@depthcast/testing';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { opening, Venue } from './testing/inputs.ts';
import { ScriptedLeader } from './testing/scripted-leader.ts';
import type { TestEngine } from './testing/test-engine.ts';
import { eventually, TestPartition } from './testing/test-partition.ts';

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

const comparedAtLeast = (standby: TestEngine, events: number) =>
  eventually(() => standby.comparedEvents >= events && standby.lagEntries === 0, `${events} events compared`);

describe('a standby', () => {
  it('compares every event of the one that appends, and stays where the log is', async () => {
    await partition.leader();
    const standby = await partition.standby();
    await partition.produce(opening('BTCUSD'));
    for (let i = 0; i < 5; i++) await partition.produce(venue.flow(1_000));
    const events = await partition.caughtUp();
    await comparedAtLeast(standby, events.length);
    expect(standby.comparedEvents).toBe(events.length);
    expect(standby.begunAgain).toEqual([]);
  });

  it('begins with the newest snapshot when it comes late', async () => {
    const leader = await partition.leader({ snapshotEveryEvents: 1_000 });
    await partition.produce(opening('BTCUSD'));
    for (let i = 0; i < 5; i++) await partition.produce(venue.flow(1_000));
    await partition.caughtUp();
    await eventually(() => leader.snapshots > 3, 'snapshots');
    const [newest] = await readSnapshots(partition.client, partition.keys);
    const standby = await partition.standby();
    await partition.produce(venue.flow(10));
    await partition.caughtUp();
    const after = (await partition.tip()).offset - (newest?.cursor.offset ?? 0);
    await comparedAtLeast(standby, after);
    expect(standby.comparedEvents).toBe(after);
  });

  it('ends, loudly, on an entry that the inputs do not give, and appends nothing', async () => {
    const leader = await ScriptedLeader.start(partition);
    const standby = await partition.standby();
    await partition.produce(opening('BTCUSD'));
    const events = await leader.apply();
    await leader.append(
      events.map((event, i) => (i === 2 ? { ...event, payload: event.payload.replace('1', '2') } : event)),
    );
    const { epoch, offset } = await partition.tip();
    const error = await standby.ended;
    expect(error).toMatchObject({ code: 'RECOVERY_MISMATCH', exit: 4 });
    expect(error?.message).toContain(`at ${epoch}-3 the log holds`);
    expect(await partition.tip()).toMatchObject({ epoch, offset, term: 1 });
  });

  it('ends when the one that appends has another logic under the same version', async () => {
    const leader = await ScriptedLeader.start(partition, { wideSpreadBps: 1, wideSpreadWarmupSeconds: 1 });
    const standby = await partition.standby();
    await partition.produce(opening('BTCUSD'));
    await partition.produce(venue.flow(200));
    await leader.append(await leader.apply());
    const error = await standby.ended;
    expect(error).toMatchObject({ code: 'RECOVERY_MISMATCH' });
    expect(error?.message).toContain('the log holds anomaly:BTCUSD');
  });

  it('ends not on a difference that may come of another Redis process, where inputs come in another order', async () => {
    const leader = await ScriptedLeader.start(partition);
    const standby = await partition.standby();
    await partition.produce(opening('BTCUSD'));
    await leader.append(await leader.apply());
    await comparedAtLeast(standby, 1);
    await partition.produce(venue.flow(5));
    const { client, keys } = partition;
    const { epoch, offset } = await partition.tip();
    const repaired = client.multi().hset(keys.tip, 'runId', 'another');
    await repaired.xadd(keys.log, `${epoch}-${offset + 1}`, 'market:BTCUSD', '{"forged":true}').exec();
    await eventually(() => standby.begunAgain.length > 0, 'a new beginning');
    expect(standby.begunAgain[0]).toContain('Redis is another process');
    expect(await Promise.race([standby.ended, sleep(500, 'alive')])).toBe('alive');
  });

  it('begins again with a new epoch, compares it too, and can take over in it', async () => {
    const leader = await ScriptedLeader.start(partition);
    const standby = await partition.standby();
    await partition.produce(opening('BTCUSD'));
    await leader.append(await leader.apply());
    await comparedAtLeast(standby, 1);
    const before = standby.comparedEvents;
    await leader.openEpoch('redis_replaced');
    await partition.produce(venue.flow(100));
    const events = await leader.apply();
    await leader.append(events);
    await comparedAtLeast(standby, before + events.length);
    expect(standby.begunAgain).toEqual([expect.stringContaining('"reason":"redis_replaced"')]);
    await leader.leave();
    expect(await standby.ready()).toMatchObject({ from: 'standby', newEpoch: undefined });
    await partition.produce(venue.flow(100));
    expect(await partition.caughtUp()).toEqual(partition.expected());
  });

  it('begins again from the newest snapshot when inputs were trimmed before it read them', async () => {
    const leader = await ScriptedLeader.start(partition);
    await partition.produce(opening('BTCUSD'));
    await leader.append(await leader.apply());
    await leader.snapshot();
    const standby = await partition.standby();
    await partition.produce(venue.flow(100));
    const events = await leader.apply();
    await partition.client.xtrim(partition.keys.inbox, 'MAXLEN', 1);
    await leader.append(events);
    await eventually(() => standby.begunAgain.length > 0, 'a new beginning');
    expect(standby.begunAgain[0]).toContain('no longer in the inbox');
    await leader.snapshot();
    await partition.produce(venue.flow(100));
    const more = await leader.apply();
    await leader.append(more);
    await comparedAtLeast(standby, more.length);
    await leader.leave();
    expect(await standby.ready()).toMatchObject({ from: 'standby' });
  });

  it('does not take a whole log for one that it has the inputs of: the first read may be behind the beginning', async () => {
    const leader = await ScriptedLeader.start(partition);
    await partition.produce(opening('BTCUSD'));
    await partition.produce(venue.flow(50));
    const events = await leader.apply();
    await partition.client.xtrim(partition.keys.inbox, 'MAXLEN', 20);
    await leader.append(events);
    const standby = partition.engine();
    await eventually(() => standby.begunAgain.length > 0, 'a new beginning');
    expect(standby.begunAgain[0]).toContain('the inbox holds 20 of');
  });

  it('waits for the first epoch when it comes before it', async () => {
    await partition.client.set(partition.keys.leader, 'somebody', 'PX', 60_000);
    const standby = partition.engine();
    await eventually(() => standby.waits, 'a standby');
    expect(standby.compares).toBeUndefined();
    const leader = await ScriptedLeader.start(partition);
    await partition.produce(opening('BTCUSD'));
    const events = await leader.apply();
    await leader.append(events);
    await comparedAtLeast(standby, events.length);
    expect(standby.begunAgain).toEqual([]);
  });
});
