import { readTip } from '@depthcast/log';
import { TcpProxy, until } from '@depthcast/testing';
import { afterEach, describe, expect, it } from '@jest/globals';
import { reappended } from './log-checks.ts';
import { misexecuted, OrderPoster } from './order-poster.ts';
import { TestStack } from './stack.ts';
import { conflicts, Witness } from './witness.ts';

const LOST_MIN = 300;

let stack: TestStack;
let witnesses: Witness[];
let poster: OrderPoster;

/** A replicated stack under orders, whose master is about to be lost with events that the replica never got. */
async function upToTheLoss(): Promise<void> {
  stack = await TestStack.start({
    gateways: 2,
    replicated: true,
    ingest: { SIMULATOR_RATE: '400' },
    engine: { SNAPSHOT_EVERY_MS: '1000' },
  });
  witnesses = ['types=all', 'types=all&chain=1', 'types=trade,order_update,fill'].map(
    (query, i) => new Witness(() => [0, 1].map((k) => stack.url((k + i) % 2, `/api/stream?${query}`))),
  );
  poster = new OrderPoster(() => [0, 1].map((k) => stack.url(k, '/api/orders')));
  await until(() => poster.accepted.length > 50 && (witnesses[0] as Witness).seen.size > 1_000, 30_000, 'a warm start');
}

/** Resolves when the master has, and a client was shown, so many events that the replica has not. */
async function loseEvents(): Promise<void> {
  stack.pair.cutReplication();
  const { seen } = witnesses[0] as Witness;
  const before = seen.size;
  await until(() => seen.size > before + LOST_MIN, 20_000, 'events that will be lost');
}

/** Everything goes on for a while, ends, and is looked at. */
async function settle() {
  const before = poster.accepted.length;
  await until(() => poster.accepted.length > before + 30, 30_000, 'orders after the failover');
  await poster.stop();
  await stack.ingest.stop();
  const log = await stack.settledLog();
  await until(() => (witnesses[0] as Witness).lastId === log.at(-1)?.id, 20_000, 'a client reaching the end');
  await Promise.all(witnesses.map((witness) => witness.stop()));
  expect(poster.problems).toEqual([]);
  expect(conflicts(witnesses, log)).toEqual([]);
  expect(misexecuted(poster.accepted, log)).toEqual([]);
  return { log, epochs: new Set(log.map(({ id }) => id.split('-')[0])) };
}

afterEach(async () => {
  await poster?.stop();
  await Promise.all(witnesses?.map((witness) => witness.stop()) ?? []);
  await stack?.stop();
}, 60_000);

describe('a failover of Redis that loses events which clients have seen', () => {
  it('with the engine alive: it writes them again, and no client notices', async () => {
    await upToTheLoss();
    await loseEvents();
    await stack.pair.promote();
    const { log, epochs } = await settle();
    expect(epochs.size).toBe(1);
    expect(witnesses.map(({ resets }) => resets)).toEqual([[], [], []]);
    const ids = new Set(log.map(({ id }) => id));
    const missing = [...(witnesses[0] as Witness).seen.keys()].filter((id) => !ids.has(id));
    expect(missing).toEqual([]);
    expect(stack.engine.running).toBe(true);
    expect(reappended(stack.engines)).toBeGreaterThanOrEqual(LOST_MIN);
  }, 120_000);

  it('with the engine dead: a new epoch begins, and who saw what was lost is told so', async () => {
    await upToTheLoss();
    await loseEvents();
    await stack.engine.kill();
    await stack.pair.promote();
    stack.startEngine();
    const { epochs } = await settle();
    expect(epochs.size).toBe(2);
    for (const { resets } of witnesses.slice(0, 2)) expect(resets).toContain('forked');
  }, 120_000);

  it('with the engine left on the old master: what it writes there is nobody else’s, and it ends when it meets the new', async () => {
    await upToTheLoss();
    const old = stack.engine;
    await old.stop();
    // Its own way to the master, which the failover does not move.
    const way = await TcpProxy.start(stack.pair.master);
    const left = stack.startEngine({ REDIS_URL: way.url });
    await left.ready();
    await loseEvents();
    await stack.pair.promote();
    const successor = stack.startEngine();
    const { epochs } = await settle();
    expect(epochs.size).toBe(2);
    expect(left.running).toBe(true);
    way.retarget(stack.pair.replica);
    expect(await left.exit).toEqual({ code: 3, signal: null });
    await way.close();
    const tip = await readTip(stack.client, stack.keys);
    expect(tip?.epoch).toBe(Math.max(...[...epochs].map(Number)));
    expect(successor.running).toBe(true);
  }, 120_000);
});
