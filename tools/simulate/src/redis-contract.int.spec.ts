import { connectRedis, scripts } from '@depthcast/log';
import { startRedis, type TestRedis } from '@depthcast/testing';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { commandCases } from './contract/command-cases.ts';
import { callAll, lines, sayAll, scriptCalls } from './contract/random-lines.ts';
import { begin, digestCases, scriptCases } from './contract/script-cases.ts';
import type { Observed, Session } from './contract/session.ts';
import { calmClient } from './network/calm-network.ts';
import { SimulatedRedis } from './redis/simulated-redis.ts';

/** What is simulated is held to the real one: each case is carried out on both, and must be seen alike. */
let redis: TestRedis;
let real: Session & { close(): void };

beforeAll(async () => {
  redis = await startRedis();
  const client = connectRedis(redis.url);
  const runId = /run_id:(\w+)/.exec(await client.info('server'))?.[1] ?? '';
  real = {
    client,
    runId,
    connect: () => connectRedis(redis.url),
    limitMemory: async (bytes) => void (await client.call('CONFIG', ['SET', 'maxmemory', bytes])),
    close: () => client.disconnect(),
  };
});
afterAll(async () => {
  real.close();
  await redis.stop();
});

function simulated(): Session {
  const server = new SimulatedRedis({ runId: 'f'.repeat(40) });
  return {
    client: calmClient(server).asRedisClient,
    runId: server.runId,
    connect: () => calmClient(server).asRedisClient,
    limitMemory: async (bytes) => {
      server.maxMemoryBytes = bytes;
    },
  };
}

/** @returns what both have shown. */
async function alike(show: (session: Session) => Promise<Observed>): Promise<Observed> {
  await real.client.flushall();
  await real.client.call('SCRIPT', ['FLUSH']);
  const [wanted, got] = await Promise.all([show(real), show(simulated())]);
  expect(got).toEqual(wanted);
  return wanted;
}

describe('commands', () => {
  for (const [name, show] of Object.entries({ ...commandCases, ...digestCases })) it(name, () => alike(show));
});

describe.each(Object.entries(scriptCases))('%s', (script, cases) => {
  const refusals = new Set<string>();
  for (const [name, show] of Object.entries(cases)) {
    it(name, async () => {
      const { reply } = (await alike(show)) as { reply?: unknown };
      if (Array.isArray(reply) && reply[0] === 'FENCED') refusals.add(String(reply[1]));
      if (Array.isArray(reply) && reply[0] === 'REFUSED') refusals.add(String(reply[1]).split(' ')[0] as string);
    });
  }

  it('has shown every refusal that the script names', () => {
    const named = [...(scripts.get(script)?.lua.matchAll(/-- check: (\S+)/g) ?? [])].map((match) => match[1]);
    // Those of trimming only say how far; they refuse nothing.
    const bounds = ['trim/snapshot', 'trim/watermark', 'retire/snapshot', 'retire/back'];
    expect(named.filter((check) => !bounds.includes(`${script}/${check}`)).sort()).toEqual([...refusals].sort());
  });
});

it('every script of libs/log has its cases', () => {
  expect(Object.keys(scriptCases).sort()).toEqual([...scripts.keys()].sort());
});

describe('any sequence', () => {
  it('of commands is answered alike', async () => {
    await fc.assert(
      fc.asyncProperty(lines, async (given) => {
        await alike((session) => sayAll(session, given));
      }),
      { numRuns: 100 },
    );
  }, 60_000);

  it('of script calls is answered alike', async () => {
    await fc.assert(
      fc.asyncProperty(scriptCalls, async (calls) => {
        await alike(async (session) => {
          await begin(session);
          return callAll(session, calls);
        });
      }),
      { numRuns: 60 },
    );
  }, 60_000);
});
