import { L3Book } from '@depthcast/book';
import type { Input, InputOf } from '@depthcast/protocol';
import { describe, expect, it, jest } from '@jest/globals';
import { Market } from '../market.ts';
import { SCRIPT_SECOND, SCRIPT_TRADING, ScriptedInputs } from '../scripted-inputs.ts';

const NS = '1700000000001234000';
const SYMBOL = '"symbol":"BTCUSD"';

/** A matched symbol that is up, of whose flow 2 are bid at 99 and 1 is asked at 100, 1 at 101. */
class Venue {
  readonly market = new Market({ paperBalances: 'USD:1000,BTC:2' });
  readonly flow = new ScriptedInputs('simulator');
  readonly gateway = new ScriptedInputs('gateway');

  constructor(trading: Partial<typeof SCRIPT_TRADING> = {}) {
    const { flow } = this;
    this.play(flow.matched({ trading: { ...SCRIPT_TRADING, ...trading } }), flow.clock(SCRIPT_SECOND), flow.feed('up'));
    this.play(flow.order('b1', 'BUY', '2', '99'), flow.order('s1', 'SELL', '1', '100'));
    this.play(flow.order('s2', 'SELL', '1', '101'));
  }

  play(...inputs: Input[]): [string, string][] {
    return inputs.flatMap((input) => this.market.apply(input)).map(({ topic, payload }) => [topic, payload]);
  }

  order(account: string, id: string, side: 'BUY' | 'SELL', qty: string, price?: string, more = {}): [string, string][] {
    return this.play(this.gateway.order(id, side, qty, price, { account, ...more }));
  }
}

/** Short lines of an order's story: its statuses with their reasons, fills, trades, what happens to the book. */
function story(events: [string, string][]): string[] {
  return events.flatMap(([topic, payload]) => {
    const [type, , account] = topic.split(':');
    const { status, reason, qty, price, action, order_id: id, executed_qty: executed } = JSON.parse(payload);
    if (type === 'order_update') return [`${account} ${status}${reason ? ` ${reason}` : ''}`];
    if (type === 'order_state') return [`${account} has ${executed}`];
    if (type === 'fill') return [`${account} fill ${qty} at ${price}`];
    if (type === 'trade') return [`trade ${qty} at ${price}`];
    if (type === 'book_order') return [`${action} ${id} ${Number(qty)} at ${Number(price)}`];
    return type === 'account' || type === 'position' ? [`${account} ${type}`] : [type as string];
  });
}

describe('the events of an order, field by field as in the VeloZ seed', () => {
  it('accepted, filled in part, resting, filled, in this order', () => {
    const venue = new Venue();
    const order = `"client_order_id":"web-1","venue_order_id":"1"`;
    const what = `${SYMBOL},"side":"BUY","qty":1.5,"price":100.5,"reason":""}`;
    const state = (status: string, executed: string) => [
      'order_state:BTCUSD:alice',
      `{"type":"order_state","client_order_id":"web-1","status":"${status}",${SYMBOL},"side":"BUY","order_qty":1.5,"limit_price":100.5,"venue_order_id":"1",${executed},"reason":"","last_ts_ns":${NS}}`,
    ];
    const update = (status: string) => [
      'order_update:BTCUSD:alice',
      `{"type":"order_update","ts_ns":${NS},${order},"status":"${status}",${what}`,
    ];
    expect(venue.order('alice', 'web-1', 'BUY', '1.5', '100.5')).toEqual([
      update('ACCEPTED'),
      state('ACCEPTED', '"executed_qty":0,"avg_price":0'),
      ['trade:BTCUSD', `{"type":"trade",${SYMBOL},"ts_ns":${NS},"trade_id":1,"price":100.00,"qty":1.000,"side":"BUY"}`],
      [
        'book_order:BTCUSD',
        `{"type":"book_order",${SYMBOL},"ts_ns":${NS},"action":"F","order_id":"s1","side":"SELL","price":"100.00","qty":"1.000"}`,
      ],
      ['fill:BTCUSD:alice', `{"type":"fill","ts_ns":${NS},"client_order_id":"web-1",${SYMBOL},"qty":1,"price":100}`],
      update('PARTIALLY_FILLED'),
      state('PARTIALLY_FILLED', '"executed_qty":1,"avg_price":100'),
      [
        'book_order:BTCUSD',
        `{"type":"book_order",${SYMBOL},"ts_ns":${NS},"action":"A","order_id":"1","side":"BUY","price":"100.50","qty":"0.500"}`,
      ],
      [
        'book_change:BTCUSD',
        `{"type":"book_change",${SYMBOL},"ts_ns":${NS},"is_snapshot":false,"first":5,"last":5,"bids":[["100.50","0.500"]],"asks":[["100.00","0.000"]]}`,
      ],
      [
        'bbo:BTCUSD',
        `{${SYMBOL},"bidPrice":"100.50","bidQty":"0.500","askPrice":"101.00","askQty":"1.000","timestamp":1700000000001,"serverTimestamp":1700000000003,"backendLatency":2}`,
      ],
      ['market:BTCUSD', `{"type":"market",${SYMBOL},"ts_ns":${NS},"price":100.00}`],
      [
        'account::alice',
        `{"type":"account","ts_ns":${NS},"balances":[{"asset":"USD","free":849.75,"locked":50.25},{"asset":"BTC","free":3,"locked":0}]}`,
      ],
      [
        'position:BTCUSD:alice',
        `{"type":"position","ts_ns":${NS},${SYMBOL},"qty":1,"avg_price":100,"realized_pnl":0,"unrealized_pnl":0}`,
      ],
    ]);
    // The flow sells what is left: only what the account's is told to the account.
    const filled = venue.play(venue.flow.order('s3', 'SELL', '0.5'));
    expect(filled.slice(2, 5)).toEqual([
      [
        'fill:BTCUSD:alice',
        `{"type":"fill","ts_ns":${NS},"client_order_id":"web-1",${SYMBOL},"qty":0.5,"price":100.5}`,
      ],
      update('FILLED'),
      state('FILLED', '"executed_qty":1.5,"avg_price":100.1667'),
    ]);
  });

  it('of both accounts, the taker first', () => {
    const venue = new Venue();
    venue.order('alice', 'a', 'SELL', '0.5', '99.5');
    expect(story(venue.order('bob', 'b', 'BUY', '0.75', '100'))).toEqual([
      ...['bob ACCEPTED', 'bob has 0', 'trade 0.5 at 99.5', 'F 1 0.5 at 99.5'],
      ...['bob fill 0.5 at 99.5', 'bob PARTIALLY_FILLED', 'bob has 0.5'],
      ...['alice fill 0.5 at 99.5', 'alice FILLED', 'alice has 0.5'],
      ...['trade 0.25 at 100', 'F s1 0.25 at 100', 'bob fill 0.25 at 100', 'bob FILLED', 'bob has 0.75'],
      ...['book_change', 'bbo', 'market', 'bob account', 'bob position', 'alice account', 'alice position'],
    ]);
  });

  it('cancelled, by the account alone; cancelled again it is said to have ended; of another account it is unknown', () => {
    const venue = new Venue();
    venue.order('alice', 'a', 'BUY', '0.5', '98');
    const cancel = () => venue.play(venue.gateway.cancel('a', { account: 'alice', symbol: undefined }));
    expect(story(cancel())).toEqual([
      'alice CANCELLED',
      'alice has 0',
      'C 1 0.5 at 98',
      'book_change',
      'alice account',
    ]);
    expect(story(cancel())).toEqual(['alice has 0']);
    expect(venue.play(venue.gateway.cancel('a', { account: 'bob' }))).toEqual([
      [
        'order_update:BTCUSD:bob',
        `{"type":"order_update","ts_ns":${NS},"client_order_id":"a","status":"REJECTED",${SYMBOL},"reason":"unknown_order"}`,
      ],
    ]);
  });

  it('sent twice: the first as it stands, once, and nothing else', () => {
    const venue = new Venue();
    venue.order('alice', 'a', 'BUY', '0.5', '100');
    const before = venue.market.audit();
    const again = venue.order('alice', 'a', 'SELL', '1');
    expect(story(again)).toEqual(['alice has 0.5']);
    expect(again[0]?.[1]).toContain('"status":"FILLED"');
    expect(venue.market.audit()).toEqual(before);
    expect(story(venue.order('bob', 'a', 'BUY', '0.5', '100'))).toContain('bob FILLED');
  });
});

describe('what an order leaves', () => {
  const left = (venue: Venue, side: 'BUY' | 'SELL', qty: string, price?: string, more = {}) =>
    story(venue.order('alice', 'x', side, qty, price, more)).filter((line) => /^alice [A-Z]|^trade|^A/.test(line));

  it('of GTC rests', () => {
    expect(left(new Venue(), 'BUY', '1.5', '100')).toEqual([
      ...['alice ACCEPTED', 'trade 1 at 100', 'alice PARTIALLY_FILLED', 'A 1 0.5 at 100'],
    ]);
  });

  it('of IOC expires', () => {
    expect(left(new Venue(), 'BUY', '1.5', '100', { tif: 'IOC' })).toEqual([
      ...['alice ACCEPTED', 'trade 1 at 100', 'alice PARTIALLY_FILLED', 'alice EXPIRED not_filled_at_once'],
    ]);
    expect(left(new Venue(), 'BUY', '1', '99', { tif: 'IOC' })).toEqual([
      'alice ACCEPTED',
      'alice EXPIRED not_filled_at_once',
    ]);
  });

  it('of FOK is all of it or nothing', () => {
    expect(left(new Venue(), 'BUY', '2', '101', { tif: 'FOK' }).at(-1)).toBe('alice FILLED');
    expect(left(new Venue(), 'BUY', '2.001', '101', { tif: 'FOK' })).toEqual([
      'alice ACCEPTED',
      'alice EXPIRED not_filled_at_once',
    ]);
    expect(left(new Venue(), 'BUY', '2.001', undefined, { tif: 'FOK' })).toEqual([
      'alice ACCEPTED',
      'alice EXPIRED not_filled_at_once',
    ]);
  });

  it('of a market order expires, whatever its tif', () => {
    expect(left(new Venue(), 'BUY', '3', undefined, { tif: 'GTC' })).toEqual([
      ...['alice ACCEPTED', 'trade 1 at 100', 'alice PARTIALLY_FILLED', 'trade 1 at 101', 'alice PARTIALLY_FILLED'],
      'alice EXPIRED not_filled_at_once',
    ]);
  });

  it('of a market order that finds nobody', () => {
    const venue = new Venue();
    venue.play(venue.flow.cancel('b1'));
    expect(left(venue, 'SELL', '1')).toEqual(['alice ACCEPTED', 'alice EXPIRED no_liquidity']);
    const fok = story(venue.order('alice', 'y', 'SELL', '1', undefined, { tif: 'FOK' }));
    expect(fok).toContain('alice EXPIRED no_liquidity');
  });

  it("of one that meets its own account's order", () => {
    const venue = new Venue();
    venue.order('alice', 'own', 'SELL', '1', '100.5');
    expect(left(venue, 'BUY', '3', '101')).toEqual([
      ...['alice ACCEPTED', 'trade 1 at 100', 'alice PARTIALLY_FILLED', 'alice EXPIRED self_trade'],
    ]);
    // FOK counts what lies before it: nothing.
    const fok = story(venue.order('alice', 'y', 'BUY', '1', '101', { tif: 'FOK' }));
    expect(fok.slice(0, 3)).toEqual(['alice ACCEPTED', 'alice has 0', 'alice EXPIRED not_filled_at_once']);
    // Another account does not mind.
    expect(story(venue.order('bob', 'z', 'BUY', '1', '101'))).toContain('alice fill 1 at 100.5');
  });
});

describe('an order is REJECTED, and nothing else changes', () => {
  const cases: [string, string | undefined, Partial<InputOf<'order'>>][] = [
    ['symbol_unknown', '100', { symbol: 'NONE' }],
    ['symbol_not_tradable', '100', { symbol: 'PLAIN' }],
    ['book_not_synced', '100', { symbol: 'NEWUSD' }],
    ['price_invalid', '100.005', {}],
    ['price_invalid', '99999999999999999999', {}],
    ['qty_invalid', '100', { qty: '1.001' }],
    ['qty_invalid', '100', { qty: '0.0001' }],
    ['qty_invalid', '100', { qty: '0.002' }],
    ['qty_invalid', '100', { qty: '20' }],
    ['notional_too_small', '0.01', { qty: '0.01' }],
    ['notional_too_small', undefined, { qty: '0.01' }],
    ['order_invalid', undefined, { postOnly: true }],
    ['order_invalid', '100', { postOnly: true, tif: 'IOC' }],
    ['order_invalid', '100', { postOnly: true, tif: 'FOK' }],
    ['post_only', '100', { postOnly: true }],
    ['insufficient_balance', '1000', { qty: '1.002' }],
    ['insufficient_balance', '100', { side: 'SELL', qty: '2.002' }],
  ];

  it.each(cases)('%s: price %s, %p', (reason, price, overrides) => {
    const venue = new Venue({ lot: '0.002', minQty: '0.004', maxQty: '10', minNotional: '2' });
    const { symbol: _symbol, ...plain } = new ScriptedInputs('other', 'PLAIN').symbol() as InputOf<'symbol'>;
    venue.play({ ...plain, symbol: 'PLAIN' }, new ScriptedInputs('more', 'NEWUSD').matched());
    venue.order('alice', 'first', 'BUY', '1', '98');
    const before = venue.market.books();
    const events = venue.play(venue.gateway.order('x', 'BUY', '1', price, { account: 'alice', ...overrides }));
    expect(story(events)).toEqual([`alice REJECTED ${reason}`, 'alice has 0']);
    expect(venue.market.books()).toEqual(before);
    expect(venue.market.rejectedInputs).toBe(0);
    // The client id is taken.
    expect(story(venue.order('alice', 'x', 'BUY', '1', '98'))).toEqual(['alice has 0']);
  });

  it('for a market order that costs more than there is, to the last decimal', () => {
    const venue = new Venue();
    venue.play(venue.flow.order('s3', 'SELL', '20', '101'));
    // 100 + 8.910 × 101 = 999.91; one lot more is 1000.011.
    expect(story(venue.order('alice', 'a', 'BUY', '9.911'))).toContain('alice REJECTED insufficient_balance');
    expect(story(venue.order('alice', 'b', 'BUY', '9.91'))).toContain('alice FILLED');
    expect(venue.market.accountsState()).toContain('"balances":[{"asset":"USD","free":0.09,"locked":0}');
  });

  it('but not for one that costs all that there is', () => {
    const venue = new Venue();
    venue.play(venue.flow.order('s3', 'SELL', '20', '100'));
    expect(story(venue.order('alice', 'a', 'BUY', '10'))).toContain('alice FILLED');
    expect(venue.market.accountsState()).toContain('"balances":[{"asset":"USD","free":0,"locked":0}');
  });

  it('by nobody who has not walked the book: without the funds for a limit order none of it is looked at', () => {
    const venue = new Venue();
    const walks = jest.spyOn(L3Book.prototype, 'orders');
    expect(story(venue.order('alice', 'a', 'BUY', '9.901', '101'))).toContain('alice REJECTED insufficient_balance');
    expect(story(venue.order('alice', 'b', 'SELL', '2.001', '99', { tif: 'FOK' }))[0]).toContain(
      'insufficient_balance',
    );
    expect(walks).not.toHaveBeenCalled();
    expect(story(venue.order('alice', 'c', 'BUY', '9.9', '101', { tif: 'FOK' }))).toContain(
      'alice EXPIRED not_filled_at_once',
    );
    expect(walks).toHaveBeenCalledTimes(1);
    walks.mockRestore();
  });

  it('a post-only order that would not match rests', () => {
    const venue = new Venue();
    expect(story(venue.order('alice', 'a', 'BUY', '1', '99.99', { postOnly: true }))).toContain('A 1 1 at 99.99');
  });

  it('a symbol whose price × size has more than 18 decimals takes none, and does not say that it would', () => {
    const market = new Market();
    const inputs = new ScriptedInputs('a');
    const defined = market.apply(inputs.matched({ tick: '0.0000000001', step: '0.000000001' }));
    expect(defined[0]?.payload).not.toContain('trading');
    const [update] = market.apply(inputs.order('x', 'BUY', '1', '1', { account: 'alice' }));
    expect(update?.payload).toContain('"reason":"symbol_not_tradable"');
  });
});

describe('priority', () => {
  it('is price, then time; an order of an account waits like any other', () => {
    const venue = new Venue();
    venue.order('alice', 'a', 'BUY', '1', '99');
    venue.play(venue.flow.order('b2', 'BUY', '1', '99'), venue.flow.order('b3', 'BUY', '1', '99.5'));
    const events = venue.play(venue.flow.order('s4', 'SELL', '4.5'));
    expect(story(events).filter((line) => line.startsWith('F'))).toEqual([
      ...['F b3 1 at 99.5', 'F b1 2 at 99', 'F 1 1 at 99', 'F b2 0.5 at 99'],
    ]);
  });

  it('is kept by an amend to a smaller size, lost by any other; one that crosses matches', () => {
    const venue = new Venue();
    venue.play(venue.flow.order('b2', 'BUY', '1', '99'), venue.flow.order('b3', 'BUY', '1', '99'));
    const amend = (id: string, qty: string, price: string) => story(venue.play(venue.flow.amend(id, qty, price)));
    expect(amend('b1', '0.5', '99')).toEqual(['M b1 0.5 at 99', 'book_change', 'bbo']);
    expect(amend('b2', '2', '99')).toEqual(['M b2 2 at 99', 'book_change', 'bbo']);
    expect(amend('b2', '2', '99')).toEqual([]);
    expect(amend('gone', '2', '99')).toEqual([]);
    const queue = venue.market.books()[0]?.book.orders?.bids.map(([id]) => id);
    expect(queue).toEqual(['b1', 'b3', 'b2']);
    expect(amend('b3', '1.5', '100')).toEqual([
      ...['C b3 1 at 99', 'trade 1 at 100', 'F s1 1 at 100', 'A b3 0.5 at 100', 'book_change', 'bbo', 'market'],
    ]);
  });
});

describe('an order of the flow', () => {
  it('that IOC, FOK or post-only ends is told of by nothing but the book', () => {
    const venue = new Venue();
    const order = (id: string, more: object, price?: string) =>
      story(venue.play(venue.flow.order(id, 'BUY', '1.5', price, more)));
    expect(order('x', { tif: 'FOK' }, '100')).toEqual([]);
    expect(order('x', { postOnly: true }, '100')).toEqual([]);
    expect(order('x', { tif: 'IOC' }, '99.5')).toEqual([]);
    expect(order('x', { tif: 'IOC' }, '100')).toEqual([
      'trade 1 at 100',
      'F s1 1 at 100',
      'book_change',
      'bbo',
      'market',
    ]);
    expect(order('x', {})).toEqual(['trade 1 at 101', 'F s2 1 at 101', 'book_change', 'market']);
    expect(order('x', {})).toEqual([]);
  });

  it('meets the lots of accounts in sizes that no account could order', () => {
    const venue = new Venue({ lot: '0.5', minQty: '0.5' });
    venue.order('alice', 'a', 'SELL', '0.5', '99.5');
    expect(story(venue.play(venue.flow.order('x', 'BUY', '0.123')))).toContain('alice fill 0.123 at 99.5');
  });
});
