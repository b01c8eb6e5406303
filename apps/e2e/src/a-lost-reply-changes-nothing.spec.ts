import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { expectWhole } from './log-checks.ts';
import { RoamingClient } from './roaming-client.ts';
import { TestStack } from './stack.ts';

/** The writes, by what stands on the wire: how many keys the script is called with, and the first of them. */
const WRITES = {
  append: { keys: 2, first: 'depthcast:{0}:log' },
  inbox: { keys: 1, first: 'depthcast:{0}:inbox' },
  snapshot: { keys: '\\d+', first: 'depthcast:{0}:snapshot' },
};
const LOSSES = 8;

let stack: TestStack;

beforeAll(async () => {
  stack = await TestStack.start({
    proxied: true,
    gateways: 1,
    ingest: { SIMULATOR_RATE: '500' },
    engine: { SNAPSHOT_EVERY_MS: '200' },
  });
}, 60_000);
afterAll(() => stack?.stop());

describe('a proxy that drops the reply of', () => {
  it.each(Object.entries(WRITES))(
    '%s: no exit, no hole, no duplicate',
    async (_kind, { keys, first }) => {
      const call = new RegExp(
        `evalsha\\r\\n\\$40\\r\\n[0-9a-f]{40}\\r\\n\\$\\d\\r\\n${keys}\\r\\n\\$\\d+\\r\\n${escaped(first)}\\r\\n`,
        'i',
      );
      const client = new RoamingClient(() => [stack.url(0, '/api/stream?types=all&last_id=0')]);
      const swallow = stack.proxy.swallowReplyOf((request) => call.test(request.toString('latin1')), { count: LOSSES });
      await swallow.done;
      await new Promise((resolve) => setTimeout(resolve, 1_500));
      await client.stop();

      expect(swallow.swallowed).toBe(LOSSES);
      expect([stack.engine, stack.ingest, ...stack.gateways].map((app) => app.running)).toEqual([true, true, true]);
      const log = await stack.log();
      expectWhole(log);
      expect(new Set(log.map(({ id }) => id.split('-')[0])).size).toBe(1);
      expect(client.problems).toEqual([]);
      expect(client.events.map(({ id }) => id)).toEqual(log.slice(0, client.events.length).map(({ id }) => id));
      expect(client.events.length).toBeGreaterThan(500);
    },
    60_000,
  );
});

function escaped(text: string): string {
  return text.replace(/[{}:]/g, '\\$&');
}
