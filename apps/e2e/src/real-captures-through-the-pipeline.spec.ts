import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { L2Book } from '@depthcast/book';
import { compareInboxIds, readTip } from '@depthcast/log';
import { parseEvent, Scale } from '@depthcast/protocol';
import { SseClient, until } from '@depthcast/testing';
import { afterEach, describe, expect, it } from '@jest/globals';
import { TestStack } from './stack.ts';

const DATA = process.env.DEPTHCAST_DATA ?? fileURLToPath(new URL('../../../../shared/data', import.meta.url));
const CAPTURES = [
  { file: 'spot_btcusdt_20240808.gz', symbol: 'BTCUSDT', comparisons: 564 },
  { file: 'usdm_btcusdt_20240808.gz', symbol: 'BTCUSDT.P', comparisons: 629 },
];

let stack: TestStack | undefined;
afterEach(async () => {
  await stack?.stop();
  stack = undefined;
});

describe('a recorded capture, through ingest, engine and gateway as processes', () => {
  for (const { file, symbol, comparisons } of CAPTURES) {
    const path = join(DATA, 'binance', file);
    const here = existsSync(path);
    (here ? it : it.skip)(
      `${file}: the log's book has the venue's own best bid and offer at every common update${here ? '' : ` (skipped: ${path} is not there)`}`,
      async () => {
        stack = await TestStack.start({
          ingest: { SOURCE: 'replay', REPLAY_FILE: path, REPLAY_SPEED: 'max' },
          // One snapshot at the start and none after it: the whole inbox stays to be compared with.
          engine: { SNAPSHOT_EVERY_MS: '3600000', SNAPSHOT_EVERY_EVENTS: '1000000000' },
        });
        const { client, keys } = stack;
        const { inputs: sent } = await stack.ingest.line((line) => line.msg === 'the capture is over', 120_000);
        await until(async () => (await client.xlen(keys.inbox)) >= Number(sent), 60_000, 'all inputs in the inbox');
        const inputs = await client.xrange(keys.inbox, '-', '+');
        const last = inputs.findLast(([, [topic]]) => topic === 'clock' || topic?.startsWith('trade:'))?.[0] as string;
        const reached = async () => compareInboxIds((await readTip(client, keys))?.inboxId ?? '0-0', last) >= 0;
        await until(reached, 60_000, 'the engine reaching the last input');

        const quotes = new Map<number, { bid: [string, string]; ask: [string, string] }>();
        for (const [, [topic, payload = '']] of inputs) {
          if (!topic?.startsWith('quote:')) continue;
          const { last, bidPrice, bidQty, askPrice, askQty } = JSON.parse(payload);
          quotes.set(last, { bid: [bidPrice, bidQty], ask: [askPrice, askQty] });
        }
        expect(compared(await stack.log(), symbol, quotes)).toBeGreaterThanOrEqual(comparisons);

        const view = await SseClient.connect(stack.url(0, `/stream?streams=${symbol}:MBP:10`));
        const { data } = await view.next('market_data');
        expect(JSON.parse(data).data.bids).toHaveLength(10);
        view.close();
      },
      200_000,
    );
  }
});

/** Rebuilds the book from the log alone; at each update that the venue quoted too, the best of both sides is equal. */
function compared(
  log: readonly { topic: string; payload: string }[],
  symbol: string,
  quotes: ReadonlyMap<number, { bid: [string, string]; ask: [string, string] }>,
): number {
  let book: L2Book | undefined;
  let count = 0;
  for (const { topic, payload } of log) {
    if (topic !== `book_change:${symbol}`) continue;
    const change = parseEvent('book_change', payload);
    if (change.is_snapshot) {
      const [price, qty] = change.bids[0] as [string, string];
      book = new L2Book(Scale.ofText(price), Scale.ofText(qty));
      book.replace(change.bids, change.asks);
    } else book?.apply(change.bids, change.asks);
    const quote = quotes.get(change.last);
    if (!quote || !book) continue;
    const exact = ([price, qty]: readonly string[]) => [
      book?.priceScale.parse(price as string),
      book?.sizeScale.parse(qty as string),
    ];
    expect([change.last, exact(book.wireLevels('bid', 1)[0] as string[])]).toEqual([change.last, exact(quote.bid)]);
    expect([change.last, exact(book.wireLevels('ask', 1)[0] as string[])]).toEqual([change.last, exact(quote.ask)]);
    if (change.checksum !== undefined) expect(book.checksum()).toBe(change.checksum);
    count++;
  }
  return count;
}
