import { readAccounts } from '@depthcast/log';
import { Market } from '@depthcast/market';
import { startRedis, type TestRedis, until } from '@depthcast/testing';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { OrderFlow, opening, T0_US, Venue } from './testing/inputs.ts';
import { TestPartition } from './testing/test-partition.ts';

let redis: TestRedis;
let partition: TestPartition;

beforeAll(async () => {
  redis = await startRedis();
});
afterAll(() => redis.stop());
beforeEach(async () => {
  partition = await TestPartition.open(redis.url);
});
afterEach(() => partition.close());

async function isContiguous(): Promise<boolean> {
  const { first, last, count } = await partition.offsets();
  return last - first + 1 === count;
}

describe('the engine', () => {
  it('turns the inbox into exactly what the market says, from an empty Redis on', async () => {
    expect(await partition.leader().then(({ recovered }) => recovered)).toMatchObject({
      newEpoch: 'start',
      from: 'nothing',
    });
    await partition.produce(opening('BTCUSD'));
    await partition.produce(new Venue().flow(3_000));
    expect(await partition.caughtUp()).toEqual(partition.expected());
    expect(await isContiguous()).toBe(true);
    for (const { payload } of await partition.log()) JSON.parse(payload);
  });

  it('matches orders, and stores the accounts with its snapshots', async () => {
    const engine = await partition.leader();
    const orders = new OrderFlow();
    await partition.produce(orders.opening());
    await partition.produce(orders.flow(2_000));
    const events = await partition.caughtUp();
    expect(events).toEqual(partition.expected());
    const types = new Set(events.map(({ topic }) => topic.split(':')[0]));
    for (const type of ['book_order', 'trade', 'fill', 'order_state', 'account', 'position'])
      expect(types).toContain(type);
    await engine.stop();
    const { epoch, offset } = await partition.tip();
    const accounts = await readAccounts(partition.client, partition.keys);
    expect(accounts?.cursor).toEqual({ epoch, offset });
    expect(Object.keys(JSON.parse(accounts?.state ?? '{}').accounts)).toEqual(['bob', 'alice']);
  });

  it('gives byte-identical logs for the same inbox', async () => {
    const first = await partition.leader();
    await partition.produce(opening('BTCUSD'));
    await partition.produce(new Venue().flow(400));
    const log = await partition.caughtUp();
    const inbox = await partition.entries(partition.keys.inbox);
    await first.stop();
    await partition.client.flushall();
    for (const { id, topic, payload } of inbox) await partition.client.xadd(partition.keys.inbox, id, topic, payload);
    await partition.leader();
    expect(await partition.caughtUp()).toEqual(log);
  });

  it('goes on while snapshots are stored, and trims the inbox behind the older one', async () => {
    const engine = await partition.leader({ snapshotEveryEvents: 200 });
    await partition.produce(opening('BTCUSD'));
    const venue = new Venue();
    for (let i = 0; i < 10; i++) await partition.produce(venue.flow(200));
    expect(await partition.caughtUp()).toEqual(partition.expected());
    expect(engine.snapshots).toBeGreaterThan(2);
    await until(async () => (await partition.client.xlen(partition.keys.inbox)) < partition.sent.length / 2);
  });

  it('keeps the events of one input together, even when they are more than a batch', async () => {
    await partition.leader();
    const symbols = Array.from({ length: 1_200 }, (_, i) => `S${i}`);
    await partition.produce(symbols.flatMap((symbol) => [...opening(symbol)]));
    await partition.produce([{ type: 'clock', second: 1_800_000_000, tsRecvUs: T0_US }]);
    const events = await partition.caughtUp();
    expect(events).toEqual(partition.expected());
    expect(events.filter(({ topic }) => topic.startsWith('book_snapshot:'))).toHaveLength(1_200);
    expect(await isContiguous()).toBe(true);
  }, 40_000);

  it('names in the tip an input whose events are all there, at every moment', async () => {
    await partition.leader();
    await partition.produce(opening('BTCUSD'));
    const venue = new Venue();
    const seen = new Map<string, number>();
    for (let i = 0; i < 20; i++) {
      const producing = partition.produce(venue.flow(500));
      const { inboxId, offset } = await partition.tip();
      seen.set(inboxId, offset);
      await producing;
    }
    await partition.caughtUp();
    const market = new Market();
    // 0 is the epoch event, 1 the engine's.
    let offset = 1;
    for (const { id, topic, payload } of await partition.entries(partition.keys.inbox)) {
      offset += market.applyEntry(topic, payload).length;
      expect(seen.get(id) ?? offset).toBe(offset);
    }
    expect(seen.size).toBeGreaterThan(5);
  });
});
