import { existsSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { gunzipSync } from 'node:zlib';
import { L2Book } from '@depthcast/book';
import { type DepthRule, type Input, inputTopic, Scale } from '@depthcast/protocol';
import { describe, expect, it } from '@jest/globals';
import { Market } from './market.ts';

const DATA = process.env.DEPTHCAST_DATA ?? fileURLToPath(new URL('../../../../shared/data/binance', import.meta.url));
const recorded = existsSync(DATA);
if (!recorded) console.warn(`captures are skipped: there is no folder ${DATA}`);

/** A recorded session as inbox entries, with a clock input for every second that it was received in. */
function entriesOf(file: string, symbol: Input & { type: 'symbol' }): [string, string][] {
  const entries: [string, string][] = [];
  const push = (input: object) => {
    const stamped = { ...input, src: 'capture', seq: entries.length + 1 } as Input;
    entries.push([inputTopic(stamped as { type: string }), JSON.stringify(stamped)]);
  };
  push(symbol);
  let second = 0;
  for (const line of gunzipSync(readFileSync(file)).toString().trimEnd().split('\n')) {
    const tsRecvUs = Number(line.slice(0, line.indexOf(' ') - 3));
    const { data, ...snapshot } = JSON.parse(line.slice(line.indexOf(' ') + 1));
    if (Math.floor(tsRecvUs / 1e6) > second) {
      second = Math.floor(tsRecvUs / 1e6);
      push({ type: 'clock', tsRecvUs, second });
    }
    const from = { symbol: symbol.symbol, tsRecvUs, tsEventUs: (data?.E ?? 0) * 1_000 || tsRecvUs };
    if (data === undefined)
      push({ ...from, type: 'depth_snapshot', last: snapshot.lastUpdateId, bids: snapshot.bids, asks: snapshot.asks });
    else if (data.e === 'depthUpdate')
      push({ ...from, type: 'depth', first: data.U, last: data.u, prev: data.pu, bids: data.b, asks: data.a });
    else if (data.e === 'trade')
      push({ ...from, type: 'trade', tradeId: data.t, price: data.p, qty: data.q, side: data.m ? 'SELL' : 'BUY' });
    else
      push({
        ...from,
        type: 'quote',
        last: data.u,
        bidPrice: data.b,
        bidQty: data.B,
        askPrice: data.a,
        askQty: data.A,
      });
  }
  return entries;
}

describe("books rebuilt from a capture's book_change events agree with the venue's own best bid and offer", () => {
  (recorded ? it : it.skip).each([
    ['spot', 'spot_btcusdt_20240808.gz', '0.01', '0.00000001', 564],
    ['usdm', 'usdm_btcusdt_20240808.gz', '0.1', '0.001', 629],
  ] as [DepthRule, string, string, string, number][])('%s', (depthRule, name, tick, step, comparisonsMin) => {
    const file = `${DATA}/${name}`;
    const market = new Market();
    // A reader of the log knows the scales from the wire text alone.
    const book = new L2Book(Scale.ofStep(tick), Scale.ofStep(step));
    const quotes = new Map<number, string>();
    const bests = new Map<number, string>();
    let checksums = 0;
    const symbol = {
      src: 'capture',
      seq: 1,
      tsRecvUs: 0,
      type: 'symbol',
      symbol: 'BTCUSDT',
      venue: 'binance',
      tick,
      step,
      depthRule,
      quotes: true,
    } as const;
    for (const [topic, payload] of entriesOf(file, symbol)) {
      for (const event of market.applyEntry(topic, payload)) {
        if (event.topic === 'bbo:BTCUSDT') {
          const { bidPrice, bidQty, askPrice, askQty } = JSON.parse(event.payload);
          quotes.set(JSON.parse(payload).last, [bidPrice, bidQty, askPrice, askQty].join());
        } else if (event.topic === 'book_change:BTCUSDT') {
          const change = JSON.parse(event.payload);
          if (change.is_snapshot) book.replace(change.bids, change.asks);
          else book.apply(change.bids, change.asks);
          bests.set(change.last, [...book.wireLevels('bid', 1), ...book.wireLevels('ask', 1)].join());
          if (change.checksum !== undefined) {
            checksums++;
            expect(book.checksum()).toBe(change.checksum);
          }
        } else expect(event.topic).not.toContain('error');
      }
    }
    const compared = [...bests].filter(([id]) => quotes.has(id));
    expect(compared.filter(([id, best]) => quotes.get(id) !== best)).toEqual([]);
    expect(compared.length).toBeGreaterThanOrEqual(comparisonsMin);
    expect(checksums).toBeGreaterThan(200);
    expect(market.books()[0]?.book).toMatchObject({
      status: 'synced',
      bids: book.wireLevels('bid'),
      asks: book.wireLevels('ask'),
    });
    expect(market.rejectedInputs).toBe(0);
  });
});
