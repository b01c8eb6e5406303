import { cp, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { startRedis, type TestRedis } from '@depthcast/testing';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { opening, Venue } from './testing/inputs.ts';
import { eventually, TestPartition } from './testing/test-partition.ts';

let redis: TestRedis;
let partition: TestPartition;
let venue: Venue;

beforeEach(async () => {
  redis = await startRedis({ appendonly: true, config: ['--appendfsync', 'always'] });
  partition = await TestPartition.open(redis.url);
  venue = new Venue();
});
afterEach(async () => {
  await partition.close();
  await redis.stop();
});

const aof = () => join(redis.dir, 'appendonlydir');
const kept = () => join(redis.dir, 'kept');

/** What Redis holds now is what it will come back with. */
async function keep(): Promise<void> {
  await cp(aof(), kept(), { recursive: true });
}

/** Redis dies, and comes back with what was kept. */
async function rollBack(): Promise<void> {
  await redis.kill();
  await rm(aof(), { recursive: true });
  await cp(kept(), aof(), { recursive: true });
  await redis.restart();
}

describe('Redis comes back without its end', () => {
  it('the living engine writes it again, its standby goes on comparing, and takes over when it is killed', async () => {
    const leader = await partition.leader();
    const standby = await partition.standby();
    await partition.produce(opening('BTCUSD'));
    await partition.produce(venue.flow(200));
    await partition.caughtUp();
    await keep();
    await partition.produce(venue.flow(300));
    const before = await partition.caughtUp();
    const entries = await partition.log();
    await eventually(() => standby.comparedEvents === before.length, 'a standby at the tip');
    await rollBack();
    expect(await partition.client.xlen(partition.keys.log)).toBeLessThan(entries.length);
    await partition.produce(venue.flow(200));
    expect(await partition.caughtUp()).toEqual(partition.expected());
    expect((await partition.log()).slice(0, entries.length)).toEqual(entries);
    expect(leader.repaired[0]?.reappended).toBeGreaterThan(300);

    await eventually(() => standby.begunAgain.length > 0, 'a new beginning');
    await eventually(() => standby.lagEntries === 0, 'a standby at the tip');
    leader.kill();
    expect(await standby.ready()).toMatchObject({ newEpoch: undefined });
    await partition.produce(venue.flow(100));
    expect(await partition.caughtUp()).toEqual(partition.expected());
    const { first, last, count } = await partition.offsets();
    expect(last - first + 1).toBe(count);
  });

  it('the standby begins again by itself, though nothing more comes, and so takes over as fast as ever', async () => {
    const leader = await partition.leader();
    const standby = await partition.standby();
    await partition.produce(opening('BTCUSD'));
    await keep();
    await partition.produce(venue.flow(20));
    const events = await partition.caughtUp();
    await eventually(() => standby.comparedEvents === events.length, 'a standby at the tip');
    await rollBack();
    await eventually(() => leader.repaired.length > 0, 'a repair');
    await eventually(() => standby.begunAgain.length > 0, 'a new beginning');
    leader.kill();
    expect(await standby.ready()).toMatchObject({ from: 'standby', newEpoch: undefined });
    await partition.produce(venue.flow(20));
    expect(await partition.caughtUp()).toEqual(partition.expected());
  });

  it('an engine that starts after the repair needs nothing of what was lost', async () => {
    const leader = await partition.leader();
    await partition.produce(opening('BTCUSD'));
    await partition.produce(venue.flow(200));
    await partition.caughtUp();
    await keep();
    await partition.produce(venue.flow(300));
    await partition.caughtUp();
    await rollBack();
    await partition.produce(venue.flow(200));
    await partition.caughtUp();
    leader.kill();
    const second = await partition.leader();
    expect(second.recovered).toMatchObject({ newEpoch: undefined, from: 'snapshot' });
    await partition.produce(venue.flow(50));
    expect(await partition.caughtUp()).toEqual(partition.expected());
  });

  it('while the engine is busy: what was lost and what comes after is all there, once', async () => {
    const leader = await partition.leader({ snapshotEveryEvents: 1_000 });
    await partition.produce(opening('BTCUSD'));
    for (let round = 0; round < 3; round++) {
      let going = true;
      const producing = (async () => {
        // Some 5,000 a second: at full speed there would be too many to compare in the end.
        for (; going; await sleep(10)) await partition.produce(venue.flow(50));
      })();
      const { offset } = await partition.tip();
      await eventually(async () => (await partition.tip()).offset > offset + 500, 'events');
      await keep();
      const { offset: later } = await partition.tip();
      await eventually(async () => (await partition.tip()).offset > later + 500, 'events that will be lost');
      await rollBack();
      await eventually(() => leader.repaired.length > round, 'a repair');
      going = false;
      await producing;
      await rm(kept(), { recursive: true });
    }
    expect(await partition.caughtUp()).toEqual(partition.expected());
    expect(leader.recovered).toBeDefined();
    leader.kill();
    expect((await partition.leader()).recovered).toMatchObject({ newEpoch: undefined });
  }, 60_000);

  it('in whatever order the connections come back after an outage: the engine goes on, and so does its standby', async () => {
    const leader = await partition.leader();
    const standby = await partition.standby();
    await partition.produce(opening('BTCUSD'));
    for (let round = 1; round <= 4; round++) {
      let going = true;
      const producing = (async () => {
        for (; going; await sleep(10)) await partition.produce(venue.flow(5));
      })();
      const { offset } = await partition.tip();
      await eventually(async () => (await partition.tip()).offset > offset + 50, 'events');
      await redis.kill();
      // By now up to a second lies between two tries to connect, and each connection has its own.
      await sleep(1_500);
      await redis.restart();
      await eventually(() => leader.repaired.length >= round, 'a repair');
      going = false;
      await producing;
      const before = await partition.caughtUp();
      const { comparedEvents } = standby;
      await partition.produce(venue.flow(20));
      expect((await partition.caughtUp()).length).toBeGreaterThan(before.length);
      const follows = () => standby.comparedEvents > comparedEvents && standby.lagEntries === 0;
      await eventually(follows, 'a standby at the tip');
    }
    expect(await partition.caughtUp()).toEqual(partition.expected());
  }, 60_000);
});
