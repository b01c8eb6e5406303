import type { Input, InputOf, LogEvent, TimeInForce } from '@depthcast/protocol';
import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { Market } from '../market.ts';
import { SCRIPT_SECOND, ScriptedInputs } from '../scripted-inputs.ts';
import { EventReplica } from './event-replica.ts';
import { type NaiveOrder, type NaiveTrade, NaiveVenue } from './naive-venue.ts';

/** Prices from 10.0 to 13.0, sizes of up to 0.8; what an account has is enough for two or three orders. */
const TICK = 0.5;
const STEP = 0.1;
const RULES = { lotLots: 2, minLots: 2, maxLots: 6, minNotional: 44, base: 12, quote: 300 };
const SYMBOL = {
  tick: '0.5',
  step: '0.1',
  trading: { baseAsset: 'BTC', quoteAsset: 'USD', lot: '0.2', minQty: '0.2', maxQty: '0.6', minNotional: '2.2' },
};
const BALANCES = { paperBalances: 'USD:15,BTC:1.2' };
const SOURCES = ['sim-1', 'sim-1', 'sim-1', 'sim-2'] as const;
const WHO = [undefined, undefined, undefined, 'ann', 'bob', 'cid'] as const;

type Step =
  | { kind: 'order'; who: (typeof WHO)[number]; id: number; order: OrderStep; src: string }
  | { kind: 'cancel'; nth: number; src: string }
  | { kind: 'amend'; nth: number; price: number; lots: number; src: string }
  | { kind: 'feed'; status: 'up' | 'down'; src: string }
  | { kind: 'clock' };

interface OrderStep {
  buys: boolean;
  price: number | undefined;
  lots: number;
  tif: TimeInForce;
  postOnly: boolean;
}

const src = fc.constantFrom(...SOURCES);
const price = fc.integer({ min: 20, max: 26 });
const lots = fc.integer({ min: 1, max: 8 });
const orderStep: fc.Arbitrary<OrderStep> = fc.record({
  buys: fc.boolean(),
  price: fc.option(price, { nil: undefined, freq: 6 }),
  lots: fc.oneof(lots, fc.constantFrom(2, 4, 6)),
  tif: fc.constantFrom<TimeInForce[]>('GTC', 'GTC', 'GTC', 'GTC', 'IOC', 'FOK'),
  postOnly: fc.constantFrom(false, false, false, false, false, false, true),
});
const nth = fc.nat(30);

const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 12,
    arbitrary: fc.record({
      kind: fc.constant('order' as const),
      who: fc.constantFrom(...WHO),
      id: fc.nat(40),
      order: orderStep,
      src,
    }),
  },
  { weight: 3, arbitrary: fc.record({ kind: fc.constant('cancel' as const), nth, src }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('amend' as const), nth, price, lots, src }) },
  {
    weight: 1,
    arbitrary: fc.record({
      kind: fc.constant('feed' as const),
      status: fc.constantFrom<('up' | 'down')[]>('up', 'up', 'down'),
      src: fc.constantFrom<string[]>('sim-1', 'sim-1', 'sim-2'),
    }),
  },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('clock' as const) }) },
);
const steps = fc.array(step, { minLength: 1, maxLength: 24, size: 'max' });

/** What came of all sequences, so that it can be told whether they reach everything. */
const seen = new Set<string>();

/** Both sides of one story, step by step. */
class Trial {
  readonly market = new Market(BALANCES);
  readonly venue = new NaiveVenue(RULES);
  readonly replica = new EventReplica();
  readonly #producers = new Map(['sim-1', 'sim-2', 'gateway'].map((name) => [name, new ScriptedInputs(name)]));
  readonly #placed: NaiveOrder[] = [];
  #second = SCRIPT_SECOND;
  #fills: string[] = [];
  #trades: string[] = [];

  constructor() {
    this.#apply(this.#of('sim-1').matched(SYMBOL));
    this.#apply(this.#of('sim-1').clock(SCRIPT_SECOND));
  }

  play(step: Step): void {
    this.#fills = [];
    this.#trades = [];
    const trades = this.#play(step);
    same(this.#trades, trades.map(shownTrade), 'trades');
    same(this.#fills, trades.flatMap(shownFills), 'fills');
    this.#compareBooks();
    this.#compareAudit();
  }

  /** What accounts have been told in all, against what the naive venue has. */
  compareAccounts(): void {
    for (const [key, order] of this.venue.orders) {
      const told = this.replica.standings.get(key);
      seen.add(`${order.status} ${order.reason}`);
      const executed = order.lots - order.left;
      const average = executed === 0 ? 0 : (order.cost * TICK) / executed;
      same(
        [told?.status, told?.reason, Math.round((told?.executed_qty ?? -1) / STEP)],
        [order.status, order.reason, executed],
        key,
      );
      same(Math.abs((told?.avg_price ?? -1) - average) < 0.001, true, 'average price');
    }
    for (const [name, { base, baseLocked, quote, quoteLocked }] of this.venue.accounts) {
      const told = this.replica.balances.get(name);
      const [btc, usd] = [told?.get('BTC'), told?.get('USD')];
      const units = (amount: number | undefined, unit: number) => Math.round((amount ?? -1) / unit);
      same(
        [
          units(btc?.free, STEP),
          units(btc?.locked, STEP),
          units(usd?.free, TICK * STEP),
          units(usd?.locked, TICK * STEP),
        ],
        [base, baseLocked, quote, quoteLocked],
        name,
      );
      const state = JSON.parse(this.market.accountsState()).accounts[name].balances;
      const list = ['USD', 'BTC'].map((asset) => ({ asset, ...told?.get(asset) }));
      same(state, list, `state of ${name}`);
    }
  }

  #play(step: Step): NaiveTrade[] {
    const { venue } = this;
    if (step.kind === 'clock') {
      this.#apply(this.#of('sim-1').clock(++this.#second));
      return [];
    }
    const producer = this.#of(step.src);
    if (step.kind === 'feed') {
      this.#apply(producer.feed(step.status));
      if (step.status === 'up') venue.up(step.src);
      else venue.down(step.src);
      return [];
    }
    if (step.kind === 'order') return this.#order(step);
    const order = this.#placed[step.nth % Math.max(1, this.#placed.length)];
    if (step.kind === 'cancel') {
      if (order?.who === undefined) this.#apply(producer.cancel(order?.id ?? 'none'));
      else {
        const named = step.nth % 2 === 0 ? {} : { symbol: undefined };
        this.#apply(this.#of('gateway').cancel(order.id, { account: order.who, ...named }));
      }
      venue.cancel(order?.who, order?.id ?? 'none', step.src);
      return [];
    }
    const id = order?.who === undefined ? (order?.id ?? 'none') : 'none';
    this.#apply(producer.amend(id, sizeText(step.lots), priceText(step.price)));
    return venue.amend(id, step.price, step.lots, step.src);
  }

  #order({ who, id, order, src: from }: Step & { kind: 'order' }): NaiveTrade[] {
    const placed: NaiveOrder = {
      ...order,
      who,
      // Few ids of accounts, so that they come again.
      id: who === undefined ? `f${this.#placed.length}` : `${id}`,
      tif: order.price === undefined && order.tif === 'GTC' ? 'IOC' : order.tif,
      left: order.lots,
      status: '',
      reason: '',
      cost: 0,
    };
    const overrides: Partial<InputOf<'order'>> = {
      ...(who === undefined ? {} : { account: who }),
      ...(order.tif === 'GTC' ? {} : { tif: order.tif }),
      ...(order.postOnly ? { postOnly: true } : {}),
    };
    const side = order.buys ? ('BUY' as const) : ('SELL' as const);
    const limit = order.price === undefined ? undefined : priceText(order.price);
    const producer = this.#of(who === undefined ? from : 'gateway');
    const isKnown = who !== undefined && this.venue.orders.has(`${who}/${placed.id}`);
    const events = this.#apply(producer.order(placed.id, side, sizeText(order.lots), limit, overrides));
    if (isKnown)
      same(
        events.map(({ topic }) => topic.split(':')[0]),
        ['order_state'],
        'an order sent twice',
      );
    // What an order of the flow cannot be is said to nobody but as an error.
    const refused = events.some(({ topic }) => topic === 'error');
    if (refused) seen.add('error');
    same(refused, who === undefined && order.postOnly && from === this.venue.owner && !canBePostOnly(order), 'error');
    this.#placed.push(placed);
    return this.venue.place(placed, from);
  }

  #apply(input: Input): LogEvent[] {
    const events = this.market.apply(input);
    for (const logged of events) {
      const { type, account, event } = this.replica.apply(logged);
      seen.add(type);
      const { price: at, qty, side, client_order_id: id } = event as Record<string, number>;
      if (type === 'trade') this.#trades.push([ticksOf(at), lotsOf(qty), side].join(' '));
      if (type === 'fill') this.#fills.push([account, id, ticksOf(at), lotsOf(qty)].join(' '));
    }
    return events;
  }

  #compareBooks(): void {
    const { orders, levels } = this.replica;
    const numbers = new Map<string | undefined, string>();
    for (const [key, { venue_order_id: id }] of this.replica.standings) numbers.set(id, key);
    for (const [side, buys, sign] of [['bid', true, -1] as const, ['ask', false, 1] as const]) {
      const told = Array.from(orders.orders(side), ({ id, price: at, size }) => [numbers.get(id) ?? id, at, size]);
      const expected = this.venue.resting
        .filter((order) => order.buys === buys)
        .sort((a, b) => sign * ((a.price as number) - (b.price as number)))
        .map(({ who, id, price: at, left }) => [who === undefined ? id : `${who}/${id}`, at, left]);
      same(told, expected, side);
      same(levels.wireLevels(side), orders.wireLevels(side), `levels of ${side}`);
    }
    same((orders.spread() ?? 1) > 0, true, 'not crossed');
  }

  /** What a gateway loads is what a reader of the events has. */
  compareStored(): void {
    const { orders, levels } = this.replica;
    const stored = this.market.books()[0]?.book;
    for (const side of ['bid', 'ask'] as const) {
      same(stored?.[side === 'bid' ? 'bids' : 'asks'], levels.wireLevels(side), `stored levels of ${side}`);
      const wire = Array.from(orders.orders(side), ({ id, price: at, size, tsUs }) => [
        id,
        orders.priceScale.format(at),
        orders.sizeScale.format(size),
        tsUs,
      ]);
      same(stored?.orders?.[side === 'bid' ? 'bids' : 'asks'], wire, `stored orders of ${side}`);
    }
  }

  #compareAudit(): void {
    for (const [asset, audit] of this.market.audit()) {
      const { deposited, free, locked, lockedByOrders, counterparty } = audit;
      const sound =
        free + locked + counterparty === deposited && locked === lockedByOrders && free >= 0n && locked >= 0n;
      if (!sound) expect({ asset, ...audit }).toBe('balanced');
    }
  }

  #of(name: string): ScriptedInputs {
    return this.#producers.get(name) as ScriptedInputs;
  }
}

function canBePostOnly({ price: at, tif }: OrderStep): boolean {
  return at !== undefined && tif === 'GTC';
}

function priceText(ticks: number): string {
  return (ticks * TICK).toFixed(1);
}

function sizeText(size: number): string {
  return (size * STEP).toFixed(1);
}

function ticksOf(value: number | undefined): number {
  return Math.round((value ?? -1) / TICK);
}

function lotsOf(value: number | undefined): number {
  return Math.round((value ?? -1) / STEP);
}

function shownTrade({ price: at, lots: size, taker }: NaiveTrade): string {
  return [at, size, taker.buys ? 'BUY' : 'SELL'].join(' ');
}

/** The taker's fill, then the maker's, of those that are accounts'. */
function shownFills({ price: at, lots: size, taker, maker }: NaiveTrade): string[] {
  const paper = [taker, maker].filter(({ who }) => who !== undefined);
  return paper.map(({ who, id }) => [who, id, at, size].join(' '));
}

/** `expect` costs more than a step: it is asked only once the texts differ. */
function same(got: unknown, expected: unknown, what: string): void {
  if (JSON.stringify(got) !== JSON.stringify(expected)) expect({ [what]: got }).toEqual({ [what]: expected });
}

describe('a matched market equals a naive model of it', () => {
  it('in trades, fills of both sides, resting orders and levels as its events tell them, after every input of 10,000 sequences; in every standing and balance at their ends', () => {
    let inputs = 0;
    fc.assert(
      fc.property(steps, (list) => {
        const trial = new Trial();
        // Most stories begin with a venue that is there.
        if (list.length % 8 !== 0) trial.play({ kind: 'feed', status: 'up', src: 'sim-1' });
        for (const next of list) trial.play(next);
        trial.compareAccounts();
        trial.compareStored();
        inputs += list.length;
        if (trial.replica.checksums > 0) seen.add('checksum');
      }),
      { numRuns: 10_000 },
    );
    expect(inputs).toBeGreaterThan(100_000);
    const reached = [
      ...['ACCEPTED ', 'PARTIALLY_FILLED ', 'FILLED ', 'CANCELLED ', 'EXPIRED self_trade', 'EXPIRED no_liquidity'],
      ...[
        'EXPIRED not_filled_at_once',
        'REJECTED post_only',
        'REJECTED insufficient_balance',
        'REJECTED order_invalid',
      ],
      ...['REJECTED qty_invalid', 'REJECTED notional_too_small', 'REJECTED book_not_synced', 'checksum', 'error'],
      ...['trade', 'fill', 'book_order', 'book_orders', 'book_change', 'bbo', 'market', 'position', 'account', 'kline'],
    ];
    expect(reached.filter((word) => !seen.has(word))).toEqual([]);
  }, 120_000);
});
