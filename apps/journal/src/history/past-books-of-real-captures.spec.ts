import { readFileSync } from 'node:fs';
import { gunzipSync } from 'node:zlib';
import { OrderReplica } from '@depthcast/book';
import { Market } from '@depthcast/market';
import { type Cursor, type DepthRule, type Input, inputTopic } from '@depthcast/protocol';
import { findCapture } from '@depthcast/testing';
import { describe, expect, it } from '@jest/globals';
import { MemoryHistory } from '../testing/memory-history.ts';
import { PastBooks } from './past-books.ts';

const SYMBOL = 'BTCUSDT';
const MOMENTS = 40;

/** What was received in a recorded session, as the ingest would have sent it, with a clock input for every second. */
function* inputsOf(file: string, depthRule: DepthRule, tick: string, step: string): Generator<object> {
  yield { type: 'symbol', symbol: SYMBOL, venue: 'binance', tick, step, depthRule, quotes: true, tsRecvUs: 0 };
  let second = 0;
  for (const line of gunzipSync(readFileSync(file)).toString().trimEnd().split('\n')) {
    const tsRecvUs = Number(line.slice(0, line.indexOf(' ') - 3));
    const { data, ...whole } = JSON.parse(line.slice(line.indexOf(' ') + 1));
    if (Math.floor(tsRecvUs / 1e6) > second) {
      second = Math.floor(tsRecvUs / 1e6);
      yield { type: 'clock', tsRecvUs, second };
    }
    const from = { symbol: SYMBOL, tsRecvUs, tsEventUs: (data?.E ?? 0) * 1_000 || tsRecvUs };
    if (data === undefined) {
      yield { ...from, type: 'depth_snapshot', last: whole.lastUpdateId, bids: whole.bids, asks: whole.asks };
    } else if (data.e === 'depthUpdate') {
      yield { ...from, type: 'depth', first: data.U, last: data.u, prev: data.pu, bids: data.b, asks: data.a };
    } else if (data.e === 'trade') {
      yield { ...from, type: 'trade', tradeId: data.t, price: data.p, qty: data.q, side: data.m ? 'SELL' : 'BUY' };
    }
  }
}

describe('a past book of a real session', () => {
  it.each([
    ['spot', 'spot_btcusdt_20240808.gz', '0.01', '0.00000001'],
    ['usdm', 'usdm_btcusdt_20240808.gz', '0.1', '0.001'],
  ] as const)('is the live one of then, at many moments: %s', async (depthRule, name, tick, step) => {
    const file = findCapture(name);
    if (file === undefined) {
      console.warn(`skipped: the capture ${name} is not here`);
      return;
    }
    const history = new MemoryHistory();
    history.add({ topic: 'epoch', payload: '{"type":"epoch","epoch":1,"previous_tail":null,"reason":"start"}' });
    const market = new Market();
    const live: { at: Cursor; bids: unknown; asks: unknown; last: number }[] = [];
    let seq = 0;
    for (const input of inputsOf(file, depthRule, tick, step)) {
      const stamped = { ...input, src: 'capture', seq: ++seq } as Input;
      history.add(...market.applyEntry(inputTopic(stamped as { type: string }), JSON.stringify(stamped)));
      // Steps that no period of the session's own falls in with.
      if (seq % 199 !== 0) continue;
      const book = market.books()[0]?.book;
      if (book?.status === 'synced')
        live.push({ at: history.tail as Cursor, bids: book.bids, asks: book.asks, last: book.last });
    }
    expect(live.length).toBeGreaterThan(MOMENTS);
    expect(history.rows.filter(({ type }) => type === 'book_snapshot').length).toBeGreaterThan(1);
    const books = new PastBooks(history, 1);
    for (let n = 0; n < MOMENTS; n++) {
      const { at, bids, asks, last } = live[Math.floor((n * live.length) / MOMENTS)] as (typeof live)[number];
      const replica = await books.asOf(SYMBOL, at);
      expect(replica).not.toBeInstanceOf(OrderReplica);
      expect({ at, last: replica.last }).toEqual({ at, last });
      expect(replica.book?.wireLevels('bid')).toEqual(bids);
      expect(replica.book?.wireLevels('ask')).toEqual(asks);
    }
  });
});
