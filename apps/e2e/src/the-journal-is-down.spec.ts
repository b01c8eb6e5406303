import { SseClient, until } from '@depthcast/testing';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { firstDifference, RoamingClient } from './roaming-client.ts';
import { TestStack } from './stack.ts';
import { storedInFile } from './stored-rows.ts';

/** Redis gives nothing to producers at 80 % of this: 40 MB, which 5,000 events a second fill in some 15 s. */
const MEMORY = '50mb';
const ORDERS_PER_SECOND = '2500';
const ORDER = { symbol: 'BTCUSD', side: 'BUY', qty: 1, price: 60_000, time_in_force: 'IOC' };

let stack: TestStack;

beforeAll(async () => {
  stack = await TestStack.start({
    redis: ['--maxmemory', MEMORY],
    ingest: { SIMULATOR_RATE: ORDERS_PER_SECOND },
    engine: { SNAPSHOT_EVERY_MS: '1000' },
    gateway: { ORDER_SEND_MS: '500' },
    journal: {},
  });
}, 60_000);
afterAll(() => stack?.stop());

async function order(): Promise<number> {
  const headers = { 'content-type': 'application/json' };
  const url = stack.url(0, '/api/orders');
  return (await fetch(url, { method: 'POST', headers, body: JSON.stringify(ORDER) })).status;
}

async function usedShare(): Promise<number> {
  const info = await stack.redis.client().info('memory');
  const bytes = (name: string) => Number(new RegExp(`\\b${name}:(\\d+)`).exec(info)?.[1]);
  return bytes('used_memory') / bytes('maxmemory');
}

describe('while the journal is down', () => {
  it('producers hold back before memory is full, nothing is lost, and all drains by itself once it is back', async () => {
    const client = new RoamingClient(() => [stack.url(0, '/api/stream?types=all&last_id=0&account=default')]);
    await until(() => client.events.length > 5_000, 30_000, '5,000 events');
    expect(await order()).toBe(202);

    await stack.journal.kill();
    const [beganMs, began] = [Date.now(), client.events.length];
    const live = await SseClient.connect(stack.url(0, '/api/stream?types=book_status'));
    const stale = await live.next((frame) => frame.data.includes('"stale"'), 90_000);
    const eventsPerSecond = ((client.events.length - began) / (Date.now() - beganMs)) * 1_000;
    expect(JSON.parse(stale.data)).toMatchObject({ type: 'book_status', status: 'stale' });
    expect(await order()).toBe(503);
    // Held back is held back: neither does the memory that is left fill up, nor is anything trimmed to make room.
    const held = client.events.length;
    await new Promise((resolve) => setTimeout(resolve, 3_000));
    expect(client.events.length - held).toBeLessThan(1_000);
    expect(await usedShare()).toBeLessThan(1);
    const last = client.events.at(-1)?.id;

    stack.startJournal();
    await until(async () => (await order()) === 202, 30_000, 'orders being taken again');
    await until(() => client.events.length > held + 10_000, 30_000, 'events going on');
    live.close();
    await stack.ingest.stop();
    let size = -1;
    await until(
      async () => {
        const same = size === client.events.length;
        size = client.events.length;
        await new Promise((resolve) => setTimeout(resolve, 1_500));
        return same;
      },
      30_000,
      'the last event',
    );
    const tail = client.events.at(-1)?.id;
    await until(
      async () => (await stack.client.get(stack.keys.watermark)) === tail,
      30_000,
      `the watermark at ${tail}`,
    );
    await client.stop();
    await stack.journal.stop();
    console.log(
      `${client.events.length} events, ${Math.round(eventsPerSecond)}/s until producers held back at ${last}`,
    );
    const stored = await storedInFile(stack.journalFile);
    expect(client.problems).toEqual([]);
    expect(stored.holes).toBe(0);
    expect(stored.rows.filter(({ orphaned }) => orphaned)).toEqual([]);
    expect(firstDifference(client.events, stored.rows)).toBeUndefined();
  }, 240_000);
});
