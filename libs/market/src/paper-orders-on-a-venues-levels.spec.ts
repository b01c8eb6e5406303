import type { Input } from '@depthcast/protocol';
import { describe, expect, it } from '@jest/globals';
import { Market } from './market.ts';
import { SCRIPT_SECOND, SCRIPT_TRADING, ScriptedInputs } from './scripted-inputs.ts';

type Levels = [string, string][];

const BIDS: Levels = [
  ['99', '2'],
  ['98', '5'],
];
const ASKS: Levels = [
  ['101', '1'],
  ['102', '3'],
];

/** A symbol of another venue whose book is synced: 2 at 99 and 5 at 98 against 1 at 101 and 3 at 102. */
class Tape {
  readonly venue = new ScriptedInputs('ingest');
  readonly gateway = new ScriptedInputs('gateway');
  readonly market: Market;
  #update = 10;
  #trades = 0;

  constructor(restored?: Market) {
    this.market = restored ?? new Market({ paperBalances: 'USD:100000,BTC:100' });
    if (restored) return;
    this.play(this.venue.symbol({ trading: SCRIPT_TRADING }), this.venue.clock(SCRIPT_SECOND));
    this.snapshot(BIDS, ASKS);
  }

  snapshot(bids: Levels, asks: Levels): string[] {
    return this.play(this.venue.feed('up'), this.venue.snapshot(this.#update, bids, asks));
  }

  depth(bids: Levels, asks: Levels = []): string[] {
    this.#update++;
    return this.play(this.venue.depth(this.#update, this.#update, bids, asks));
  }

  trade(price: string, qty: string, side: 'BUY' | 'SELL'): string[] {
    return this.play(this.venue.trade(++this.#trades, price, qty, side));
  }

  order(account: string, id: string, side: 'BUY' | 'SELL', qty: string, price?: string, more = {}): string[] {
    return this.play(this.gateway.order(id, side, qty, price, { account, ...more }));
  }

  cancel(account: string, id: string): string[] {
    return this.play(this.gateway.cancel(id, { account }));
  }

  /** What accounts are told of their orders; all else must be what the venue has said anyway. */
  play(...inputs: Input[]): string[] {
    return inputs
      .flatMap((input) => this.market.apply(input))
      .flatMap(({ topic, payload }) => {
        const [type, , account] = topic.split(':');
        const { status, reason, qty, price, client_order_id: id } = JSON.parse(payload);
        if (type === 'fill') return [`${account} ${id} ${qty} at ${price}`];
        if (type !== 'order_update') return [];
        return status === 'PARTIALLY_FILLED' ? [] : [`${account} ${id} ${status}${reason ? ` ${reason}` : ''}`];
      });
  }
}

describe('the part that can trade at once', () => {
  it('walks the displayed book at its prices; the venue has not traded, and its book is as it was', () => {
    const tape = new Tape();
    const before = tape.market.books();
    const events = tape.market.apply(tape.gateway.order('a', 'BUY', '2', '102', { account: 'ann' }));
    expect(events.map(({ topic }) => topic.split(':')[0])).toEqual([
      ...['order_update', 'order_state', 'fill', 'order_update', 'order_state', 'fill', 'order_update', 'order_state'],
      ...['account', 'position'],
    ]);
    expect(events.filter(({ topic }) => topic.startsWith('fill')).map(({ payload }) => JSON.parse(payload))).toEqual([
      expect.objectContaining({ client_order_id: 'a', qty: 1, price: 101 }),
      expect.objectContaining({ client_order_id: 'a', qty: 1, price: 102 }),
    ]);
    expect(tape.market.books()).toEqual(before);
  });

  it('does not take the same lots twice, whoever comes, until the venue changes that level', () => {
    const tape = new Tape();
    expect(tape.order('ann', 'a', 'BUY', '2.5')).toEqual([
      'ann a ACCEPTED',
      'ann a 1 at 101',
      'ann a 1.5 at 102',
      'ann a FILLED',
    ]);
    expect(tape.order('bob', 'b', 'BUY', '2')).toEqual([
      ...['bob b ACCEPTED', 'bob b 1.5 at 102', 'bob b EXPIRED not_filled_at_once'],
    ]);
    expect(tape.order('bob', 'c', 'BUY', '1')).toEqual(['bob c ACCEPTED', 'bob c EXPIRED no_liquidity']);
    // The other level is still taken.
    tape.depth([], [['101', '4']]);
    expect(tape.order('bob', 'd', 'BUY', '5', undefined, { tif: 'FOK' })).toEqual([
      ...['bob d ACCEPTED', 'bob d EXPIRED not_filled_at_once'],
    ]);
    expect(tape.order('bob', 'e', 'BUY', '5', '102', { tif: 'IOC' })).toEqual([
      ...['bob e ACCEPTED', 'bob e 4 at 101', 'bob e EXPIRED not_filled_at_once'],
    ]);
    tape.snapshot(BIDS, ASKS);
    expect(tape.order('bob', 'f', 'BUY', '4', '102', { tif: 'FOK' }).at(-1)).toBe('bob f FILLED');
  });

  it('is of no post-only order, which goes by the same: what is displayed, less what has been taken', () => {
    const tape = new Tape();
    tape.order('ann', 'a', 'BUY', '0.9', '101');
    expect(tape.order('ann', 'b', 'BUY', '1', '101', { postOnly: true })).toEqual(['ann b REJECTED post_only']);
    expect(tape.order('ann', 'c', 'BUY', '1', '100.99', { postOnly: true })).toEqual(['ann c ACCEPTED']);
    tape.order('ann', 'd', 'BUY', '0.1', '101');
    expect(tape.order('ann', 'e', 'BUY', '1', '101', { postOnly: true })).toEqual(['ann e ACCEPTED']);
    expect(tape.order('ann', 'f', 'BUY', '1', '102', { postOnly: true })).toEqual(['ann f REJECTED post_only']);
  });

  it.each([
    ['gap', (tape: Tape) => tape.play(tape.venue.depth(50, 51, [], []))],
    ['stale', (tape: Tape) => tape.play(tape.venue.feed('down'))],
    ['buffering', (tape: Tape) => tape.play(tape.venue.feed('up'))],
  ])('is of no order while the book is not synced (%s): it is REJECTED, whatever its price', (_status, unsync) => {
    const tape = new Tape();
    unsync(tape);
    expect(tape.order('ann', 'a', 'BUY', '1')).toEqual(['ann a REJECTED book_not_synced']);
    expect(tape.order('ann', 'b', 'BUY', '1', '90')).toEqual(['ann b REJECTED book_not_synced']);
  });
});

describe('a resting order', () => {
  it('trades only after what its price showed when it came has traded: trades at its price take of that first', () => {
    const tape = new Tape();
    expect(tape.order('ann', 'a', 'BUY', '1', '99')).toEqual(['ann a ACCEPTED']);
    expect(tape.trade('99', '1.5', 'SELL')).toEqual([]);
    // 0.5 are ahead of it still; of 0.9 it gets 0.4.
    expect(tape.trade('99', '0.9', 'SELL')).toEqual(['ann a 0.4 at 99']);
    expect(tape.trade('99', '5', 'SELL')).toEqual(['ann a 0.6 at 99', 'ann a FILLED']);
    expect(tape.trade('99', '5', 'SELL')).toEqual([]);
  });

  it('does not trade with takers of its own side, nor at prices that do not reach it', () => {
    const tape = new Tape();
    tape.order('ann', 'a', 'BUY', '1', '98.5');
    expect(tape.trade('98.5', '9', 'BUY')).toEqual([]);
    expect(tape.trade('98.51', '9', 'SELL')).toEqual([]);
    expect(tape.trade('98.5', '0.5', 'SELL')).toEqual(['ann a 0.5 at 98.5']);
  });

  it('trades at its own price, up to the size of a trade beyond it, and then nothing is ahead of it', () => {
    const tape = new Tape();
    tape.order('ann', 'a', 'BUY', '1', '99');
    expect(tape.trade('98.5', '0.3', 'SELL')).toEqual(['ann a 0.3 at 99']);
    expect(tape.trade('99', '0.1', 'SELL')).toEqual(['ann a 0.1 at 99']);
    expect(tape.trade('98.5', '9', 'SELL')).toEqual(['ann a 0.6 at 99', 'ann a FILLED']);
  });

  it('has no more ahead of it than its price shows: who cancels is taken to have stood behind', () => {
    const tape = new Tape();
    tape.order('ann', 'a', 'BUY', '1', '99');
    tape.depth([['99', '1.9']]);
    tape.depth([['99', '7']]);
    expect(tape.trade('99', '1.9', 'SELL')).toEqual([]);
    expect(tape.trade('99', '0.1', 'SELL')).toEqual(['ann a 0.1 at 99']);
    const other = new Tape();
    other.order('ann', 'a', 'BUY', '1', '99');
    other.snapshot([['98', '5']], ASKS);
    expect(other.trade('99', '0.1', 'SELL')).toEqual(['ann a 0.1 at 99']);
  });

  it('shares a trade with the others that it reaches, by price, then time', () => {
    const tape = new Tape();
    tape.order('ann', 'later', 'SELL', '1', '101.5');
    tape.order('bob', 'best', 'SELL', '1', '100');
    tape.order('bob', 'last', 'SELL', '1', '101.5');
    // Beyond all: the best first, then the older of the two.
    expect(tape.trade('103', '2.5', 'BUY')).toEqual([
      ...['bob best 1 at 100', 'bob best FILLED', 'ann later 1 at 101.5', 'ann later FILLED', 'bob last 0.5 at 101.5'],
    ]);
    // Both wait behind what was shown before either came.
    const same = new Tape();
    same.order('ann', 'a', 'SELL', '0.2', '101');
    same.order('bob', 'b', 'SELL', '0.2', '101');
    expect(same.trade('101', '1.3', 'BUY')).toEqual(['ann a 0.2 at 101', 'ann a FILLED', 'bob b 0.1 at 101']);
  });

  it('is what a GTC leaves; its account can take it out, and other accounts do not meet it', () => {
    const tape = new Tape();
    expect(tape.order('ann', 'a', 'BUY', '1.5', '101')).toEqual(['ann a ACCEPTED', 'ann a 1 at 101']);
    expect(tape.order('bob', 'b', 'SELL', '1', '101')).toEqual(['bob b ACCEPTED']);
    expect(tape.cancel('bob', 'a')).toEqual(['bob a REJECTED unknown_order']);
    expect(tape.cancel('ann', 'a')).toEqual(['ann a CANCELLED']);
    expect(tape.trade('90', '9', 'SELL')).toEqual([]);
    expect(tape.trade('101.5', '9', 'BUY')).toEqual(['bob b 1 at 101', 'bob b FILLED']);
  });

  it('ends when its symbol becomes another one', () => {
    const tape = new Tape();
    tape.order('ann', 'a', 'BUY', '1', '90');
    expect(tape.play(tape.venue.symbol({ trading: SCRIPT_TRADING, venue: 'again' }))).toEqual([]);
    expect(tape.play(tape.venue.symbol({ trading: { ...SCRIPT_TRADING, quoteAsset: 'EUR' } }))).toEqual([
      'ann a CANCELLED symbol_changed',
    ]);
    expect(tape.trade('80', '9', 'SELL')).toEqual([]);
  });

  it('is in the state: what is ahead of it, who is before whom, and what has been taken', () => {
    const story = (tape: Tape) => {
      tape.order('ann', 'a', 'BUY', '1', '99');
      tape.order('bob', 'b', 'BUY', '1', '99');
      tape.order('bob', 'c', 'BUY', '2', '102');
      tape.trade('99', '0.5', 'SELL');
    };
    const tape = new Tape();
    story(tape);
    const restored = new Tape(Market.restore(tape.market.snapshot()));
    const inputs = [
      tape.venue.trade(50, '99', '2.25', 'SELL'),
      tape.gateway.order('d', 'BUY', '3', '102', { account: 'cid' }),
      tape.venue.trade(51, '98', '1.5', 'SELL'),
    ];
    const told = inputs.map((input) => tape.play(input));
    expect(inputs.map((input) => restored.play(input))).toEqual(told);
    expect(told).toEqual([
      ['ann a 0.75 at 99'],
      ['cid d ACCEPTED', 'cid d 2 at 102'],
      // What is left of the third rests at the best price.
      ['cid d 1 at 102', 'cid d FILLED', 'ann a 0.25 at 99', 'ann a FILLED', 'bob b 0.25 at 99'],
    ]);
    expect(restored.market.snapshot()).toBe(tape.market.snapshot());
  });
});

it('of every asset all that there is is somewhere, after each step', () => {
  const tape = new Tape();
  const steps = [
    () => tape.order('ann', 'a', 'BUY', '2', '102'),
    () => tape.order('bob', 'b', 'SELL', '9', '98'),
    () => tape.trade('99', '3', 'BUY'),
    () => tape.order('ann', 'c', 'SELL', '1'),
    () => tape.cancel('bob', 'b'),
  ];
  for (const step of steps) {
    step();
    for (const { free, locked, lockedByOrders, counterparty, deposited } of tape.market.audit().values()) {
      expect([free + locked + counterparty, locked]).toEqual([deposited, lockedByOrders]);
    }
  }
});
