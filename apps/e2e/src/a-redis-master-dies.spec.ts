import { formatSessionCursor, parseCursor } from '@depthcast/protocol';
import { type TestRedis, until } from '@depthcast/testing';
import { afterEach, describe, expect, it } from '@jest/globals';
import { expectWhole, type LoggedEvent, reappended } from './log-checks.ts';
import { misexecuted, OrderPoster } from './order-poster.ts';
import { SseSession } from './session-clients.ts';
import { TestStack } from './stack.ts';
import { conflicts, Witness } from './witness.ts';

const LOST_MIN = 200;

let stack: TestStack;
let poster: OrderPoster | undefined;
let clients: { stop(): Promise<void> }[] = [];

afterEach(async () => {
  await poster?.stop();
  await Promise.all(clients.map((client) => client.stop()));
  clients = [];
  await stack?.stop();
}, 60_000);

const origins = () => [0, 1].map((k) => stack.url(k, ''));
const reading = () => (clients[0] as SseSession).record;
const posted = () => (poster as OrderPoster).accepted.length;

/** A stack under orders, with a client that reads everything from the very beginning. */
async function up(shape: { readonly sentinel?: boolean; readonly cluster?: boolean }): Promise<void> {
  stack = await TestStack.start({
    gateways: 2,
    ...shape,
    ingest: { SIMULATOR_RATE: '400' },
    engine: { SNAPSHOT_EVERY_MS: '1000' },
  });
  const [first] = await stack.log();
  const begin = formatSessionCursor([parseCursor(first?.id as string)]);
  clients = [
    new SseSession(origins, 1, begin),
    new Witness(() => origins().map((origin) => `${origin}/api/stream?types=trade,fill&chain=1`)),
  ];
  poster = new OrderPoster(() => origins().map((origin) => `${origin}/api/orders`));
  await until(() => reading().count > 1_000 && posted() > 20, 30_000, 'a warm start');
}

/** SIGKILL, as when its machine dies, with events that clients have been shown and no replica has. */
async function killMaster(): Promise<TestRedis> {
  const { log } = stack.keys;
  const master = stack.isCluster ? await stack.cluster.masterOf(log) : await stack.sentinel.master();
  await master.cutReplicas();
  const before = reading().count;
  await until(() => reading().count > before + LOST_MIN, 10_000, 'events that will be lost');
  await master.kill();
  return master;
}

/** Resolves when another server has taken its place. */
async function succeeded(master: TestRedis): Promise<void> {
  if (!stack.isCluster) await stack.sentinel.successorOf(master);
  else await until(async () => (await stack.cluster.masterOf(stack.keys.log)) !== master, 20_000, 'a successor');
}

/** Orders are taken again; then everything ends, and what there is is looked at. */
async function settle() {
  const before = posted();
  await until(() => posted() > before + 20, 30_000, 'orders after it');
  await poster?.stop();
  await stack.ingest.stop();
  const log = await stack.settledLog();
  await until(() => reading().lastId === log.at(-1)?.id, 20_000, 'the client reaching the end');
  await Promise.all(clients.map((client) => client.stop()));
  expect(reading().problems).toEqual([]);
  expect(conflicts([clients[1] as Witness], log)).toEqual([]);
  expect(misexecuted((poster as OrderPoster).accepted, log)).toEqual([]);
  expect((poster as OrderPoster).problems).toEqual([]);
  return { log, epochs: [...new Set(log.map(({ id }) => id.split('-')[0]))] };
}

describe.each([
  ['sentinels', { sentinel: true }],
  ['a Redis Cluster', { cluster: true }],
])('on %s, when the master dies in mid-stream', (name, shape) => {
  it('the stream goes on: no hole, nothing twice, and what Redis lost is written again', async () => {
    await up(shape);
    const before = reading().count;
    const began = Date.now();
    const master = await killMaster();
    const killedAt = Date.now();
    await until(() => reading().count > before + LOST_MIN + 500, 30_000, 'events after the failover');
    const tookMs = Date.now() - killedAt;
    await succeeded(master);
    const { log, epochs } = await settle();
    const again = reappended(stack.engines);
    console.log(
      `${name}: events again ${tookMs} ms after the kill (${killedAt - began} ms of loss), ${again} written again, ` +
        `${reading().count} received`,
    );
    expect([stack.engine.running, epochs.length, reading().resets]).toEqual([true, 1, []]);
    expect(again).toBeGreaterThanOrEqual(LOST_MIN);
    const shown = ({ topic, payload }: LoggedEvent) => `${topic.split(':')[0]} ${payload}`;
    expect(reading().differenceFrom(0, log, shown, log[0]?.id as string)).toBe('');
    expectWhole(log);
  }, 120_000);

  it('and the engine with it, a new epoch begins, and whoever was shown what is lost is told so', async () => {
    await up(shape);
    const master = await killMaster();
    await stack.engine.kill();
    await succeeded(master);
    stack.startEngine();
    await stack.engine.ready(40_000);
    const { epochs } = await settle();
    expect(epochs).toHaveLength(2);
    expect(reading().resets).toEqual(['forked']);
  }, 120_000);
});
