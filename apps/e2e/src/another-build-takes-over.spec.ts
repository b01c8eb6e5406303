import { rmSync } from 'node:fs';
import { until } from '@depthcast/testing';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { anotherBuild } from './another-build.ts';
import { misexecuted, OrderPoster } from './order-poster.ts';
import { firstDifference, RoamingClient } from './roaming-client.ts';
import { TestStack } from './stack.ts';

let stack: TestStack;
let next: string;

beforeAll(async () => {
  // The next release says more in its clock events, and counts itself another version.
  next = anotherBuild([
    { file: 'market-options.js', from: "LOGIC_VERSION = '", to: "LOGIC_VERSION = 'next-" },
    { file: 'event-writer.js', from: ',"second":', to: ',"release":"next","second":' },
  ]);
  stack = await TestStack.start({ ingest: { SIMULATOR_RATE: '400' } });
}, 60_000);
afterAll(async () => {
  await stack?.stop();
  if (next) rmSync(next, { recursive: true });
});

describe('two builds whose logic differs', () => {
  it('succeed each other in one epoch, by SIGTERM and by SIGKILL, and each order stands once', async () => {
    const client = new RoamingClient(() => [stack.url(0, '/api/stream?types=all')]);
    const poster = new OrderPoster(() => [stack.url(0, '/api/orders')]);
    const goesOn = async () => {
      const before = { events: client.events.length, orders: poster.accepted.length };
      const has = () => client.events.length > before.events + 500 && poster.accepted.length > before.orders + 20;
      await until(has, 30_000, 'the stream going on');
    };
    await goesOn();

    // An upgrade as an orchestrator does it: the new one is there, then the old one is told to go.
    const old = stack.engine;
    const upgraded = stack.startEngine({}, next);
    await upgraded.line(({ msg }) => msg.startsWith('standing by'));
    expect((await old.kill('SIGTERM')).code).toBe(0);
    const byPlan = await upgraded.line(({ msg }) => msg === 'recovered');
    // A state was stored at the tip, so that nothing had to be replayed by another logic than had written it.
    expect(byPlan).toMatchObject({ replayedInputs: 0 });
    await goesOn();

    // And back again, by accident: what the other build has said meanwhile cannot be compared, and is not said again.
    const downgraded = stack.startEngine();
    await downgraded.line(({ msg }) => msg.startsWith('standing by'));
    await upgraded.kill();
    expect(await downgraded.line(({ msg }) => msg === 'recovered')).toMatchObject({ comparedEvents: 0 });
    await goesOn();

    await poster.stop();
    await stack.ingest.stop();
    const log = await stack.settledLog();
    await until(() => client.events.at(-1)?.id === log.at(-1)?.id, 20_000, 'the client reaching the end');
    await client.stop();
    expect([client.problems, poster.problems]).toEqual([[], []]);
    const from = log.findIndex(({ id }) => id === client.events[0]?.id);
    expect(firstDifference(client.events, log.slice(from))).toBeUndefined();
    expect(new Set(log.map(({ id }) => id.split('-')[0])).size).toBe(1);
    expect(misexecuted(poster.accepted, log)).toEqual([]);
    const versions = log.filter(({ topic }) => topic === 'engine').map(({ payload }) => JSON.parse(payload).version);
    expect(versions).toEqual([versions[0], `next-${versions[0]}`, versions[0]]);
    const clocks = log
      .filter(({ topic }) => topic === 'clock')
      .map(({ payload }) => payload.includes('"release":"next"'));
    expect(clocks.filter((isNext, i) => isNext !== clocks[i - 1]).length).toBe(3);
  }, 120_000);
});
