import { startRedis, type TestRedis, until } from '@depthcast/testing';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { opening, Venue } from './testing/inputs.ts';
import type { TestEngine } from './testing/test-engine.ts';
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

/** An engine that has appended all of so many updates, since its first snapshot behind the inbox' very beginning. */
async function leaderOf(updates: number): Promise<TestEngine> {
  const leader = await partition.leader();
  await partition.produce(opening('BTCUSD'));
  await until(() => leader.snapshots === 2);
  await partition.produce(venue.flow(updates));
  await partition.caughtUp();
  return leader;
}

async function lastEpochEvent(): Promise<{ previous_tail: string | null; reason: string }> {
  const epochs = (await partition.log()).filter(({ topic }) => topic === 'epoch');
  return JSON.parse(epochs.at(-1)?.payload ?? '{}');
}

/** The log has what the last input gave. */
async function lastInputIsIn(): Promise<void> {
  const last = (await partition.entries(partition.keys.inbox)).at(-1);
  await until(async () => (await partition.tip()).inboxId === last?.id);
}

const unreadable = (...slots: string[]) =>
  partition.client.hset(partition.keys.snapshot, Object.fromEntries(slots.map((slot) => [`${slot}.state`, '{"form'])));

describe('a recovery', () => {
  it('refuses to go on when the log holds what the inbox does not give, and appends nothing', async () => {
    const leader = await leaderOf(20);
    leader.kill();
    const held = await partition.log();
    await partition.client.del(partition.keys.log);
    for (const { id, topic, payload } of held) {
      const tampered = id === held.at(-5)?.id ? payload.replace('"ts_ns":1', '"ts_ns":2') : payload;
      await partition.client.xadd(partition.keys.log, id, topic, tampered);
    }
    const second = partition.engine({ atOnce: true });
    const error = await second.ended;
    expect(error).toMatchObject({ code: 'RECOVERY_MISMATCH', exit: 4 });
    expect(error?.message).toContain(held.at(-5)?.id);
    expect(await partition.client.xlen(partition.keys.log)).toBe(held.length);
  });

  it.each(['more', 'less'])('refuses a log that has %s than the inbox gives', async (which) => {
    (await leaderOf(20)).kill();
    const { client, keys } = partition;
    const tip = await partition.tip();
    if (which === 'more') {
      await client.xadd(keys.log, `${tip.epoch}-${tip.offset + 1}`, 'market:BTCUSD', '{}');
      await client.hincrby(keys.tip, 'offset', 1);
    } else {
      // The last input's events are no longer all there.
      const held = await partition.log();
      await client.del(keys.log);
      for (const { id, topic, payload } of held.slice(0, -1)) await client.xadd(keys.log, id, topic, payload);
      await client.hincrby(keys.tip, 'offset', -1);
    }
    expect(await partition.engine({ atOnce: true }).ended).toMatchObject({ code: 'RECOVERY_MISMATCH' });
  });

  it('falls back to the older snapshot when the newest cannot be read', async () => {
    const first = await partition.leader({ snapshotEveryMs: 100 });
    await partition.produce(opening('BTCUSD'));
    await partition.produce(venue.flow(50));
    await until(() => first.snapshots >= 2);
    await first.stop();
    await unreadable('newest');
    const second = await partition.leader();
    expect(second.recovered).toMatchObject({ newEpoch: undefined, from: 'snapshot' });
    await partition.produce(venue.flow(10));
    expect(await partition.caughtUp()).toEqual(partition.expected());
  });

  it('falls back to the whole inbox when no snapshot can be read, and compares the whole log', async () => {
    (await leaderOf(50)).kill();
    const events = await partition.events();
    await unreadable('newest', 'previous');
    const second = await partition.leader();
    expect(second.recovered).toMatchObject({
      newEpoch: undefined,
      from: 'inbox',
      replayedInputs: partition.sent.length,
      comparedEvents: events.length,
    });
    await partition.produce(venue.flow(50));
    expect(await partition.caughtUp()).toEqual(partition.expected());
  });

  it('opens a new epoch, and says why, when no snapshot can be read and inputs are gone', async () => {
    const first = await leaderOf(20);
    await first.stop();
    const { epoch, offset } = await partition.tip();
    await unreadable('newest', 'previous');
    await partition.client.xtrim(partition.keys.inbox, 'MAXLEN', 5);
    expect((await partition.leader()).recovered).toMatchObject({ newEpoch: 'snapshot_unreadable', from: 'nothing' });
    expect(await lastEpochEvent()).toMatchObject({
      previous_tail: `${epoch}-${offset}`,
      reason: 'snapshot_unreadable',
    });
  });

  it('applies no input twice when neither snapshot can be read in an epoch that did not begin with the inbox', async () => {
    const first = await leaderOf(20);
    await first.stop();
    await partition.client.del(partition.keys.tip);
    await (await partition.leader()).stop();
    await unreadable('newest', 'previous');
    // Whole again: the epoch's snapshots had let go of it.
    const { client, keys, sent } = partition;
    const { inboxId } = await partition.tip();
    const ms = Number(inboxId.split('-')[0]);
    await client.del(keys.inbox);
    for (const [i, { topic, payload }] of sent.slice(0, -1).entries())
      await client.xadd(keys.inbox, `1-${i + 1}`, topic, payload);
    await client.xadd(keys.inbox, `${ms}-0`, sent.at(-1)?.topic as string, sent.at(-1)?.payload as string);
    await client.hset(keys.tip, 'inboxId', `${ms}-0`);
    const { length } = await partition.log();
    const third = await partition.leader();
    expect(third.recovered).toMatchObject({ newEpoch: 'snapshot_unreadable', from: 'inbox', comparedEvents: 0 });
    await partition.produce(venue.flow(1));
    await lastInputIsIn();
    const added = (await partition.log()).slice(length).map(({ topic }) => topic);
    expect(added.slice(0, 3)).toEqual(['epoch', 'engine', 'book_change:BTCUSD']);
    expect(added.filter((topic) => topic === 'book_change:BTCUSD')).toHaveLength(1);
  });

  it('opens a new epoch when the log has a gap behind the snapshot', async () => {
    (await leaderOf(20)).kill();
    await partition.client.xdel(partition.keys.log, (await partition.log()).at(-5)?.id as string);
    expect((await partition.leader()).recovered).toMatchObject({
      newEpoch: 'log_incomplete',
      replayedInputs: partition.sent.length - 3,
    });
    await partition.produce(venue.flow(20));
    const expected = partition.expected();
    await until(async () => (await partition.events()).length === expected.length - 1);
  });

  it('applies no input twice when the tip was deleted by hand, and continues no timeline', async () => {
    const first = await leaderOf(50);
    const length = await partition.client.xlen(partition.keys.log);
    await first.stop();
    await partition.client.del(partition.keys.tip);
    expect((await partition.leader()).recovered).toMatchObject({ newEpoch: 'tip_lost' });
    // A diff, a trade and a clock, to a market that has seen nothing.
    await partition.produce(venue.flow(1));
    await lastInputIsIn();
    const added = (await partition.log()).slice(length);
    expect(added.map(({ topic }) => topic)).toEqual(['epoch', 'engine', 'error', 'error', 'clock']);
    expect((await lastEpochEvent()).previous_tail).toBeNull();
  });

  it('opens a new epoch when inputs between snapshot and tip are gone', async () => {
    await leaderOf(20);
    await partition.client.xtrim(partition.keys.inbox, 'MAXLEN', 5);
    expect((await partition.leader()).recovered).toMatchObject({ newEpoch: 'inbox_trimmed' });
  });

  it.each([0, 20])(
    'opens a new epoch when Redis has lost an input whose events it kept, with %d newer ones there',
    async (newer) => {
      const first = await leaderOf(20);
      await partition.client.xdel(partition.keys.inbox, (await partition.tip()).inboxId);
      const stopped = first.stop();
      await partition.produce(venue.flow(newer));
      await stopped;
      await unreadable('newest');
      const second = await partition.leader();
      expect(second.recovered).toMatchObject({ newEpoch: 'inbox_trimmed' });
      await until(() => second.snapshots > 1);
      expect((await partition.leader()).recovered).toMatchObject({ newEpoch: undefined });
    },
  );

  it('opens a new epoch when Redis has lost the input that the snapshot at the tip ends on', async () => {
    await (await leaderOf(20)).stop();
    await partition.client.xdel(partition.keys.inbox, (await partition.tip()).inboxId);
    expect((await partition.leader()).recovered).toMatchObject({ newEpoch: 'inbox_trimmed', replayedInputs: 0 });
    await partition.produce(venue.flow(20));
    await lastInputIsIn();
  });
});
