import type { OrderReplica } from '@depthcast/book';
import { Market } from '@depthcast/market';
import type { Input, LogEvent, UnstampedInput } from '@depthcast/protocol';
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

/** The engine's market, and gateways' replicas fed with its events alone. */
class Pair {
  readonly market = new Market();
  readonly mismatches: string[] = [];
  /** Of gateways, the first from the beginning. */
  readonly states: MarketState[] = [];
  readonly events: LogEvent[] = [];
  readonly #topics = new TopicTable();
  #seq = 0;

  constructor() {
    this.#join();
  }

  get state(): MarketState {
    return this.states[0] as MarketState;
  }

  apply(input: UnstampedInput): void {
    for (const event of this.market.apply({ ...input, src: 'test', seq: ++this.#seq } as Input)) {
      const entry = { ...this.#end, topic: event.topic, payload: Buffer.from(event.payload) };
      this.events.push(event);
      for (const state of this.states) state.apply(entry, this.#topics.of(entry.topic, entry.payload));
    }
    for (const state of this.states) state.endBatch();
  }

  /** A gateway that starts now, from the books as the engine stores them, without any event before. */
  join(): void {
    const cursor = { epoch: 1, offset: this.events.length - 1 };
    const books = this.market.books().map(({ symbol, book }) => ({ symbol, cursor, state: JSON.stringify(book) }));
    this.#join().restart(books);
  }

  get #end() {
    return { epoch: 1, offset: this.events.length };
  }

  #join(): MarketState {
    const state = new MarketState({ onMismatch: (symbol, reason) => this.mismatches.push(`${symbol}: ${reason}`) });
    this.states.push(state);
    return state;
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
        for (const [i, { bids, asks, waitMs }] of list.entries()) {
          nowUs += waitMs * 1_000;
          pair.apply({ ...base(), type: 'depth', first: 11 + i, last: 11 + i, bids, asks });
          if (i === joinAt) pair.join();
        }
        const [engine] = pair.market.books();
        expect(pair.mismatches).toEqual([]);
        for (const state of pair.states) {
          const replica = state.book('BTCUSD');
          expect(replica?.status).toBe('synced');
          expect(replica?.book?.wireLevels('bid')).toEqual(engine?.book.bids);
          expect(replica?.book?.wireLevels('ask')).toEqual(engine?.book.asks);
          expect(replica?.last).toBe(engine?.book.last);
        }
      }),
    );
  });
});

const SYMBOL = 'SIMUSD';
const TRADING = { baseAsset: 'BTC', quoteAsset: 'USD', lot: '0.1', minQty: '0.1', maxQty: '100', minNotional: '1' };

const side = fc.constantFrom('BUY' as const, 'SELL' as const);
const near = fc.integer({ min: 95, max: 105 }).map((cents) => (cents / 10).toFixed(1));
const qty = fc.integer({ min: 1, max: 40 }).map((tenths) => (tenths / 10).toFixed(1));
const tif = fc.constantFrom('GTC' as const, 'GTC' as const, 'GTC' as const, 'IOC' as const, 'FOK' as const);
/** Few ids, so that cancels and amends meet an order. */
const id = fc.nat(25);
const account = fc.constantFrom(undefined, undefined, 'alice', 'bob');

const steps = fc.array(
  fc.oneof(
    {
      weight: 12,
      arbitrary: fc.record({ do: fc.constant('order' as const), account, id, side, qty, price: near, tif }),
    },
    { weight: 3, arbitrary: fc.record({ do: fc.constant('market' as const), account, id, side, qty }) },
    { weight: 4, arbitrary: fc.record({ do: fc.constant('cancel' as const), account, id }) },
    { weight: 4, arbitrary: fc.record({ do: fc.constant('amend' as const), id, qty, price: near }) },
    { weight: 2, arbitrary: fc.record({ do: fc.constant('clock' as const) }) },
    { weight: 1, arbitrary: fc.record({ do: fc.constantFrom('up', 'up', 'up', 'down', 'redefine') }) },
  ),
  { minLength: 40, maxLength: 150 },
);
type Step = typeof steps extends fc.Arbitrary<(infer S)[]> ? S : never;

describe('the replica of a matched symbol', () => {
  const inputOf = (step: Step, n: number, second: number): UnstampedInput => {
    const tsEventUs = second * 1_000_000 + n;
    const base = { symbol: SYMBOL, tsEventUs, tsRecvUs: tsEventUs };
    const orderId = 'id' in step ? `${'account' in step && step.account ? 'p' : 'f'}${step.id}` : '';
    const whose = 'account' in step && step.account ? { account: step.account } : {};
    switch (step.do) {
      case 'order':
        return {
          ...base,
          ...whose,
          type: 'order',
          orderId,
          side: step.side,
          qty: step.qty,
          price: step.price,
          tif: step.tif,
        };
      case 'market':
        return { ...base, ...whose, type: 'order', orderId: `${orderId}m${n}`, side: step.side, qty: step.qty };
      case 'cancel':
        return { ...base, ...whose, type: 'cancel', orderId };
      case 'amend':
        return { ...base, type: 'amend', orderId, qty: step.qty, price: step.price };
      case 'clock':
        return { type: 'clock', second, tsRecvUs: tsEventUs };
      case 'redefine':
        return definition(tsEventUs, n % 2 === 0 ? '0.1' : '0.01');
      default:
        return { ...base, type: 'feed', status: step.do, reason: '' };
    }
  };
  const definition = (tsRecvUs: number, tick = '0.1'): UnstampedInput => ({
    ...{ type: 'symbol', symbol: SYMBOL, venue: 'sim', tick, step: '0.1', depthRule: 'matched', quotes: false },
    ...{ trading: TRADING, tsRecvUs },
  });

  it('is the engine’s book after any orders of flow and accounts, and of gateways that start anywhere', () => {
    let traded = 0;
    fc.assert(
      fc.property(steps, fc.array(fc.nat(150), { maxLength: 4 }), (list, joins) => {
        const pair = new Pair();
        let second = 1_704_067_200;
        pair.apply(definition(second * 1_000_000));
        pair.apply(inputOf({ do: 'up' }, 0, second));
        for (const [n, step] of list.entries()) {
          if (step.do === 'clock') second++;
          pair.apply(inputOf(step, n + 1, second));
          if (joins.includes(n)) pair.join();
        }
        const [engine] = pair.market.books();
        const { bids = [], asks = [] } = engine?.book.orders ?? {};
        traded += pair.events.filter(({ topic }) => topic.startsWith('trade:')).length;
        for (const state of pair.states) {
          const replica = state.book(SYMBOL) as OrderReplica;
          const { priceScale, sizeScale } = replica.book ?? {};
          const wire = (which: 'bid' | 'ask') =>
            [...(replica.book?.orders(which) ?? [])].map(({ id, price, size, tsUs }) => [
              id,
              priceScale?.format(price),
              sizeScale?.format(size),
              tsUs,
            ]);
          expect([wire('bid'), wire('ask')]).toEqual([bids, asks]);
          expect(replica).toMatchObject({ kind: 'orders', status: engine?.book.status, last: engine?.book.last });
          expect(replica.definition).toMatchObject({
            venue: 'sim',
            tick: engine?.book.tick,
            trading: engine?.book.trading,
          });
        }
        expect(pair.mismatches).toEqual([]);
      }),
      { numRuns: 300 },
    );
    expect(traded).toBeGreaterThan(1_000);
  });
});
