import { setTimeout as sleep } from 'node:timers/promises';
import { startRedis, TcpProxy, type TestRedis } from '@depthcast/testing';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { opening, Venue } from './testing/inputs.ts';
import { ScriptedLeader } from './testing/scripted-leader.ts';
import { eventually, TestPartition } from './testing/test-partition.ts';

const TAKEOVER_MS_MAX = 2_000;

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

/** Inputs at a steady pace until told to stop. */
function steadily(): { stop(): Promise<void> } {
  let going = true;
  const running = (async () => {
    while (going) {
      await partition.produce(venue.flow(20));
      await sleep(5);
    }
  })();
  return {
    stop: () => {
      going = false;
      return running;
    },
  };
}

async function isContiguous(): Promise<boolean> {
  const { first, last, count } = await partition.offsets();
  return last - first + 1 === count;
}

describe('a standby', () => {
  it('appends within two seconds of a kill, at the tip, byte for byte what one engine would have', async () => {
    const leader = await partition.leader();
    await partition.produce(opening('BTCUSD'));
    const standby = await partition.standby();
    const inputs = steadily();
    await eventually(() => standby.comparedEvents > 200, 'a standby that compares');
    const { epoch } = await partition.tip();
    leader.kill();
    const { offset } = await partition.tip();
    const killed = Date.now();
    await eventually(async () => (await partition.tip()).offset > offset + 1, 'the next append');
    expect(Date.now() - killed).toBeLessThan(TAKEOVER_MS_MAX);
    expect(standby.recovered).toMatchObject({ from: 'standby', newEpoch: undefined });
    expect(standby.tookMs).toBeLessThan(500);
    await sleep(200);
    await inputs.stop();
    expect(await partition.caughtUp()).toEqual(partition.expected());
    expect(await isContiguous()).toBe(true);
    expect((await partition.tip()).epoch).toBe(epoch);
  });

  it('is succeeded by the next one, and that by the next', async () => {
    let leader = await partition.leader({ snapshotEveryEvents: 500 });
    await partition.produce(opening('BTCUSD'));
    const inputs = steadily();
    for (let i = 0; i < 4; i++) {
      const standby = await partition.standby({ snapshotEveryEvents: 500 });
      await eventually(() => standby.comparedEvents > 50, 'a standby that compares');
      leader.kill();
      await partition.client.del(partition.keys.leader);
      expect(await standby.ready()).toMatchObject({ from: 'standby', newEpoch: undefined });
      leader = standby;
    }
    await inputs.stop();
    expect(await partition.caughtUp()).toEqual(partition.expected());
    expect(await isContiguous()).toBe(true);
    expect((await partition.tip()).term).toBe(5);
  }, 40_000);

  it('compares at last what its following had not come to', async () => {
    const leader = await ScriptedLeader.start(partition);
    const proxy = await TcpProxy.start(redis);
    const standby = await partition.standby({ url: proxy.url });
    const isFollowing = (request: Buffer) => /streams\r\n\$\d+\r\n[^\r]*:log\r/i.test(request.toString());
    const swallow = proxy.swallowReplyOf(isFollowing, { count: 1_000 });
    await eventually(() => swallow.swallowed > 0, 'a standby that hears of nothing');
    await partition.produce(opening('BTCUSD'));
    const events = await leader.apply();
    await leader.append(events);
    await leader.leave();
    expect(await standby.ready()).toMatchObject({ from: 'standby', comparedEvents: events.length });
    swallow.stop();
    await partition.produce(venue.flow(20));
    expect(await partition.caughtUp()).toEqual(partition.expected());
    await standby.stop();
    await proxy.close();
  });

  it('goes on behind inputs that gave nothing', async () => {
    const leader = await ScriptedLeader.start(partition);
    const standby = await partition.standby();
    await partition.produce(opening('BTCUSD'));
    await leader.append(await leader.apply());
    // A second that is over gives no event; the announcement of an engine then names it in the tip.
    await partition.produce([{ type: 'clock', second: 0, tsRecvUs: 0 }]);
    expect(await leader.apply()).toEqual([]);
    const version = leader.market.logicVersion;
    await leader.append([{ topic: 'engine', payload: `{"type":"engine","version":"${version}"}` }]);
    await leader.leave();
    expect(await standby.ready()).toMatchObject({ from: 'standby', inboxId: leader.inboxId });
    await partition.produce(venue.flow(20));
    expect(await partition.caughtUp()).toEqual(partition.expected());
  });

  it('replays from the snapshot when the log does not end where an input ends', async () => {
    const leader = await ScriptedLeader.start(partition);
    const standby = await partition.standby();
    await partition.produce(opening('BTCUSD'));
    const events = await leader.apply();
    await leader.append(events.slice(0, -1));
    await eventually(() => standby.comparedEvents === events.length - 1, 'a standby at the tip');
    await leader.leave();
    // Whose fault it is, the replay decides: here it is the log's.
    expect(await standby.ended).toMatchObject({ code: 'RECOVERY_MISMATCH' });
    expect(standby.begunAgain).toEqual([expect.stringContaining('the log holds nothing')]);
  });

  it('opens a new epoch when Redis is not the process that it followed', async () => {
    const leader = await partition.leader();
    await partition.produce(opening('BTCUSD'));
    const standby = await partition.standby();
    leader.kill();
    await partition.client.hset(partition.keys.tip, 'runId', 'another');
    expect(await standby.ready()).toMatchObject({ from: 'snapshot', newEpoch: 'redis_replaced' });
    await partition.produce(venue.flow(20));
    expect(await partition.caughtUp()).toEqual(partition.expected());
  });
});

describe('a leader that was frozen while a standby took over', () => {
  let proxy: TcpProxy;

  beforeEach(async () => {
    proxy = await TcpProxy.start(redis);
  });
  afterEach(async () => {
    await partition.close();
    await proxy.close();
  });

  it('is fenced in its append, and leaves', async () => {
    const zombie = await partition.leader({ url: proxy.url });
    await partition.produce(opening('BTCUSD'));
    const standby = await partition.standby();
    const inputs = steadily();
    await eventually(() => standby.comparedEvents > 50, 'a standby that compares');
    proxy.stall();
    expect(await standby.ready()).toMatchObject({ from: 'standby' });
    proxy.resume();
    expect(await zombie.ended).toMatchObject({ code: 'FENCED', exit: 3 });
    expect(zombie.repaired).toEqual([]);
    await inputs.stop();
    expect(await partition.caughtUp()).toEqual(partition.expected());
    expect(await isContiguous()).toBe(true);
  });

  it('is fenced in its snapshot, and leaves', async () => {
    const zombie = await partition.leader({ url: proxy.url, snapshotEveryMs: 1_000 });
    await partition.produce(opening('BTCUSD'));
    const standby = await partition.standby();
    await partition.produce(venue.flow(20));
    await partition.caughtUp();
    await eventually(() => standby.lagEntries === 0, 'a standby at the tip');
    // All it had to append is in the log; a snapshot of it is still to come.
    const stored = await partition.client.hget(partition.keys.snapshot, 'newest.cursor');
    proxy.stall();
    await standby.ready();
    const { snapshots } = zombie;
    proxy.resume();
    expect(await zombie.ended).toMatchObject({ code: 'FENCED', exit: 3 });
    expect(zombie.snapshots).toBe(snapshots);
    expect(await partition.client.hget(partition.keys.snapshot, 'newest.cursor')).toBe(stored);
  });
});
