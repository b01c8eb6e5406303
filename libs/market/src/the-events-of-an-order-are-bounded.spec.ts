import type { Input, LogEvent } from '@depthcast/protocol';
import { describe, expect, it } from '@jest/globals';
import { Market } from './market.ts';
import { MATCHES_MAX } from './matching/plan.ts';
import { SCRIPT_SECOND, SCRIPT_TRADING, ScriptedInputs } from './scripted-inputs.ts';
import { PAPER_ORDERS_MAX } from './symbol-core.ts';
import { CLOCK_EVENTS_MAX } from './symbol-table.ts';

/** What one append may hold. */
const APPEND_ENTRIES_MAX = 16_000;

class Crowd {
  readonly market = new Market();
  readonly venue = new ScriptedInputs('venue');
  readonly gateway = new ScriptedInputs('gateway');

  constructor(define: (venue: ScriptedInputs) => Input[]) {
    const { venue } = this;
    for (const input of [venue.clock(SCRIPT_SECOND), ...define(venue)]) this.market.apply(input);
  }

  static matched(): Crowd {
    return new Crowd((venue) => [venue.matched(), venue.feed('up')]);
  }

  static levels(): Crowd {
    return new Crowd((venue) => [
      venue.symbol({ trading: SCRIPT_TRADING }),
      venue.snapshot(1, [['99', '1']], [['101', '100']]),
    ]);
  }

  /** Each of so many accounts has one order. */
  rest(accounts: number, side: 'BUY' | 'SELL', price: string): void {
    for (let n = 0; n < accounts; n++) this.order(`account-${n}`, side, '0.02', price);
  }

  order(account: string, side: 'BUY' | 'SELL', qty: string, price?: string): LogEvent[] {
    return this.market.apply(this.gateway.order('x', side, qty, price, { account }));
  }
}

function countOf(events: LogEvent[], type: string): number {
  return events.filter(({ topic }) => topic.split(':')[0] === type).length;
}

describe('the events of one input stay within what is appended as a whole', () => {
  it('an order that meets as many accounts as it may: what is left of it expires', () => {
    const crowd = Crowd.matched();
    crowd.rest(MATCHES_MAX + 5, 'SELL', '2000');
    const events = crowd.order('whale', 'BUY', '100', '2000');
    expect(countOf(events, 'trade')).toBe(MATCHES_MAX);
    // Two of ACCEPTED, eight a match, two of EXPIRED, the book, the price, two of each account; and a large trade.
    expect(events.length).toBeGreaterThanOrEqual(2 + MATCHES_MAX * 8 + 2 + 2 + (MATCHES_MAX + 1) * 2);
    expect(events.length).toBeLessThan(APPEND_ENTRIES_MAX);
    const states = events.filter(({ topic }) => topic === 'order_state:BTCUSD:whale');
    expect(states.at(-1)?.payload).toContain('"executed_qty":20,"avg_price":2000,"reason":"match_limit"');
    expect(crowd.market.books()[0]?.book.orders).toMatchObject({ bids: [], asks: { length: 5 } });
  });

  it('an order of the flow that meets as many: what is left of it is gone', () => {
    const crowd = Crowd.matched();
    crowd.rest(MATCHES_MAX + 5, 'SELL', '2000');
    const events = crowd.market.apply(crowd.venue.order('f', 'BUY', '100', '2000'));
    expect([countOf(events, 'trade'), countOf(events, 'fill')]).toEqual([MATCHES_MAX, MATCHES_MAX]);
    expect(crowd.market.books()[0]?.book.orders).toMatchObject({ bids: [], asks: { length: 5 } });
  });

  it('a trade of a venue that reaches more orders than it may fill: the others wait for the next', () => {
    const crowd = Crowd.levels();
    crowd.rest(MATCHES_MAX + 5, 'BUY', '98');
    const trade = () => crowd.market.apply(crowd.venue.trade(1, '97', '500', 'SELL'));
    expect(countOf(trade(), 'fill')).toBe(MATCHES_MAX);
    expect(countOf(trade(), 'fill')).toBe(5);
    expect(countOf(trade(), 'fill')).toBe(0);
  });

  it('an order that walks more levels than it may: what is left of it expires', () => {
    const crowd = Crowd.levels();
    const asks = Array.from({ length: MATCHES_MAX + 5 }, (_, n): [string, string] => [`${200 + n}`, '0.001']);
    crowd.market.apply(crowd.venue.feed('up'));
    crowd.market.apply(crowd.venue.snapshot(1, [], asks));
    const events = crowd.order('whale', 'BUY', '100', '5000');
    expect(countOf(events, 'fill')).toBe(MATCHES_MAX);
    expect(events.find(({ payload }) => payload.includes('"EXPIRED"'))?.payload).toContain('"reason":"match_limit"');
  });

  it('a clock that moves more symbols and positions than it may tell of', () => {
    const crowd = Crowd.matched();
    const [accounts, symbols] = [1_500, 2_000];
    crowd.market.apply(crowd.venue.order('f', 'SELL', '100', '101'));
    for (let n = 0; n < accounts; n++) crowd.order(`account-${n}`, 'BUY', '0.01');
    for (let n = 0; n < symbols; n++) {
      const other = new ScriptedInputs(`p${n}`, `S${n}`);
      crowd.market.apply(other.symbol());
      crowd.market.apply(other.trade(1, '5', '1'));
    }
    // The price moves under all positions.
    crowd.market.apply(crowd.venue.order('g', 'BUY', '1', '100'));
    crowd.market.apply(crowd.venue.order('h', 'SELL', '0.5'));
    const events = crowd.market.apply(crowd.venue.clock(SCRIPT_SECOND + 1));
    expect(countOf(events, 'position')).toBe(1_000);
    expect(events.length).toBeGreaterThan(CLOCK_EVENTS_MAX);
    expect(events.length).toBeLessThan(APPEND_ENTRIES_MAX);
    expect(countOf(crowd.market.apply(crowd.venue.clock(SCRIPT_SECOND + 2)), 'position')).toBeGreaterThanOrEqual(500);
  });

  it.each([
    [
      'matched',
      Crowd.matched,
      (venue: ScriptedInputs) => venue.order('f', 'SELL', '0.02'),
      (venue: ScriptedInputs) => venue.matched({ tick: '0.1' }),
    ],
    [
      'of levels',
      Crowd.levels,
      (venue: ScriptedInputs) => venue.trade(1, '49', '0.02', 'SELL'),
      (venue: ScriptedInputs) => venue.symbol({ tick: '0.1', trading: SCRIPT_TRADING }),
    ],
  ] as const)('a symbol (%s) that ends as many orders as it may have', (_kind, begin, fill, change) => {
    const crowd = begin();
    crowd.rest(PAPER_ORDERS_MAX, 'BUY', '50');
    const [refused] = crowd.order('late', 'BUY', '1', '50');
    expect(refused?.payload).toContain('"status":"REJECTED"');
    expect(refused?.payload).toContain('"reason":"book_full"');
    // One that is filled makes room for another.
    crowd.market.apply(fill(crowd.venue));
    expect(crowd.order('next', 'BUY', '1', '50')[0]?.payload).toContain('"status":"ACCEPTED"');
    const events = crowd.market.apply(change(crowd.venue));
    expect(countOf(events, 'order_update')).toBe(PAPER_ORDERS_MAX);
    expect(countOf(events, 'account')).toBe(PAPER_ORDERS_MAX);
    expect(events.length).toBeLessThan(APPEND_ENTRIES_MAX);
    expect(crowd.order('new', 'BUY', '1', '50')[0]?.payload).toContain('book_not_synced');
  });
});
