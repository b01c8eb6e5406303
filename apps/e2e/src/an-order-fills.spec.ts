import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { parseEvent } from '@depthcast/protocol';
import { SseClient, type SseFrame } from '@depthcast/testing';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { TestStack } from './stack.ts';

const run = promisify(execFile);

let stack: TestStack;

beforeAll(async () => {
  stack = await TestStack.start({ gateways: 2 });
}, 60_000);
afterAll(() => stack?.stop());

/** As a user at a terminal would. */
async function curl(path: string, ...args: string[]): Promise<{ status: number; body: Record<string, unknown> }> {
  const { stdout } = await run('curl', ['-sS', '-w', '\n%{http_code}', ...args, stack.url(0, path)]);
  const end = stdout.lastIndexOf('\n');
  return { status: Number(stdout.slice(end + 1)), body: JSON.parse(stdout.slice(0, end)) };
}

function post(order: object, query = '') {
  return curl(`/api/orders${query}`, '-H', 'content-type: application/json', '-d', JSON.stringify(order));
}

/** The frames of a stream up to an order's end. */
async function upToTheEndOf(stream: SseClient, id: string): Promise<SseFrame[]> {
  const frames: SseFrame[] = [];
  for (;;) {
    const frame = await stream.next((next) => next.dispatched, 10_000);
    frames.push(frame);
    if (frame.event === 'account' && frames.some(({ data }) => data.includes(id) && data.includes('"FILLED"')))
      return frames;
  }
}

describe('an order placed by curl at one gateway', () => {
  it('fills against the simulated market, and its events arrive in order at another', async () => {
    const types = 'order_update,fill,order_state,account,position';
    const stream = await SseClient.connect(stack.url(1, `/api/stream?types=${types}`));
    const order = { symbol: 'BTCUSD', side: 'BUY', qty: 2, price: 60_000, client_order_id: 'web-1234567890' };
    const { status, body } = await post(order);
    expect([status, body]).toMatchObject([202, { client_order_id: 'web-1234567890' }]);

    const frames = await upToTheEndOf(stream, 'web-1234567890');
    stream.close();
    expect(frames.slice(0, 2).map(({ event }) => event)).toEqual(['order_update', 'order_state']);
    const accepted = parseEvent('order_update', (frames[0] as SseFrame).data);
    expect(accepted).toMatchObject({ ...without(order, 'client_order_id'), status: 'ACCEPTED', reason: '' });
    const fills = frames.filter(({ event }) => event === 'fill').map(({ data }) => parseEvent('fill', data));
    expect(fills.reduce((sum, { qty }) => sum + qty, 0)).toBe(2);
    for (const { price } of fills) expect(price).toBeLessThanOrEqual(60_000);
    const states = frames
      .filter(({ event }) => event === 'order_state')
      .map(({ data }) => parseEvent('order_state', data));
    expect(states.at(-1)).toMatchObject({ status: 'FILLED', executed_qty: 2, order_qty: 2, limit_price: 60_000 });
    const ids = frames.map(({ id }) => Number(id?.split('-')[1]));
    expect(ids).toEqual([...ids].sort((a, b) => a - b));

    const account = await curl('/api/account');
    const btc = (account.body.balances as { asset: string; free: number }[]).find(({ asset }) => asset === 'BTC');
    expect(btc).toMatchObject({ free: 102, locked: 0 });
    const positions = await curl('/api/positions');
    expect(JSON.stringify(positions.body)).toContain('"qty":2');
  }, 60_000);

  it('sent again it is the same order; cancelled it is gone; unknown it is a 404', async () => {
    const resting = { symbol: 'BTCUSD', side: 'BUY', qty: 1, price: 20_000, client_order_id: 'resting-1' };
    const first = await post(resting, '?wait=ack');
    expect([first.status, first.body]).toMatchObject([200, { client_order_id: 'resting-1', status: 'ACCEPTED' }]);
    const again = await post(resting, '?wait=ack');
    expect([again.status, again.body]).toMatchObject([200, { client_order_id: 'resting-1', status: 'ACCEPTED' }]);
    expect(again.body.venue_order_id).toBe(first.body.venue_order_id);
    const account = await curl('/api/account');
    const usd = (account.body.balances as { asset: string; locked: number }[]).find(({ asset }) => asset === 'USD');
    expect(usd).toMatchObject({ locked: 20_000 });

    const cancelled = await curl('/api/orders/resting-1', '-X', 'DELETE');
    expect([cancelled.status, cancelled.body]).toMatchObject([200, { status: 'CANCELLED' }]);
    const gone = await curl('/api/orders/resting-1', '-X', 'DELETE');
    expect(gone.status).toBe(404);
  }, 60_000);
});

function without<T extends object, K extends keyof T>(object: T, key: K): Omit<T, K> {
  const { [key]: _, ...rest } = object;
  return rest;
}
