import { connectRedis, InboxProducer, partitionKeys, type RedisClient, readTip } from '@depthcast/log';
import { Market, type MarketOptions } from '@depthcast/market';
import { inputTopic, type UnstampedInput } from '@depthcast/protocol';
import { startRedis, type TestRedis, until } from '@depthcast/testing';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { EngineLoop } from './engine-loop.ts';
import type { Recovered } from './recover.ts';

const keys = partitionKeys();

let redis: TestRedis;
let client: RedisClient;
let producer: InboxProducer;
const engines: { stop(): Promise<void> }[] = [];

beforeAll(async () => {
  redis = await startRedis({ appendonly: true });
  client = connectRedis(redis.url);
});
afterAll(async () => {
  client.disconnect();
  await redis.stop();
});
beforeEach(async () => {
  await client.flushall();
  producer = new InboxProducer({ client, keys });
  sent = [];
});
afterEach(async () => {
  for (const engine of engines.splice(0)) await engine.stop();
  await producer.close();
});

/** An engine's loop in this process, over a connection of its own. */
function startEngine(
  options: {
    snapshotEveryMs?: number;
    snapshotEveryEvents?: number;
    logBytesMax?: number;
    market?: Partial<MarketOptions>;
    /** Wait for the lease, as engines do; by default it counts as expired, so that takeovers need no waiting. */
    standBy?: boolean;
  } = {},
) {
  const connection = connectRedis(redis.url);
  const abort = new AbortController();
  let recovered: Recovered | undefined;
  let snapshots = 0;
  let waited = false;
  const loop = new EngineLoop({
    client: connection,
    keys,
    writer: Math.random().toString(36).slice(2),
    logBytesMax: options.logBytesMax ?? 2 ** 30,
    snapshotEveryMs: options.snapshotEveryMs ?? 3_600_000,
    snapshotEveryEvents: options.snapshotEveryEvents ?? 1_000_000,
    ...(options.market ? { market: options.market } : {}),
    observer: {
      recovered: (facts) => {
        recovered = facts;
      },
      standby: () => {
        waited = true;
      },
      snapshotted: () => {
        snapshots++;
      },
    },
  });
  const expired = options.standBy ? Promise.resolve(0) : client.del(keys.leader);
  const ended = expired
    .then(() => loop.run(abort.signal))
    .then(
      () => undefined,
      (error: Error & { code?: string }) => error,
    );
  const engine = {
    ended,
    snapshots: () => snapshots,
    waits: () => waited,
    ready: async () => {
      let failure: Error | undefined;
      void ended.then((error) => {
        failure = error;
      });
      await until(() => recovered !== undefined || failure !== undefined);
      if (!recovered) throw failure;
      return recovered;
    },
    stop: async () => {
      if (abort.signal.aborted) return;
      abort.abort();
      await ended;
      connection.disconnect();
    },
  };
  engines.push(engine);
  return engine;
}

const T0_US = 1_700_000_000_000_000;
let update = 0;
const times = () => ({ tsEventUs: T0_US + update, tsRecvUs: T0_US + update });

function* start(symbol: string): Generator<UnstampedInput> {
  yield {
    type: 'symbol',
    symbol,
    tick: '0.01',
    step: '1',
    venue: 'test',
    depthRule: 'spot',
    quotes: false,
    tsRecvUs: T0_US,
  };
  yield { type: 'feed', symbol, status: 'up', reason: 'start', ...times() };
  yield { type: 'depth_snapshot', symbol, last: update, bids: [['100.00', '5']], asks: [['101.00', '5']], ...times() };
}

/** Some of everything, over one running count. */
function* flow(symbol: string, count: number): Generator<UnstampedInput> {
  for (let i = 0; i < count; i++) {
    update++;
    const price = `${90 + (update % 10)}.0${update % 7}`;
    yield {
      type: 'depth',
      symbol,
      first: update,
      last: update,
      bids: [[price, String(update % 5)]],
      asks: [],
      ...times(),
    };
    if (i % 3 === 0)
      yield { type: 'trade', symbol, tradeId: update, price: '100.50', qty: '2', side: 'BUY', ...times() };
    if (i % 10 === 0) yield { type: 'clock', second: 1_700_000_000 + update, tsRecvUs: T0_US + update };
  }
}

/** Everything produced, as it stands in the inbox, which is trimmed behind snapshots. */
let sent: { topic: string; payload: string }[] = [];

async function produce(inputs: Iterable<UnstampedInput>): Promise<void> {
  for (const input of inputs) {
    producer.push(input);
    const topic = inputTopic(input as { type: string; symbol?: string });
    sent.push({ topic, payload: JSON.stringify({ src: producer.src, seq: sent.length + 1, ...input }) });
  }
  await producer.flush();
}

const entries = async (key: string) =>
  (await client.xrange(key, '-', '+')).map(([id, [topic, payload]]) => ({ id, topic, payload }));
/** The log without what the engine says of itself. */
const events = async () =>
  (await entries(keys.log))
    .filter(({ topic }) => topic !== 'engine' && topic !== 'epoch')
    .map(({ topic, payload }) => ({ topic, payload }));

/** What one Market makes of all of it, without any engine. */
function expected() {
  const market = new Market();
  return sent.flatMap(({ topic, payload }) => market.applyEntry(topic, payload));
}

async function caughtUp(): Promise<void> {
  const wanted = expected();
  await until(async () => (await events()).length >= wanted.length);
  expect(await events()).toEqual(wanted);
}

async function contiguous(): Promise<void> {
  const offsets = (await entries(keys.log)).map(({ id }) => Number(id.split('-')[1]));
  expect(offsets).toEqual(offsets.map((_, i) => (offsets[0] as number) + i));
}

describe('the engine', () => {
  it('turns the inbox into exactly what the market says, from an empty Redis on', async () => {
    const engine = startEngine();
    expect(await engine.ready()).toMatchObject({ newEpoch: 'start' });
    await produce(start('BTCUSD'));
    await produce(flow('BTCUSD', 700));
    await caughtUp();
    await contiguous();
    for (const { payload } of await entries(keys.log)) JSON.parse(payload as string);
  });

  it('takes over in the same epoch, exactly where the log ended, and the one before is fenced', async () => {
    const first = startEngine();
    await first.ready();
    await produce(start('BTCUSD'));
    await produce(flow('BTCUSD', 300));
    await caughtUp();
    const epoch = (await readTip(client, keys))?.epoch;
    // Inputs that the first one has not seen, or is in the midst of.
    void produce(flow('BTCUSD', 300));
    const second = startEngine();
    expect(await second.ready()).toMatchObject({ newEpoch: undefined });
    await produce(flow('BTCUSD', 50));
    expect(await first.ended).toMatchObject({ code: 'FENCED' });
    await caughtUp();
    await contiguous();
    expect((await readTip(client, keys))?.epoch).toBe(epoch);
  });

  it('stands by while another one appends, and takes over when that one leaves or is silent', async () => {
    const first = startEngine({ standBy: true });
    await first.ready();
    const second = startEngine({ standBy: true });
    await until(() => second.waits());
    await produce(start('BTCUSD'));
    await produce(flow('BTCUSD', 50));
    await caughtUp();
    expect((await readTip(client, keys))?.term).toBe(1);
    await first.stop();
    expect(await second.ready()).toMatchObject({ newEpoch: undefined });
    const third = startEngine({ standBy: true });
    await until(() => third.waits());
    await client.del(keys.leader);
    expect(await third.ready()).toMatchObject({ newEpoch: undefined });
    await produce(flow('BTCUSD', 50));
    expect(await second.ended).toMatchObject({ code: 'FENCED' });
    await caughtUp();
    await contiguous();
  });

  it('applies no input twice when the tip was deleted by hand, and continues no timeline', async () => {
    const first = startEngine();
    await first.ready();
    await produce(start('BTCUSD'));
    await produce(flow('BTCUSD', 50));
    await caughtUp();
    const length = await client.xlen(keys.log);
    await first.stop();
    await client.del(keys.tip);
    expect(await startEngine().ready()).toMatchObject({ newEpoch: 'tip_lost' });
    const added = (await entries(keys.log)).slice(length);
    expect(added.map(({ topic }) => topic)).toEqual(['epoch', 'engine']);
    expect(JSON.parse(added[0]?.payload as string).previous_tail).toBeNull();
  });

  it('recovers from its last snapshot alone after it was stopped, and replays nothing', async () => {
    const first = startEngine();
    await first.ready();
    await produce(start('BTCUSD'));
    await produce(flow('BTCUSD', 100));
    await caughtUp();
    await first.stop();
    await produce(flow('BTCUSD', 100));
    expect(await startEngine().ready()).toMatchObject({ newEpoch: undefined, replayedInputs: 0 });
    await caughtUp();
  });

  it('gives byte-identical logs for the same inbox', async () => {
    const first = startEngine();
    await first.ready();
    await produce(start('BTCUSD'));
    await produce(flow('BTCUSD', 400));
    await caughtUp();
    const [log, inbox] = [await events(), await entries(keys.inbox)];
    await first.stop();
    await client.flushall();
    for (const { id, topic, payload } of inbox) await client.xadd(keys.inbox, id, topic as string, payload as string);
    await startEngine().ready();
    await until(async () => (await events()).length >= log.length);
    expect(await events()).toEqual(log);
  });

  it('refuses to go on when the log holds what the inbox does not give, and appends nothing', async () => {
    const first = startEngine();
    await first.ready();
    await produce(start('BTCUSD'));
    await produce(flow('BTCUSD', 20));
    await caughtUp();
    const held = await entries(keys.log);
    await client.del(keys.log);
    for (const { id, topic, payload } of held) {
      const tampered =
        id === held[10]?.id ? (payload as string).replace('"ts_ns":1', '"ts_ns":2') : (payload as string);
      await client.xadd(keys.log, id, topic as string, tampered);
    }
    const second = startEngine();
    const error = await second.ended;
    expect(error).toMatchObject({ code: 'RECOVERY_MISMATCH', exit: 4 });
    expect(error?.message).toContain(held[10]?.id);
    expect(await client.xlen(keys.log)).toBe(held.length);
  });

  it('falls back to the older snapshot when the newest cannot be read', async () => {
    const first = startEngine({ snapshotEveryMs: 100 });
    await first.ready();
    await produce(start('BTCUSD'));
    await produce(flow('BTCUSD', 50));
    await until(() => first.snapshots() >= 2);
    await first.stop();
    await client.hset(keys.snapshot, 'newest.state', '{"formatVersion":');
    expect(await startEngine().ready()).toMatchObject({ newEpoch: undefined });
    await produce(flow('BTCUSD', 10));
    const last = (await entries(keys.inbox)).at(-1);
    await until(async () => (await readTip(client, keys))?.inboxId === last?.id);
    await contiguous();
  });

  it('opens a new epoch, and says why, when no snapshot can be read', async () => {
    const first = startEngine();
    await first.ready();
    await produce(start('BTCUSD'));
    await produce(flow('BTCUSD', 20));
    await caughtUp();
    await first.stop();
    const tail = await readTip(client, keys);
    await client.hset(keys.snapshot, 'newest.state', 'x', 'previous.state', 'y');
    expect(await startEngine().ready()).toMatchObject({ newEpoch: 'snapshot_unreadable' });
    const epoch = (await entries(keys.log)).filter(({ topic }) => topic === 'epoch').at(-1);
    expect(JSON.parse(epoch?.payload as string)).toMatchObject({
      previous_tail: `${tail?.epoch}-${tail?.offset}`,
      reason: 'snapshot_unreadable',
    });
  });

  it('takes over under other thresholds, which are another logic, without comparing outputs, and compares again after', async () => {
    const first = startEngine();
    await first.ready();
    await produce(start('BTCUSD'));
    await produce(flow('BTCUSD', 100));
    await caughtUp();
    const changed = { wideSpreadBps: 1, wideSpreadWarmupSeconds: 1 };
    const second = startEngine({ market: changed });
    expect(await second.ready()).toMatchObject({ newEpoch: undefined, comparedEvents: 0 });
    const version = (await readTip(client, keys))?.logicVersion;
    expect(version).toMatch(/^\d+-[0-9a-f]{8}$/);
    await produce(flow('BTCUSD', 200));
    const last = (await entries(keys.inbox)).at(-1);
    await until(async () => (await readTip(client, keys))?.inboxId === last?.id);
    expect((await events()).some(({ topic }) => topic === 'anomaly:BTCUSD')).toBe(true);
    const third = startEngine({ market: changed });
    const recovered = await third.ready();
    expect(recovered.newEpoch).toBeUndefined();
    expect(recovered.comparedEvents).toBeGreaterThan(200);
    await contiguous();
  });

  it('opens a new epoch when inputs between snapshot and tip are gone', async () => {
    const first = startEngine();
    await first.ready();
    await produce(start('BTCUSD'));
    await produce(flow('BTCUSD', 20));
    await caughtUp();
    await client.xtrim(keys.inbox, 'MAXLEN', 5);
    const second = startEngine();
    expect(await second.ready()).toMatchObject({ newEpoch: 'inbox_trimmed' });
  });

  it.each([0, 20])(
    'opens a new epoch when Redis has lost an input whose events it kept, with %d newer ones there',
    async (newer) => {
      const first = startEngine();
      await first.ready();
      await produce(start('BTCUSD'));
      await produce(flow('BTCUSD', 20));
      await caughtUp();
      await client.xdel(keys.inbox, (await readTip(client, keys))?.inboxId as string);
      const stopped = first.stop();
      await produce(flow('BTCUSD', newer));
      await stopped;
      await client.hset(keys.snapshot, 'newest.state', 'unreadable');
      const second = startEngine();
      expect(await second.ready()).toMatchObject({ newEpoch: 'inbox_trimmed' });
      await until(() => second.snapshots() > 1);
      expect(await startEngine().ready()).toMatchObject({ newEpoch: undefined });
    },
  );

  it('makes room by itself when Redis is out of memory, and loses nothing', async () => {
    const engine = startEngine({ snapshotEveryEvents: 2_000 });
    await engine.ready();
    await produce(start('BTCUSD'));
    const used = Number(/used_memory:(\d+)/.exec(await client.info('memory'))?.[1]);
    await client.config('SET', 'maxmemory', used + 4_000_000);
    try {
      for (let i = 0; i < 30; i++) await produce(flow('BTCUSD', 1_000));
      const last = update;
      await until(
        async () =>
          (await client.xrevrange(keys.log, '+', '-', 'COUNT', 50)).some(([, [, text]]) =>
            text?.includes(`"last":${last}`),
          ),
        30_000,
      );
      await contiguous();
      expect((await events()).some(({ payload }) => payload?.includes('"gap"'))).toBe(false);
    } finally {
      await client.config('SET', 'maxmemory', 0);
    }
  }, 60_000);

  it('stops at once while Redis is away', async () => {
    const engine = startEngine();
    await engine.ready();
    await produce(start('BTCUSD'));
    await redis.kill();
    const began = Date.now();
    await engine.stop();
    expect(Date.now() - began).toBeLessThan(3_000);
    await redis.restart();
  });

  it('goes on in its epoch when Redis restarts under it, and opens a new one when it was not there', async () => {
    const first = startEngine();
    await first.ready();
    await produce(start('BTCUSD'));
    await produce(flow('BTCUSD', 20));
    await redis.restart();
    await produce(flow('BTCUSD', 20));
    await caughtUp();
    const before = await readTip(client, keys);
    await first.stop();
    await redis.restart();
    await produce(flow('BTCUSD', 20));
    expect(await startEngine().ready()).toMatchObject({ newEpoch: 'redis_replaced' });
    await until(async () => (await readTip(client, keys))?.ordinal === 1);
    const [opened] = (await entries(keys.log)).filter(({ topic }) => topic === 'epoch').slice(1);
    expect(JSON.parse(opened?.payload as string).previous_tail).toMatch(new RegExp(`^${before?.epoch}-`));
  });

  it('keeps the events of one input together, even when they are more than a batch', async () => {
    const engine = startEngine();
    await engine.ready();
    const symbols = Array.from({ length: 1_200 }, (_, i) => `S${i}`);
    await produce(symbols.flatMap((symbol) => [...start(symbol)]));
    await produce([{ type: 'clock', second: 1_800_000_000, tsRecvUs: T0_US }]);
    await caughtUp();
    expect((await events()).filter(({ topic }) => topic?.startsWith('book_snapshot:'))).toHaveLength(1_200);
    await contiguous();
  }, 40_000);

  it('keeps the log within its bound, and still recovers', async () => {
    const engine = startEngine({ snapshotEveryMs: 200, logBytesMax: 300_000 });
    await engine.ready();
    await produce(start('BTCUSD'));
    for (let i = 0; i < 14; i++) {
      await produce(flow('BTCUSD', 500));
      await new Promise((resolve) => setTimeout(resolve, 300));
    }
    await until(async () => ((await client.memory('USAGE', keys.log)) ?? 0) < 600_000, 10_000);
    expect((await entries(keys.log))[0]?.id.endsWith('-0')).toBe(false);
    await contiguous();
    await engine.stop();
    expect(await startEngine().ready()).toMatchObject({ newEpoch: undefined });
  }, 40_000);
});
