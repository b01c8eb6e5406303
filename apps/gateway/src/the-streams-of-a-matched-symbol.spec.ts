import { Market } from '@depthcast/market';
import type { Input, UnstampedInput } from '@depthcast/protocol';
import { afterEach, describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import type { Gateway } from './gateway.ts';
import { BookFollower } from './testing/book-feed.ts';
import { connectStreams, EPOCH, gatewayOf } from './testing/memory-gateway.ts';
import { MemoryLog } from './testing/memory-log.ts';
import { settle } from './testing/memory-sink.ts';
import { OrderFollower } from './testing/order-feed.ts';

const SYMBOL = 'SIMUSD';
const START_S = 1_704_067_200;

/** The engine's market and the log that it writes. */
class Venue {
  readonly market = new Market();
  readonly log = new MemoryLog();
  #seq = 0;

  constructor() {
    this.log.openEpoch(EPOCH);
    const trading = { baseAsset: 'BTC', quoteAsset: 'USD', lot: '0.1', minQty: '0.1', maxQty: '100', minNotional: '1' };
    this.apply({
      ...{
        type: 'symbol',
        symbol: SYMBOL,
        venue: 'sim',
        tick: '0.1',
        step: '0.1',
        depthRule: 'matched',
        quotes: false,
      },
      ...{ trading, tsRecvUs: START_S * 1_000_000 },
    });
    this.feed('up', 0);
  }

  apply(input: UnstampedInput): void {
    const events = this.market.apply({ ...input, src: 'test', seq: ++this.#seq } as Input);
    for (const { topic, payload } of events) this.log.append(topic, payload);
  }

  feed(status: 'up' | 'down', n: number): void {
    this.apply({ ...this.#base(n), type: 'feed', status, reason: '' });
  }

  clock(n: number): void {
    this.apply({ type: 'clock', second: START_S + n, tsRecvUs: (START_S + n) * 1_000_000 });
  }

  /** An order, a cancel or an amend, of the flow or of alice. */
  flow(n: number, random: number): void {
    const base = this.#base(n);
    const isPaper = random % 5 === 0;
    const whose = isPaper ? { account: 'alice' } : {};
    const older = `${isPaper ? 'p' : 'f'}${n - 1 - (random % 20)}`;
    const price = (10 + ((random >> 3) % 11) / 10 - 0.5).toFixed(1);
    const qty = (1 + ((random >> 5) % 30) / 10).toFixed(1);
    const side = random % 2 === 0 ? 'BUY' : 'SELL';
    if (random % 7 === 1) this.apply({ ...base, ...whose, type: 'cancel', orderId: older });
    else if (random % 7 === 2) this.apply({ ...base, type: 'amend', orderId: older, price, qty });
    else if (random % 7 === 3) this.apply({ ...base, ...whose, type: 'order', orderId: `m${n}`, side, qty });
    else this.apply({ ...base, ...whose, type: 'order', orderId: `${isPaper ? 'p' : 'f'}${n}`, side, qty, price });
  }

  store(): void {
    const cursor = this.log.last as { epoch: number; offset: number };
    this.log.storedBooks = this.market
      .books()
      .map(({ symbol, book }) => ({ symbol, cursor, state: JSON.stringify(book) }));
  }

  #base(n: number) {
    const tsEventUs = START_S * 1_000_000 + n * 1_000;
    return { symbol: SYMBOL, tsEventUs, tsRecvUs: tsEventUs };
  }
}

const gateways: Gateway[] = [];

afterEach(async () => {
  for (const gateway of gateways.splice(0)) await gateway.stop();
});

describe('L2 and L3 of a matched symbol', () => {
  it('give the engine’s own book, over connections to gateways that start from stored books', async () => {
    let orders = 0;
    const leg = fc.record({
      randoms: fc.array(fc.nat(1 << 20), { minLength: 20, maxLength: 80 }),
      next: fc.constantFrom('store', 'feed', 'clock', 'nothing'),
    });
    await fc.assert(
      fc.asyncProperty(fc.array(leg, { minLength: 1, maxLength: 6 }), async (legs) => {
        const venue = new Venue();
        const warnings: string[] = [];
        const l2 = new BookFollower();
        const l3 = new OrderFollower();
        let lastId: string | undefined;
        let n = 0;
        for (const { randoms, next } of legs) {
          const gateway = gatewayOf(venue.log, undefined, warnings);
          gateways.push(gateway);
          await settle();
          const { sink, close } = connectStreams(gateway, `${SYMBOL}:L3,${SYMBOL}:L2,${SYMBOL}:MBO:5`, { lastId });
          for (const random of randoms) venue.flow(++n, random);
          if (next === 'store') venue.store();
          if (next === 'clock') venue.clock(n);
          if (next === 'feed') for (const status of ['down', 'up'] as const) venue.feed(status, ++n);
          await settle(60);
          for (const { event, id, data } of sink.frames()) {
            lastId = id ?? lastId;
            l3.apply(event, data ?? '');
            if (event === 'book_change') l2.apply(data ?? '');
            if (event === 'book_order') orders++;
          }
          close();
        }
        const [{ book }] = venue.market.books() as [ReturnType<Market['books']>[number]];
        expect(l2.book?.wireLevels('bid')).toEqual(book.bids);
        expect(l2.book?.wireLevels('ask')).toEqual(book.asks);
        expect(l2.last).toBe(book.last);
        expect(l3.side('BUY')).toEqual(book.orders?.bids.map((order) => order.slice(0, 3).join(' ')));
        expect(l3.side('SELL')).toEqual(book.orders?.asks.map((order) => order.slice(0, 3).join(' ')));
        expect(warnings).toEqual([]);
        for (const gateway of gateways.splice(0)) await gateway.stop();
      }),
      { numRuns: 40 },
    );
    expect(orders).toBeGreaterThan(2_000);
  }, 60_000);
});
