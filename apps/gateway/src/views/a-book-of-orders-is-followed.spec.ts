import { OrderReplica } from '@depthcast/book';
import type { LogEvent } from '@depthcast/protocol';
import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { TopicTable } from '../fanout/topics.ts';
import { OrderFeed } from '../testing/order-feed.ts';
import { MarketState } from './market-state.ts';

/** A gateway's state, fed with events. */
class Follower {
  readonly mismatches: string[] = [];
  readonly changed: string[] = [];
  readonly state = new MarketState({
    onMismatch: (symbol, reason) => this.mismatches.push(`${symbol}: ${reason}`),
    onBookChanged: ({ symbol }) => this.changed.push(symbol),
  });
  readonly #topics = new TopicTable();
  offset = 0;

  feed(...events: readonly LogEvent[]): void {
    for (const { topic, payload } of events) {
      const entry = { epoch: 1, offset: this.offset++, topic, payload: Buffer.from(payload) };
      this.state.apply(entry, this.#topics.of(topic, entry.payload));
    }
    this.state.endBatch();
  }

  get replica() {
    return this.state.book('A');
  }

  get memory() {
    return (this.replica as OrderReplica).book?.memory();
  }
}

const without = (event: LogEvent, member: RegExp): LogEvent => ({
  ...event,
  payload: event.payload.replace(member, ''),
});

describe('the replica of a book of orders', () => {
  it('is the book after any orders, and after a restart anywhere, from a stored book of anywhere before', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 120 }),
        fc.nat(119),
        fc.nat(30),
        fc.nat(6),
        (count, storedAt, ahead, seed) => {
          const feed = new OrderFeed('A');
          const early = new Follower();
          const late = new Follower();
          const log = [...feed.begin()];
          early.feed(...log);
          let stored = { symbol: 'A', cursor: { epoch: 1, offset: log.length - 1 }, state: feed.stored() };
          for (let n = 0; n < count; n++) {
            const events = feed.change(n * (seed + 1));
            early.feed(...events);
            log.push(...events);
            if (n === storedAt)
              stored = { symbol: 'A', cursor: { epoch: 1, offset: log.length - 1 }, state: feed.stored() };
          }
          // It may read from before the stored book: what is in it must not be applied again.
          late.offset = Math.max(0, stored.cursor.offset + 1 - ahead);
          late.state.restart([stored]);
          late.feed(...log.slice(late.offset));
          for (const follower of [early, late]) {
            expect(follower.mismatches).toEqual([]);
            expect(follower.memory).toEqual(feed.book.memory());
            expect(follower.replica).toMatchObject({
              kind: 'orders',
              status: 'synced',
              last: feed.last,
              tsEventUs: feed.tsUs,
              cursor: { epoch: 1, offset: log.length - 1 },
            });
          }
        },
      ),
    );
  });

  it.each([
    ['a lost order', (events: LogEvent[]) => events.filter(({ topic }) => topic !== 'book_order:A')],
    [
      'a size that is another',
      (events: LogEvent[]) =>
        events.map((event) => ({ ...event, payload: event.payload.replace(/"qty":"\d+/, '"qty":"77') })),
    ],
  ])('knows %s by the next checksum, says so once, and is right again with the next whole book', (_, tamper) => {
    const feed = new OrderFeed('A');
    const follower = new Follower();
    follower.feed(...feed.begin());
    follower.feed(...tamper(feed.change(7)));
    expect(follower.mismatches).toHaveLength(1);
    for (const n of [0, 1, 2, 7, 8]) follower.feed(...feed.change(n));
    expect(follower.mismatches).toHaveLength(1);
    expect(follower.memory).not.toEqual(feed.book.memory());
    expect(follower.replica?.isSuspect).toBe(true);
    follower.feed(feed.snapshot());
    expect(follower.replica?.isSuspect).toBe(false);
    expect(follower.memory).toEqual(feed.book.memory());
    follower.feed(...tamper(feed.change(7)), ...feed.change(1), ...feed.change(2));
    expect(follower.mismatches).toHaveLength(2);
    follower.feed(...feed.whole(), ...feed.change(3));
    expect(follower.memory).toEqual(feed.book.memory());
    expect(follower.replica?.isSuspect).toBe(false);
    expect(follower.mismatches).toHaveLength(2);
  });

  it('knows orders that have changed places by the checksum of orders, which that of levels cannot', () => {
    const feed = new OrderFeed('A');
    const swapped = new OrderFeed('A');
    const begin = feed.begin();
    swapped.begin();
    feed.book.add('x', 'bid', 1_001, 1, feed.tsUs);
    feed.book.add('y', 'bid', 1_001, 2, feed.tsUs);
    swapped.book.add('x', 'bid', 1_001, 2, feed.tsUs);
    swapped.book.add('y', 'bid', 1_001, 1, feed.tsUs);
    const [order, levels] = swapped.change(0) as [LogEvent, LogEvent];
    const [blind, follower] = [new Follower(), new Follower()];
    for (const it of [blind, follower]) it.feed(...begin, ...feed.whole());
    blind.feed(without(order, /,"checksum":\d+/), levels);
    expect(blind.mismatches).toEqual([]);
    follower.feed(order, levels);
    expect(follower.mismatches).toEqual([expect.stringContaining('checksum of the orders differs')]);
  });

  it('takes no minute snapshot while it is sound, nor one that has no orders', () => {
    const feed = new OrderFeed('A');
    const follower = new Follower();
    follower.feed(...feed.begin());
    const other = new OrderFeed('A');
    follower.feed(other.snapshot());
    expect(follower.memory).toEqual(feed.book.memory());
    (follower.replica as OrderReplica).isSuspect = true;
    follower.feed(without(other.snapshot(), /,"bid_orders".*(?=\})/));
    expect(follower.memory).toEqual(feed.book.memory());
    expect(follower.replica?.isSuspect).toBe(true);
  });

  it('keeps the old orders while the levels of a new beginning are there and its orders are not', () => {
    const feed = new OrderFeed('A');
    const follower = new Follower();
    follower.feed(...feed.begin());
    const next = new OrderFeed('A');
    next.begin();
    next.change(0);
    const [levels, orders] = next.whole() as [LogEvent, LogEvent];
    follower.feed(levels);
    expect(follower.memory).toEqual(feed.book.memory());
    follower.feed(orders);
    expect(follower.memory).toEqual(next.book.memory());
    expect(follower.mismatches).toEqual([]);
  });

  it('shows whole inputs: a change is one when its book_change has come', () => {
    const feed = new OrderFeed('A');
    const follower = new Follower();
    follower.feed(...feed.begin());
    for (let n = 0; n < 40; n++) {
      const events = feed.change(n);
      const version = follower.replica?.version;
      follower.changed.length = 0;
      follower.feed(...events.slice(0, -1));
      expect(follower.changed).toEqual([]);
      expect(follower.replica?.version).toBe(version);
      follower.feed(...events.slice(-1));
      expect(follower.changed).toEqual(['A']);
    }
  });
});

describe('what a symbol’s book is made of', () => {
  const levels = `"is_snapshot":true,"first":1,"last":1,"bids":[["1.0","1.0"]],"asks":[]`;
  const bookChange = { topic: 'book_change:A', payload: `{"symbol":"A","ts_ns":1704067200000000000,${levels}}` };

  it('is not known of a symbol that has only been named, until its book is', () => {
    const follower = new Follower();
    follower.feed({ topic: 'market:A', payload: '{}' });
    expect(follower.replica?.kind).toBeUndefined();
    follower.feed(bookChange);
    expect(follower.replica?.kind).toBe('levels');
  });

  it('is known by the symbol event, before there is a book', () => {
    const { definition } = new OrderFeed('A');
    const follower = new Follower();
    follower.feed({ ...definition, payload: definition.payload.replace('"orders"', '"levels"') });
    expect(follower.replica).toMatchObject({ kind: 'levels', book: undefined });
    follower.feed(definition);
    expect(follower.replica?.kind).toBe('orders');
    expect((follower.replica as OrderReplica).book?.orderCount).toBe(0);
  });

  it('is known by its events where nothing has defined it, and the first whole book is taken', () => {
    for (const isWholeFirst of [true, false]) {
      const feed = new OrderFeed('A');
      const [, , levelsEvent, orders, status] = feed.begin() as [LogEvent, LogEvent, LogEvent, LogEvent, LogEvent];
      const follower = new Follower();
      follower.feed({ topic: 'market:A', payload: '{}' });
      if (isWholeFirst) follower.feed(levelsEvent, orders, status);
      else follower.feed(status, ...feed.change(0), ...feed.change(1), feed.snapshot());
      follower.feed(...feed.change(2), ...feed.change(4));
      expect(follower.replica).toMatchObject({ kind: 'orders', status: 'synced' });
      expect(follower.memory).toEqual(feed.book.memory());
      expect(follower.mismatches).toEqual([]);
    }
  });

  it('is still known when the tail begins anew without a stored book, and the book is not', () => {
    const feed = new OrderFeed('A');
    const follower = new Follower();
    follower.feed(...feed.begin());
    follower.state.restart([]);
    expect(follower.replica).toMatchObject({ kind: 'orders', book: undefined, status: 'buffering' });
    follower.offset = 0;
    const again = new OrderFeed('A');
    follower.feed(...again.begin(), ...again.change(0));
    expect(follower.memory).toEqual(again.book.memory());
    expect(follower.mismatches).toEqual([]);
  });

  it('begins empty when tick or step are others, and goes on when only the rules are', () => {
    const feed = new OrderFeed('A');
    const follower = new Follower();
    follower.feed(...feed.begin());
    const changed = (from: string, to: string) => ({
      ...feed.definition,
      payload: feed.definition.payload.replace(from, to),
    });
    follower.feed(changed('"tick":"0.1"', '"tick":"0.10"'), changed('"venue":"test"', '"venue":"other"'));
    expect(follower.memory).toEqual(feed.book.memory());
    expect(follower.replica?.definition?.venue).toBe('other');
    follower.feed(changed('"tick":"0.1"', '"tick":"0.05"'));
    expect(follower.memory).toEqual({ bids: [], asks: [] });
    expect((follower.replica as OrderReplica).book?.priceScale.step).toBe('0.05');
    follower.feed(changed('"book":"orders"', '"book":"levels"'), bookChange);
    expect(follower.replica?.kind).toBe('levels');
    expect(follower.replica?.book?.wireLevels('bid')).toEqual([['1.0', '1.0']]);
    expect(follower.mismatches).toEqual([]);
  });

  it('is what the stored book says, which an older engine did not', () => {
    const follower = new Follower();
    const feed = new OrderFeed('A');
    feed.begin();
    const cursor = { epoch: 1, offset: 5 };
    const old = { tick: '0.10', step: '1', status: 'synced', last: 1, tsEventUs: 1, bids: [['1.5', '2']], asks: [] };
    follower.state.restart([
      { symbol: 'A', cursor, state: feed.stored() },
      { symbol: 'B', cursor, state: JSON.stringify(old) },
    ]);
    expect(follower.replica).toMatchObject({ kind: 'orders', definition: { venue: 'test', tick: '0.1' } });
    expect(follower.state.book('B')).toMatchObject({ kind: 'levels', definition: { venue: undefined, tick: '0.1' } });
    follower.state.restart([{ symbol: 'C', cursor, state: '{"tick":"x"}' }]);
    expect(follower.mismatches).toHaveLength(1);
    expect(follower.state.book('C')).toMatchObject({ kind: undefined, book: undefined });
  });
});
