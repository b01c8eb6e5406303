import { L3Book } from '@depthcast/book';
import { type Input, parseEvent, parsePayload, Scale } from '@depthcast/protocol';
import { describe, expect, it } from '@jest/globals';
import { Market } from './market.ts';
import { MATCHED_ORDERS_MAX } from './matched-market.ts';
import { SCRIPT_SECOND, ScriptedInputs } from './scripted-inputs.ts';

/** Events as short lines. */
function lines(market: Market, ...inputs: Input[]): string[] {
  return inputs
    .flatMap((input) => market.apply(input))
    .map(({ topic, payload }) => {
      const type = topic.split(':')[0] as string;
      const event = parsePayload(payload) as Record<string, unknown>;
      if (type === 'book_status') return `${type} ${event.status}`;
      if (type === 'book_change') return `${type} ${event.is_snapshot ? 'whole ' : ''}${event.last}`;
      if (type === 'book_orders') return `${type} ${JSON.stringify([event.bids, event.asks])}`;
      if (type === 'order_update') return `${event.status} ${event.reason}`;
      if (type === 'error') return `error ${event.message}`;
      if (type === 'market') return `market ${event.price}`;
      return type === 'book_order' ? `${event.action} ${event.order_id}` : type;
    });
}

const EMPTY = ['book_status buffering', 'book_change whole 1', 'book_orders [[],[]]', 'book_status synced'];

function begun() {
  const market = new Market();
  const venue = new ScriptedInputs('simulator');
  const gateway = new ScriptedInputs('gateway');
  lines(market, venue.clock(SCRIPT_SECOND), venue.matched(), venue.feed('up'));
  return { market, venue, gateway };
}

function ordersOf(market: Market): string[] {
  const orders = market.books()[0]?.book.orders;
  return [...(orders?.bids ?? []), ...(orders?.asks ?? [])].map(([id]) => id);
}

describe('a matched symbol', () => {
  it('begins with its first up: before, orders of accounts are refused and the flow is nobody', () => {
    const market = new Market();
    const venue = new ScriptedInputs('simulator');
    const gateway = new ScriptedInputs('gateway');
    expect(lines(market, venue.matched())).toEqual(['symbol', 'book_status buffering']);
    expect(lines(market, venue.feed('down', 'not connected yet'))).toEqual([
      'book_status stale',
      'error market_source_error',
    ]);
    const order = (id: string) => gateway.order(id, 'BUY', '1', '99', { account: 'alice' });
    expect(lines(market, order('a'))[0]).toBe('REJECTED book_not_synced');
    expect(lines(market, venue.order('b', 'BUY', '1', '99'))).toEqual([]);
    expect(lines(market, venue.feed('up'))).toEqual(EMPTY);
    expect(lines(market, order('b'))[0]).toBe('ACCEPTED ');
    expect(lines(market, venue.order('b', 'BUY', '1', '99'))).toEqual(['A b', 'book_change 3']);
  });

  it('begins its flow anew with each up: orders of accounts keep their places, ahead of what comes', () => {
    const { market, venue, gateway } = begun();
    const paper = (id: string, side: 'BUY' | 'SELL', price: string) =>
      gateway.order(id, side, '1', price, { account: 'alice' });
    lines(market, venue.order('f1', 'BUY', '1', '99'), paper('a', 'BUY', '99'), venue.order('f2', 'SELL', '1', '101'));
    lines(market, paper('b', 'BUY', '99'), paper('c', 'SELL', '102'));
    const at = 1_700_000_000_001_234;
    const [one, two, three] = [
      ['1', '99.00', '1.000', at],
      ['2', '99.00', '1.000', at],
      ['3', '102.00', '1.000', at],
    ];
    expect(lines(market, venue.feed('up'))).toEqual([
      ...['book_status buffering', 'book_change whole 7', `book_orders ${JSON.stringify([[one, two], [three]])}`],
      ...['book_status synced', 'bbo', 'market 100.5'],
    ]);
    lines(market, venue.order('f1', 'BUY', '1', '99'));
    expect(ordersOf(market)).toEqual(['1', '2', 'f1', '3']);
    expect(lines(market, venue.order('f3', 'SELL', '1')).slice(0, 2)).toEqual(['trade', 'F 1']);
  });

  it('goes on for accounts when its venue is lost, and is synced again when it is heard', () => {
    const { market, venue, gateway } = begun();
    const other = new ScriptedInputs('other');
    lines(market, venue.order('f1', 'BUY', '1', '99'));
    expect(lines(market, venue.feed('down'), venue.feed('down'))).toEqual([
      'book_status stale',
      'error market_source_error',
    ]);
    expect(
      lines(market, venue.order('f2', 'BUY', '1', '98'), venue.cancel('f1'), venue.amend('f1', '2', '99')),
    ).toEqual([]);
    expect(lines(market, gateway.order('a', 'SELL', '1', '99', { account: 'alice' }))).toContain('F f1');
    lines(market, venue.feed('up'), other.matched());
    // Another producer has just defined the symbol: the first may have died without a word.
    expect(lines(market, other.feed('down'))).toEqual(['book_status stale', 'error market_source_error']);
    expect(lines(market, venue.order('f3', 'BUY', '1', '99'))).toEqual(['book_status synced', 'A f3', 'book_change 5']);
  });

  it('is that of the last producer to say up: of two producers the other is not listened to', () => {
    const { market, venue } = begun();
    const other = new ScriptedInputs('other');
    lines(market, venue.order('f1', 'BUY', '1', '99'), other.matched(), other.feed('up'));
    expect(lines(market, venue.order('f2', 'BUY', '1', '99'), venue.cancel('f1'), venue.feed('down'))).toEqual([]);
    expect(lines(market, other.order('f1', 'BUY', '1', '99'))).toEqual(['A f1', 'book_change 4']);
  });

  it('with another tick, step or asset begins an empty book, and ends the orders of accounts; its numbers go on', () => {
    for (const [change, orderReason] of [
      [{ tick: '0.1' }, 'CANCELLED symbol_changed'],
      [{ step: '0.01', trading: undefined }, 'CANCELLED symbol_changed'],
      [{ depthRule: 'spot' as const }, 'CANCELLED symbol_changed'],
    ] as const) {
      const { market, venue, gateway } = begun();
      lines(market, venue.order('f1', 'BUY', '1', '99'), gateway.order('a', 'SELL', '1', '101', { account: 'alice' }));
      lines(market, gateway.order('b', 'SELL', '0.5', '99', { account: 'alice' }));
      expect(lines(market, venue.matched(change))).toEqual([
        ...[orderReason, 'order_state', 'symbol', 'book_status buffering', 'account'],
      ]);
      expect(ordersOf(market)).toEqual([]);
      for (const { free, locked, deposited, counterparty } of market.audit().values()) {
        expect([locked, free + counterparty]).toEqual([0n, deposited]);
      }
      if ('depthRule' in change) continue;
      expect(lines(market, venue.feed('up'))[1]).toBe('book_change whole 5');
      lines(market, venue.order('f1', 'BUY', '1', '99'));
      expect(market.apply(venue.order('f2', 'SELL', '1'))[0]?.payload).toContain('"trade_id":2,');
    }
  });

  it("goes on numbering its changes and trades where it was, even after its book has been its venue's", () => {
    const { market, venue } = begun();
    const trade = (id: string) => {
      market.apply(venue.order(`m${id}`, 'SELL', '1', '101'));
      const events = market.apply(venue.order(`t${id}`, 'BUY', '1', '101'));
      const of = (type: string) => events.find(({ topic }) => topic.startsWith(type))?.payload ?? '';
      return [parseEvent('trade', of('trade')).trade_id, parseEvent('book_change', of('book_change')).last];
    };
    expect([trade('a'), trade('b')]).toEqual([
      [1, 3],
      [2, 5],
    ]);
    lines(market, venue.symbol(), venue.feed('up'), venue.snapshot(2, [['99', '1']], [['101', '1']]));
    expect(lines(market, venue.trade(77, '101', '1'))).toEqual(['trade', 'market 101']);
    const restored = Market.restore(market.snapshot());
    const back = [venue.matched({ tick: '0.1' }), venue.feed('up')];
    expect(back.flatMap((input) => market.apply(input))).toEqual(back.flatMap((input) => restored.apply(input)));
    expect(trade('c')).toEqual([3, 8]);
  });

  it('with other rules for its orders goes on as it is', () => {
    const { market, venue, gateway } = begun();
    lines(market, venue.order('f1', 'BUY', '1', '99'), gateway.order('a', 'BUY', '1', '98', { account: 'alice' }));
    const trading = { baseAsset: 'BTC', quoteAsset: 'USD', lot: '0.5', minQty: '1', maxQty: '2', minNotional: '0' };
    expect(lines(market, venue.matched({ trading }))).toEqual(['symbol']);
    expect(ordersOf(market)).toEqual(['f1', '1']);
    const order = gateway.order('b', 'BUY', '0.5', '98', { account: 'alice' });
    expect(lines(market, order)[0]).toBe('REJECTED qty_invalid');
  });

  it('takes no depth, quotes or trades; and other symbols take no orders of a flow', () => {
    const { market, venue } = begun();
    const plain = new ScriptedInputs('plain', 'ETHUSD');
    lines(market, plain.symbol());
    const matched = 'refused: symbol BTCUSD is matched here, from orders alone';
    expect(lines(market, venue.depth(1, 2, [], []))).toEqual([`error input depth:BTCUSD ${matched}`]);
    expect(lines(market, venue.snapshot(1, [], []))).toEqual([`error input depth_snapshot:BTCUSD ${matched}`]);
    expect(lines(market, venue.quote(1))).toEqual([`error input quote:BTCUSD ${matched}`]);
    expect(lines(market, venue.trade(1, '1', '1'))).toEqual([`error input trade:BTCUSD ${matched}`]);
    const plainly = 'refused: symbol ETHUSD is not matched here: it takes orders of accounts only';
    expect(lines(market, plain.order('f', 'BUY', '1'))).toEqual([`error input order:ETHUSD ${plainly}`]);
    expect(lines(market, plain.cancel('f'))).toEqual([`error input cancel:ETHUSD ${plainly}`]);
    expect(lines(market, plain.amend('f', '1', '1'))).toEqual([`error input amend:ETHUSD ${plainly}`]);
  });
});

describe('an order of the flow that the book does not take', () => {
  it.each<[string, (inputs: ScriptedInputs) => Input, string]>([
    [
      'an id that rests',
      (inputs) => inputs.order('f1', 'SELL', '1', '200'),
      'orderId f1 is that of an order in the book',
    ],
    [
      'a price off the tick',
      (inputs) => inputs.order('x', 'BUY', '1', '99.005'),
      'price "99.005" is not a multiple of 0.01',
    ],
    ['a size off the step', (inputs) => inputs.order('x', 'BUY', '0.0005'), 'qty "0.0005" is not a multiple of 0.001'],
    [
      'post-only at market',
      (inputs) => inputs.order('x', 'BUY', '1', undefined, { postOnly: true }),
      'postOnly true is for',
    ],
    [
      'post-only and IOC',
      (inputs) => inputs.order('x', 'BUY', '1', '1', { postOnly: true, tif: 'IOC' }),
      'postOnly true is for',
    ],
    ['a level too large', (inputs) => inputs.order('x', 'BUY', '9007199254740.991', '99'), 'orderId x finds no place'],
    ['an amend off the tick', (inputs) => inputs.amend('f1', '1', '0.001'), 'price "0.001" is not a multiple of 0.01'],
    ['an amend too large', (inputs) => inputs.amend('f2', '9007199254740.991', '99'), 'orderId f2 finds no place'],
  ])('%s: is an error, and changes nothing', (_name, make, message) => {
    const { market, venue } = begun();
    lines(market, venue.order('f1', 'BUY', '1', '99'), venue.order('f2', 'BUY', '1', '98'));
    const before = market.books();
    expect(lines(market, make(venue))).toEqual([expect.stringContaining(message)]);
    expect(market.books()).toEqual(before);
    expect(market.rejectedInputs).toBe(1);
  });

  it('because the book is full: one that matches makes its own room, one of an account is REJECTED', () => {
    const { market, venue, gateway } = begun();
    market.apply(venue.order('best', 'BUY', '0.001', '51'));
    for (let n = 1; n < MATCHED_ORDERS_MAX; n++) market.apply(venue.order(`f${n}`, 'BUY', '0.001', '50'));
    expect(lines(market, venue.order('x', 'BUY', '1', '49'))).toEqual([
      'error input order:BTCUSD refused: orderId x finds no place in the book',
    ]);
    const order = (id: string, side: 'BUY' | 'SELL', price: string) =>
      gateway.order(id, side, '0.1', price, { account: 'alice' });
    expect(lines(market, order('a', 'BUY', '49'))[0]).toBe('REJECTED book_full');
    expect(lines(market, order('b', 'SELL', '51'))).toContain('A 2');
  });
});

describe('what is derived from trades and books', () => {
  it('is derived from matched ones too: bars, ticker, analytics, anomalies, snapshots', () => {
    const market = new Market({
      largeTradeWarmupTrades: 1,
      largeTradeFactor: 1,
      wideSpreadBps: 1,
      wideSpreadWarmupSeconds: 1,
    });
    const venue = new ScriptedInputs('simulator');
    lines(market, venue.clock(SCRIPT_SECOND), venue.matched(), venue.feed('up'));
    lines(market, venue.order('s', 'SELL', '5', '101'), venue.order('b', 'BUY', '5', '99'));
    lines(market, venue.order('x', 'BUY', '0.5'));
    const events = market.apply(venue.clock(SCRIPT_SECOND + 1));
    expect(events.map(({ topic }) => topic.split(':')[0])).toEqual([
      ...['clock', 'book_snapshot', 'kline', 'kline', 'kline', 'kline', 'kline', 'kline', 'ticker', 'analytics'],
    ]);
    const payload = (type: string) => parsePayload(events.find(({ topic }) => topic.startsWith(type))?.payload ?? '');
    expect(payload('book_snapshot')).toMatchObject({
      bids: [['99.00', '5.000']],
      asks: [['101.00', '4.500']],
      bid_orders: [['b', '99.00', '5.000', 1_700_000_000_001_234]],
      ask_orders: [['s', '101.00', '4.500', 1_700_000_000_001_234]],
    });
    expect(payload('kline')).toMatchObject({ close: 101, volume: 0.5, buy_volume: 0.5, trades: 1 });
    expect(payload('analytics')).toMatchObject({ spread: 2, mid: 100, imbalance: 0.052632 });
    // Told after the trade's book and price.
    expect(lines(market, venue.order('y', 'BUY', '1')).slice(-3)).toEqual(['bbo', 'market 101', 'anomaly']);
    expect(lines(market, venue.clock(SCRIPT_SECOND + 2)).at(-1)).toBe('anomaly');
  });

  it('a book snapshot alone is the whole book, with the checksums of levels and orders', () => {
    const { market, venue } = begun();
    lines(market, venue.order('a', 'BUY', '1', '99'), venue.order('b', 'BUY', '2', '99'));
    lines(market, venue.order('c', 'SELL', '1', '100'));
    const told = market.apply(venue.clock(SCRIPT_SECOND + 1)).find(({ topic }) => topic.startsWith('book_snapshot'));
    const snapshot = parseEvent('book_snapshot', told?.payload ?? '');
    const book = new L3Book(Scale.ofStep('0.01'), Scale.ofStep('0.001'));
    for (const [side, orders] of [['bid', snapshot.bid_orders] as const, ['ask', snapshot.ask_orders] as const]) {
      for (const [id, price, qty, tsUs] of orders ?? []) {
        book.add(id, side, book.priceScale.parse(price), book.sizeScale.parse(qty), tsUs);
      }
    }
    expect(Array.from(book.orders('bid'), ({ id }) => id)).toEqual(['a', 'b']);
    expect([book.ordersChecksum(), book.checksum()]).toEqual([snapshot.orders_checksum, snapshot.checksum]);
  });
});
