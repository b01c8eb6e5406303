import type { LogEntry, StoredAccounts } from '@depthcast/log';
import { Market } from '@depthcast/market';
import type { Input, UnstampedInput } from '@depthcast/protocol';
import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { TopicTable } from '../fanout/topics.ts';
import { AccountTable } from './account-table.ts';

const SECOND = 1_704_067_200;
const EPOCH = 7;
const ACCOUNTS = ['alice', 'bob'];
const SYMBOLS = ['BTCUSD', 'ETHUSD'];
const trading = (base: string) => ({
  baseAsset: base,
  quoteAsset: 'USD',
  lot: '0.1',
  minQty: '0.1',
  maxQty: '50',
  minNotional: '1',
});

/** How a table begins, with or without what is stored. */
function beginning(accounts: StoredAccounts | undefined) {
  const at = accounts?.cursor ?? { epoch: EPOCH, offset: 0 };
  return { accounts, after: at, earliest: undefined, target: at, version: '4' };
}

/** A market, and tables that follow its log. */
class Followed {
  readonly market = new Market({ paperBalances: 'USD:1000,BTC:3,ETH:20' });
  readonly tables: AccountTable[] = [];
  readonly unreadable: string[] = [];
  second = SECOND;
  #seq = 0;
  #offset = 0;
  readonly #topics = new TopicTable();

  constructor() {
    this.follow();
    for (const symbol of SYMBOLS) {
      const definition = { symbol, venue: 'test', tick: '0.1', step: '0.1', quotes: false, tsRecvUs: SECOND * 1e6 };
      this.apply({ type: 'symbol', ...definition, depthRule: 'matched', trading: trading(symbol.slice(0, 3)) });
      this.apply({ type: 'feed', symbol, status: 'up', reason: 'test', ...this.times() });
    }
    this.clock(1);
  }

  times() {
    return { tsEventUs: this.second * 1e6 + (this.#seq % 1_000), tsRecvUs: this.second * 1e6 };
  }

  /** A table that begins here, with what is stored of the accounts, if anything is. */
  follow(isStored = false): AccountTable {
    const table = new AccountTable({
      tsNs: () => '1',
      onOrder: () => {},
      onUnknown: () => {},
      onUnreadable: (what, error) => this.unreadable.push(`${what}: ${error.message}`),
    });
    const cursor = { epoch: EPOCH, offset: this.#offset };
    table.restart(beginning(isStored ? { cursor, state: this.market.accountsState() } : undefined));
    this.tables.push(table);
    return table;
  }

  apply(input: UnstampedInput): string[] {
    const events = this.market.apply({ ...input, src: 'test', seq: ++this.#seq } as Input);
    for (const { topic, payload } of events) {
      const entry: LogEntry = { epoch: EPOCH, offset: ++this.#offset, topic, payload: Buffer.from(payload) };
      const known = this.#topics.intern(topic);
      for (const table of this.tables) if (known.isPrivate) table.apply(entry, known);
    }
    return events.map(({ topic, payload }) => `${topic} ${payload}`);
  }

  clock(seconds: number): void {
    this.second += seconds;
    this.apply({ type: 'clock', second: this.second, tsRecvUs: this.second * 1e6 });
  }
}

function told(table: AccountTable) {
  return ACCOUNTS.map((name) => ({
    balances: table.balances(name),
    orders: table
      .account(name)
      ?.orders({ status: 'all' })
      .map(({ payload }) => payload),
    open: table
      .account(name)
      ?.orders({ status: 'open', limit: 2 })
      .map(({ payload }) => payload),
    positions: table.account(name)?.positions,
  }));
}

const step = fc.oneof(
  {
    weight: 10,
    arbitrary: fc.record({
      kind: fc.constant('order' as const),
      account: fc.constantFrom(...ACCOUNTS, undefined),
      id: fc.nat(40),
      symbol: fc.constantFrom(...SYMBOLS),
      side: fc.constantFrom('BUY' as const, 'SELL' as const),
      tenths: fc.integer({ min: 0, max: 60 }),
      price: fc.option(fc.integer({ min: 98, max: 102 }), { freq: 5, nil: undefined }),
      tif: fc.constantFrom('GTC' as const, 'GTC' as const, 'IOC' as const, 'FOK' as const),
    }),
  },
  {
    weight: 3,
    arbitrary: fc.record({
      kind: fc.constant('cancel' as const),
      account: fc.constantFrom(...ACCOUNTS),
      id: fc.nat(40),
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({ kind: fc.constant('clock' as const), seconds: fc.constantFrom(1, 1, 3_600, 80_000) }),
  },
);
type Step = typeof step extends fc.Arbitrary<infer S> ? S : never;

function play(followed: Followed, next: Step): void {
  if (next.kind === 'clock') {
    followed.clock(next.seconds);
    return;
  }
  const { account, id } = next;
  const times = followed.times();
  if (next.kind === 'cancel') {
    followed.apply({ type: 'cancel', account: account as string, orderId: `c${id}`, ...times });
    return;
  }
  const { symbol, side, tenths, price, tif } = next;
  followed.apply({
    type: 'order',
    symbol,
    ...(account === undefined ? {} : { account }),
    orderId: account === undefined ? `flow-${followed.second}-${times.tsEventUs % 1e6}` : `c${id}`,
    side,
    qty: (tenths / 10).toFixed(1),
    ...(price === undefined && account !== undefined ? {} : { price: `${price ?? 100}.0` }),
    tif,
    ...times,
  });
}

describe('the accounts', () => {
  it('are the same to who was there all along and to who came late, whatever was traded', () => {
    let filled = 0;
    fc.assert(
      fc.property(fc.array(step, { minLength: 40, maxLength: 150 }), fc.nat(150), (steps, joinAt) => {
        const followed = new Followed();
        steps.forEach((next, i) => {
          if (i === joinAt) followed.follow(true);
          play(followed, next);
        });
        followed.follow(true);
        expect(followed.unreadable).toEqual([]);
        const [live, ...late] = followed.tables as [AccountTable, ...AccountTable[]];
        for (const table of late) {
          // An account that nobody has used is known from what is stored alone.
          const expected = told(live).map((of, i) => (of.orders ? of : { ...of, balances: told(table)[i]?.balances }));
          expect(remembered(told(table))).toEqual(remembered(expected));
        }
        if (JSON.stringify(told(live)).includes('FILLED')) filled++;
      }),
      { numRuns: 150 },
    );
    expect(filled).toBeGreaterThan(30);
  });

  it('are as the engine has them: whatever an order is answered with here, the engine answers with too', () => {
    let answered = 0;
    fc.assert(
      fc.property(fc.array(step, { minLength: 50, maxLength: 150 }), (steps) => {
        const followed = new Followed();
        for (const next of steps) play(followed, next);
        const late = followed.follow(true);
        const eventMs = followed.second * 1_000;
        for (const account of ACCOUNTS) {
          for (let id = 0; id <= 40; id++) {
            const holder = followed.tables[0]?.account(account)?.holder(`c${id}`, eventMs);
            if (!holder) continue;
            answered++;
            expect(late.account(account)?.holder(`c${id}`, eventMs)?.payload).toBe(holder.payload);
            const events = followed.apply({
              type: 'order',
              account,
              orderId: `c${id}`,
              symbol: 'BTCUSD',
              side: 'BUY',
              qty: '1.0',
              ...followed.times(),
            });
            expect(events).toEqual([`order_state:${holder.symbol}:${account} ${holder.payload}`]);
          }
        }
      }),
      { numRuns: 100 },
    );
    expect(answered).toBeGreaterThan(300);
  });

  it('hold no more ended orders than a hundred, and all that are open', () => {
    const followed = new Followed();
    for (let i = 0; i < 500; i++) {
      const order = { type: 'order', account: 'alice', orderId: `n${i}`, symbol: 'BTCUSD', side: 'BUY' } as const;
      followed.apply({ ...order, qty: '0.1', price: '20.0', ...followed.times() });
      if (i % 2 === 0) followed.apply({ type: 'cancel', account: 'alice', orderId: `n${i}`, ...followed.times() });
    }
    const late = followed.follow(true);
    for (const table of [followed.tables[0], late]) {
      expect(table?.account('alice')?.orders({ status: 'open' })).toHaveLength(250);
      expect(table?.account('alice')?.orders({ status: 'all' })).toHaveLength(350);
      expect(table?.account('alice')?.order('n498')?.status).toBe('CANCELLED');
      expect(table?.account('alice')?.order('n298')).toBeUndefined();
    }
  });

  it('are not made by names that somebody makes up', () => {
    const table = new AccountTable({ tsNs: () => '1', onOrder: () => {}, onUnknown: () => {}, onUnreadable: () => {} });
    const topics = new TopicTable();
    for (let i = 0; i < 100; i++) {
      const state = `{"type":"order_state","client_order_id":"x","status":"REJECTED","executed_qty":0,"avg_price":0,"reason":"account_limit","last_ts_ns":1}`;
      const topic = `order_state:BTCUSD:made-up-${i}`;
      table.apply({ epoch: 1, offset: i, topic, payload: Buffer.from(state) }, topics.intern(topic));
      expect(table.account(`made-up-${i}`)).toBeUndefined();
    }
  });

  it('are as many as an engine may have at once, and not all that have ever been', () => {
    const table = new AccountTable({
      tsNs: () => '1',
      onOrder: () => {},
      onUnknown: () => {},
      onUnreadable: (what, error) => {
        throw new Error(what, { cause: error });
      },
    });
    table.restart(beginning({ cursor: { epoch: EPOCH, offset: 0 }, state: '{"startingBalances":[7],"accounts":{}}' }));
    const topics = new TopicTable();
    let offset = 0;
    const say = (type: string, account: string, payload: string) => {
      const topic = `${type}:BTCUSD:${account}`;
      table.apply({ epoch: EPOCH, offset: ++offset, topic, payload: Buffer.from(payload) }, topics.intern(topic));
    };
    const state = (status: string) =>
      `{"type":"order_state","client_order_id":"x","status":"${status}","executed_qty":0,"avg_price":0,"last_ts_ns":1}`;
    say('position', 'trader', '{"type":"position","symbol":"BTCUSD"}');
    say('order_state', 'waiting', state('ACCEPTED'));
    say('order_state', 'first', state('CANCELLED'));
    for (let i = 3; i < 20_000; i++) say('order_state', `passer-${i}`, state('REJECTED'));
    expect(table.account('first')?.order('x')?.status).toBe('CANCELLED');
    say('order_state', 'one-more', state('REJECTED'));
    expect(['trader', 'waiting', 'one-more'].map((name) => table.account(name) !== undefined)).toEqual([
      true,
      true,
      true,
    ]);
    expect(table.account('first')).toBeUndefined();
    expect(table.account('passer-19999')).toBeUndefined();
    expect(table.balances('first')).toContain('"balances":[7]');
  });

  it('list what has ended as the engine does, whatever the clocks of those who sent it', () => {
    const order = (id: string, ms: number) =>
      `{"type":"order_state","client_order_id":"${id}","status":"FILLED","executed_qty":0,"avg_price":0,"last_ts_ns":${ms}000000}`;
    const account = (...orders: string[]) => `{"balances":[],"positions":[],"orders":[${orders.join(',')}]}`;
    const accounts = `{"a":${account(order('a3', 5), order('a2', 9), order('a1', 1))},"b":${account(order('b2', 7), order('b1', 3))}}`;
    const state = `{"startingBalances":[],"accounts":${accounts}}`;
    const held = (endedOrdersMax: number) => {
      const silent = { tsNs: () => '1', onOrder: () => {}, onUnknown: () => {}, onUnreadable: () => {} };
      const table = new AccountTable({ ...silent, endedOrdersMax });
      table.restart(beginning({ cursor: { epoch: EPOCH, offset: 0 }, state }));
      return ['a', 'b'].map((name) =>
        table
          .account(name)
          ?.orders({ status: 'all' })
          .map((one) => one.clientOrderId),
      );
    };
    expect(held(10)).toEqual([
      ['a3', 'a2', 'a1'],
      ['b2', 'b1'],
    ]);
    expect(held(3)).toEqual([['a3', 'a2'], ['b2']]);
    expect(held(2)).toEqual([['a3', 'a2'], []]);
  });

  it('go on after what cannot be read', () => {
    const seen: string[] = [];
    const table = new AccountTable({
      tsNs: () => '1',
      onOrder: () => {},
      onUnknown: () => {},
      onUnreadable: (what) => seen.push(what),
    });
    const topics = new TopicTable();
    const cut = '{"startingBalances":[],"accounts":{"a":{"orders":[{';
    table.restart(beginning({ cursor: { epoch: 1, offset: 0 }, state: cut }));
    let offset = 0;
    for (const [type, payload] of [
      ['order_state', '{'],
      ['account', '{"balances":7}'],
      ['account', '{}'],
      ['position', 'null'],
      ['order_state', '5'],
      ['position', '{"symbol":"A","qty":1}'],
    ] as const) {
      const topic = `${type}:A:a`;
      table.apply({ epoch: 1, offset: ++offset, topic, payload: Buffer.from(payload) }, topics.intern(topic));
    }
    expect(seen.length).toBeGreaterThanOrEqual(4);
    expect(table.account('a')?.positions).toEqual([{ symbol: 'A', payload: '{"symbol":"A","qty":1}' }]);
  });
});

/** What is stored has not got what ended a day ago; who was there all along may still have it. */
function remembered(accounts: ReturnType<typeof told>) {
  return accounts.map((account) => ({ ...account, orders: account.orders?.filter((payload) => !hasEnded(payload)) }));
}

function hasEnded(payload: string): boolean {
  return !/"status":"(ACCEPTED|PARTIALLY_FILLED)"/.test(payload);
}
