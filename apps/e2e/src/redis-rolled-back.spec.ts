import { cp, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { until } from '@depthcast/testing';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { reappended } from './log-checks.ts';
import { misexecuted, OrderPoster } from './order-poster.ts';
import { firstDifference, RoamingClient } from './roaming-client.ts';
import { TestStack } from './stack.ts';

let stack: TestStack;
let passed = false;

beforeAll(async () => {
  stack = await TestStack.start({
    gateways: 2,
    appendonly: true,
    ingest: { SIMULATOR_RATE: '400' },
    engine: { SNAPSHOT_EVERY_MS: '1000' },
  });
}, 60_000);
afterAll(async () => {
  if (!passed) console.error(stack?.tails());
  await stack?.stop();
});

/** Redis as a crash of its machine leaves it: without the last that it had acknowledged. */
async function rollBack(ms: number): Promise<void> {
  const aof = join(stack.redis.dir, 'appendonlydir');
  const kept = join(stack.redis.dir, 'kept');
  await cp(aof, kept, { recursive: true });
  await sleep(ms);
  await stack.redis.kill();
  await rm(aof, { recursive: true });
  await cp(kept, aof, { recursive: true });
  await rm(kept, { recursive: true });
  await stack.redis.restart();
}

describe('Redis comes back without its last second', () => {
  it('the engine writes it again, clients notice nothing, and after a kill of every engine each order stands once', async () => {
    const client = new RoamingClient(() => [0, 1].map((k) => stack.url(k, '/api/stream?types=all')));
    const poster = new OrderPoster(() => [0, 1].map((k) => stack.url(k, '/api/orders')));
    const standby = stack.startEngine();
    await standby.ready();
    await until(() => client.events.length > 1_000 && poster.accepted.length > 50, 30_000, 'a warm start');

    for (let round = 0; round < 2; round++) {
      await rollBack(900);
      // Counted from here on: what came before the rollback says nothing of what came after it.
      const before = { events: client.events.length, orders: poster.accepted.length };
      const goesOn = () => client.events.length > before.events + 800 && poster.accepted.length > before.orders + 30;
      await until(goesOn, 30_000, 'the stream going on');
    }
    expect(reappended(stack.engines)).toBeGreaterThan(100);
    const engines = stack.engines.filter((engine) => engine.running);
    await Promise.all(engines.map((engine) => engine.kill()));
    const killedAt = client.events.length;
    await stack.startEngine().ready();
    await until(() => client.events.length > killedAt + 500, 30_000, 'the next engine');

    await poster.stop();
    await stack.ingest.stop();
    const log = await stack.settledLog();
    await until(() => client.events.at(-1)?.id === log.at(-1)?.id, 20_000, 'the client reaching the end');
    await client.stop();
    expect(client.problems).toEqual([]);
    expect(poster.problems).toEqual([]);
    expect(new Set(log.map(({ id }) => id.split('-')[0])).size).toBe(1);
    const from = log.findIndex(({ id }) => id === client.events[0]?.id);
    expect(firstDifference(client.events, log.slice(from))).toBeUndefined();
    expect(misexecuted(poster.accepted, log)).toEqual([]);
    passed = true;
  }, 180_000);
});
