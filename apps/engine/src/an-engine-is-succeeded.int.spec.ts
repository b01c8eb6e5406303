import { startRedis, type TestRedis, until } from '@depthcast/testing';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { opening, Venue } from './testing/inputs.ts';
import { TestPartition } from './testing/test-partition.ts';

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

describe('an engine', () => {
  it('takes over in the same epoch, exactly where the log ended, and the one before is fenced', async () => {
    const first = await partition.leader();
    await partition.produce(opening('BTCUSD'));
    await partition.produce(venue.flow(300));
    await partition.caughtUp();
    const { epoch } = await partition.tip();
    // Inputs that the first one has not seen, or is in the midst of.
    const producing = partition.produce(venue.flow(300));
    const second = await partition.leader();
    expect(second.recovered).toMatchObject({ newEpoch: undefined, from: 'snapshot' });
    await producing;
    await partition.produce(venue.flow(50));
    expect(await first.ended).toMatchObject({ code: 'FENCED', exit: 3 });
    expect(await partition.caughtUp()).toEqual(partition.expected());
    const { first: from, last, count } = await partition.offsets();
    expect(last - from + 1).toBe(count);
    expect((await partition.tip()).epoch).toBe(epoch);
  });

  it('recovers from its last snapshot alone after it was stopped, and replays nothing', async () => {
    const first = await partition.leader();
    await partition.produce(opening('BTCUSD'));
    await partition.produce(venue.flow(100));
    await partition.caughtUp();
    await first.stop();
    await partition.produce(venue.flow(100));
    const second = await partition.leader();
    expect(second.recovered).toMatchObject({ newEpoch: undefined, replayedInputs: 0, comparedEvents: 0 });
    expect(await partition.caughtUp()).toEqual(partition.expected());
  });

  it('compares every event since the snapshot when the one before was killed', async () => {
    const first = await partition.leader();
    await partition.produce(opening('BTCUSD'));
    await until(() => first.snapshots === 2);
    const before = (await partition.caughtUp()).length;
    await partition.produce(venue.flow(4_000));
    const after = (await partition.caughtUp()).length;
    first.kill();
    const second = await partition.leader();
    expect(second.recovered).toMatchObject({
      newEpoch: undefined,
      from: 'snapshot',
      replayedInputs: partition.sent.length - 3,
      comparedEvents: after - before,
    });
  });

  it('stands by while another one appends, and takes over at once when that one leaves', async () => {
    const first = await partition.leader();
    const second = await partition.standby();
    await partition.produce(opening('BTCUSD'));
    await partition.produce(venue.flow(50));
    await partition.caughtUp();
    expect((await partition.tip()).term).toBe(1);
    await first.stop();
    const began = Date.now();
    expect(await second.ready()).toMatchObject({ newEpoch: undefined });
    expect(Date.now() - began).toBeLessThan(1_000);
    await partition.produce(venue.flow(50));
    expect(await partition.caughtUp()).toEqual(partition.expected());
  });

  it.each(['appends', 'stands by'])('that %s stops at once while nothing happens', async (what) => {
    const leader = await partition.leader();
    const standby = await partition.standby();
    const began = Date.now();
    await (what === 'appends' ? leader : standby).stop();
    expect(Date.now() - began).toBeLessThan(500);
  });
});
