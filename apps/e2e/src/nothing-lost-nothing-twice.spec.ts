import { until } from '@depthcast/testing';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { firstDifference, RoamingClient } from './roaming-client.ts';
import { TestStack } from './stack.ts';

const EVENTS_MIN = 100_000;
const KILLS_MIN = 20;
const RATE_MIN = 2_000;

let stack: TestStack;

beforeAll(async () => {
  stack = await TestStack.start({
    gateways: 2,
    ingest: { SIMULATOR_RATE: '2500' },
    // Often enough that recoveries begin from different snapshots.
    engine: { SNAPSHOT_EVERY_MS: '1500' },
  });
}, 60_000);
afterAll(() => stack?.stop());

describe('while gateways and the engine are killed in turn', () => {
  it('a client gets every event once, and a filtered one can prove it by its chain', async () => {
    const everything = (path: string) => () => [0, 1].map((k) => stack.url(k, path));
    const all = new RoamingClient(everything('/api/stream?types=all'));
    const filtered = new RoamingClient(everything('/api/stream?types=trade,book_change&symbols=ETHUSD&chain=1'));
    await until(() => all.events.length > 0 && filtered.events.length > 0, 20_000);

    const began = Date.now();
    let kills = 0;
    while (all.events.length < EVENTS_MIN || kills < KILLS_MIN) {
      if (Date.now() - began > 240_000) break;
      // At no particular moment: under this load most kills fall into the midst of a batch.
      await new Promise((resolve) => setTimeout(resolve, 300 + Math.random() * 900));
      const turn = kills++ % 4;
      if (turn % 2 === 0) {
        await stack.engine.kill();
        stack.startEngine();
      } else {
        const k = turn === 1 ? 0 : 1;
        await stack.gateways[k]?.kill();
        stack.startGateway(k);
      }
    }
    const seconds = (Date.now() - began) / 1000;
    const rate = all.events.length / seconds;

    // Let the last of it arrive, then stop the source and compare with what the log holds.
    await stack.ingest.stop();
    await stack.engine.ready();
    const log = await stack.settledLog();
    const last = log.at(-1)?.id as string;
    await until(() => all.events.at(-1)?.id === last, 30_000, `the client reaching ${last}`);
    const wanted = log.filter(({ topic }) => /^(trade|book_change):ETHUSD$/.test(topic));
    await until(() => filtered.events.at(-1)?.id === wanted.at(-1)?.id, 30_000, 'the filtered client reaching the end');
    await Promise.all([all.stop(), filtered.stop()]);

    console.log(
      `${all.events.length} events at ${Math.round(rate)}/s, ${kills} kills, ${all.connections} + ${filtered.connections} connections`,
    );
    expect(all.problems).toEqual([]);
    expect(filtered.problems).toEqual([]);
    expect(kills).toBeGreaterThanOrEqual(KILLS_MIN);
    expect(all.events.length).toBeGreaterThanOrEqual(EVENTS_MIN);
    expect(rate).toBeGreaterThanOrEqual(RATE_MIN);

    const from = log.findIndex(({ id }) => id === all.events[0]?.id);
    expect(firstDifference(all.events, log.slice(from))).toBeUndefined();
    const filteredFrom = wanted.findIndex(({ id }) => id === filtered.events[0]?.id);
    expect(firstDifference(filtered.events, wanted.slice(filteredFrom))).toBeUndefined();
    // One epoch: no kill of an engine was answered with a new timeline.
    expect(new Set(log.map(({ id }) => id.split('-')[0])).size).toBe(1);
    expect(filtered.links).toBe(filtered.events.length);
  }, 400_000);
});
