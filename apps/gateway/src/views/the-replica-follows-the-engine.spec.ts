import { Market } from '@depthcast/market';
import type { Input, UnstampedInput } from '@depthcast/protocol';
import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { TopicTable } from '../fanout/topics.ts';
import { MarketState } from './market-state.ts';

const price = fc.integer({ min: 9_900, max: 10_100 }).map((cents) => (cents / 100).toFixed(2));
const size = fc.integer({ min: 0, max: 50 }).map((tenths) => (tenths / 10).toFixed(1));
const levels = fc.array(fc.tuple(price, size), { maxLength: 6 });
const diffs = fc.array(fc.record({ bids: levels, asks: levels, waitMs: fc.integer({ min: 1, max: 700 }) }), {
  maxLength: 60,
});

/** The engine's market, and a gateway's replica fed with its events alone. */
class Pair {
  readonly market = new Market();
  readonly mismatches: string[] = [];
  readonly state = new MarketState({ onMismatch: (symbol, reason) => this.mismatches.push(`${symbol}: ${reason}`) });
  readonly #topics = new TopicTable();
  #seq = 0;
  #offset = 0;

  apply(input: UnstampedInput): void {
    for (const event of this.market.apply({ ...input, src: 'test', seq: ++this.#seq } as Input)) {
      const entry = { epoch: 1, offset: this.#offset++, topic: event.topic, payload: Buffer.from(event.payload) };
      this.state.apply(entry, this.#topics.intern(event.topic));
    }
    this.state.endBatch();
  }

  get cursor() {
    return { epoch: 1, offset: this.#offset - 1 };
  }
}

describe('the replica', () => {
  it('is the engine’s book after any diffs, agrees with every checksum, and with a late joiner', () => {
    fc.assert(
      fc.property(diffs, fc.nat(60), (list, joinAt) => {
        const pair = new Pair();
        let nowUs = 1_704_067_200_000_000;
        const base = () => ({ symbol: 'BTCUSD', tsEventUs: nowUs, tsRecvUs: nowUs });
        pair.apply({
          ...base(),
          type: 'symbol',
          venue: 'test',
          tick: '0.01',
          step: '0.1',
          depthRule: 'spot',
          quotes: false,
        } as UnstampedInput);
        pair.apply({ ...base(), type: 'feed', status: 'up', reason: '' });
        pair.apply({
          ...base(),
          type: 'depth_snapshot',
          last: 10,
          bids: [['99.50', '1.0']],
          asks: [['100.50', '2.0']],
        });
        const late = new Pair();
        for (const [i, { bids, asks, waitMs }] of list.entries()) {
          nowUs += waitMs * 1_000;
          pair.apply({ ...base(), type: 'depth', first: 11 + i, last: 11 + i, bids, asks });
          if (i === joinAt) {
            const books = pair.market
              .books()
              .map(({ symbol, book }) => ({ symbol, cursor: pair.cursor, state: JSON.stringify(book) }));
            late.state.restart(books);
            expect(late.state.book('BTCUSD')?.book?.wireLevels('bid')).toEqual(
              pair.state.book('BTCUSD')?.book?.wireLevels('bid'),
            );
          }
        }
        const [engine] = pair.market.books();
        const replica = pair.state.book('BTCUSD');
        expect(pair.mismatches).toEqual([]);
        expect(replica?.status).toBe('synced');
        expect(replica?.book?.wireLevels('bid')).toEqual(engine?.book.bids);
        expect(replica?.book?.wireLevels('ask')).toEqual(engine?.book.asks);
        expect(replica?.last).toBe(engine?.book.last);
      }),
    );
  });
});
