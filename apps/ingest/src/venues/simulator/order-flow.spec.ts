import { L3Book } from '@depthcast/book';
import { inputSchema, Scale } from '@depthcast/protocol';
import { describe, expect, it } from '@jest/globals';
import { RANGE } from './fair-price.ts';
import { type FlowInput, OrderFlow } from './order-flow.ts';
import { symbolProfile } from './symbol-profile.ts';

const US = 1_767_225_600_000_000;
const ORDERS = 800;
const INPUTS = 50_000;

/** The least that matches: whoever crosses trades with the best, and what is left of a limit order rests. */
class TinyMatcher {
  readonly book: L3Book;
  readonly counts = { limit: 0, market: 0, ioc: 0, cancel: 0, amend: 0, missed: 0, trades: 0, unmet: 0 };
  readonly problems: string[] = [];
  readonly sizes: number[] = [];
  readonly #ids = new Set<string>();

  constructor(tick: string, step: string) {
    this.book = new L3Book(Scale.ofStep(tick), Scale.ofStep(step));
  }

  accept(input: FlowInput): void {
    const { book } = this;
    if (input.type === 'cancel') {
      this.counts.cancel++;
      if (book.cancel(input.orderId) === 0) this.counts.missed++;
      return;
    }
    const ticks = input.price === undefined ? undefined : book.priceScale.parse(input.price);
    const lots = book.sizeScale.parse(input.qty);
    if (input.type === 'order') {
      if (this.#ids.has(input.orderId)) this.problems.push(`${input.orderId} twice`);
      this.#ids.add(input.orderId);
      this.counts[ticks === undefined ? 'market' : input.tif === 'IOC' ? 'ioc' : 'limit']++;
      this.sizes.push(lots);
      this.#match(input.orderId, input.side === 'BUY' ? 'bid' : 'ask', ticks, lots, input.tif !== 'IOC');
      return;
    }
    this.counts.amend++;
    const old = book.order(input.orderId);
    if (old === undefined || ticks === undefined) return;
    if (ticks === old.price) book.replace(old.id, ticks, lots, US);
    else {
      book.cancel(old.id);
      this.#match(old.id, old.side, ticks, lots, true);
    }
  }

  #match(id: string, side: 'bid' | 'ask', ticks: number | undefined, lots: number, rests: boolean): void {
    const [other, sign] = side === 'bid' ? (['ask', 1] as const) : (['bid', -1] as const);
    let left = lots;
    while (left > 0) {
      const best = this.book.front(other);
      if (best === undefined) this.counts.unmet++;
      if (best === undefined || (ticks !== undefined && sign * (ticks - best.price) < 0)) break;
      left -= this.book.executeFront(other, left)?.size ?? 0;
      this.counts.trades++;
    }
    if (left > 0 && ticks !== undefined && rests) this.book.add(id, side, ticks, left, US);
  }
}

const quantile = (values: readonly number[], share: number): number =>
  [...values].sort((a, b) => a - b)[Math.floor(share * (values.length - 1))] as number;

describe.each(['BTCUSD', 'ETHUSD', 'ADAUSD', 'ANYTHING', '1000PEPE-X'])('the order flow of %s, matched', (symbol) => {
  const profile = symbolProfile(symbol);
  const flow = new OrderFlow(profile, 7, 'a', ORDERS);
  const matcher = new TinyMatcher(profile.tick, profile.step);
  const { book, counts } = matcher;
  const opening = flow.resting(US);
  for (const input of opening) matcher.accept(input);
  counts.unmet = 0;
  const opened = { trades: counts.trades, bids: book.bids.length, asks: book.asks.length };
  const spreads: number[] = [];
  const orders: number[] = [];
  const levels: number[] = [];
  const mids: number[] = [];
  const bursts: number[] = [];
  let tradingUpdates = 0;
  for (let inputs = 0; inputs < INPUTS; inputs += bursts.at(-1) as number) {
    const update = flow.update();
    const before = counts.trades;
    for (const input of update) {
      matcher.accept(input);
      spreads.push(book.spread() ?? Number.POSITIVE_INFINITY);
    }
    bursts.push(update.length);
    if (counts.trades > before) tradingUpdates++;
    orders.push(book.orderCount);
    levels.push(Math.min(book.bids.length, book.asks.length));
    mids.push((book.bids.priceOf(0) + book.asks.priceOf(0)) / 2);
  }

  it('opens with a whole book and no trade', () => {
    expect(opened.trades).toBe(0);
    expect(opened.bids).toBeGreaterThan(190);
    expect(opened.asks).toBeGreaterThan(190);
  });

  it('has both sides at all times, some 200 levels of each, and never uses an id twice', () => {
    expect(matcher.problems).toEqual([]);
    expect(counts.unmet).toBe(0);
    expect(Math.min(...levels)).toBeGreaterThan(150);
    expect(quantile(levels, 0.5)).toBeGreaterThan(200);
  });

  it('keeps the spread within reason', () => {
    expect(Math.min(...spreads)).toBeGreaterThan(0);
    expect(quantile(spreads, 0.5)).toBeLessThanOrEqual(profile.spreadTicks);
    expect(quantile(spreads, 0.99)).toBeLessThanOrEqual(5 * profile.spreadTicks);
    expect(Math.max(...spreads)).toBeLessThanOrEqual(20 * profile.spreadTicks);
  });

  it('keeps the number of resting orders bounded', () => {
    expect(Math.max(...orders)).toBeLessThan(1.2 * ORDERS);
    expect(Math.min(...orders)).toBeGreaterThan(0.6 * ORDERS);
  });

  it('trades in about a quarter of its updates, by market orders, sweeps and limit orders', () => {
    expect(tradingUpdates / bursts.length).toBeGreaterThan(0.18);
    expect(tradingUpdates / bursts.length).toBeLessThan(0.35);
    for (const kind of ['market', 'ioc', 'limit', 'cancel', 'amend'] as const) {
      expect(counts[kind]).toBeGreaterThan(INPUTS / 200);
    }
    expect(Math.abs(counts.limit - opening.length - counts.cancel)).toBeLessThan(ORDERS / 4);
  });

  it('comes in bursts, with sizes of which few are large', () => {
    expect(Math.min(...bursts)).toBeGreaterThanOrEqual(1);
    expect(quantile(bursts, 0.5)).toBeLessThanOrEqual(6);
    expect(Math.max(...bursts)).toBeGreaterThan(15);
    expect(Math.max(...bursts)).toBeLessThan(40);
    const median = quantile(matcher.sizes, 0.5);
    expect(quantile(matcher.sizes, 0.99)).toBeGreaterThan(4 * median);
    expect(matcher.sizes.reduce((sum, size) => sum + size, 0) / matcher.sizes.length).toBeGreaterThan(1.15 * median);
    expect(Math.max(...matcher.sizes)).toBeLessThan(1_000 * profile.sizeLots);
  });

  it('goes where the price goes, which comes back', () => {
    const strayTicks = mids.map((mid) => Math.abs(mid - profile.startTicks));
    expect(Math.max(...strayTicks)).toBeLessThan(RANGE * profile.startTicks);
    expect(Math.max(...strayTicks)).toBeGreaterThan(20 * profile.moveTicks);
    expect(Math.max(...strayTicks)).toBeLessThan(300 * profile.moveTicks);
  });
});

describe('an order flow', () => {
  it('gives inputs that the inbox takes', () => {
    const flow = new OrderFlow(symbolProfile('ADAUSD'), 1, 'zz', ORDERS);
    const inputs = [
      flow.definition(US),
      ...flow.resting(US),
      ...Array.from({ length: 2_000 }, () => flow.update()).flat(),
    ];
    const problems = inputs.map((input, i) => inputSchema.safeParse({ ...input, src: 'test', seq: i + 1 }).error);
    expect(problems.filter((problem) => problem !== undefined)).toEqual([]);
    expect(flow.definition(US)).toEqual({
      type: 'symbol',
      symbol: 'ADAUSD',
      venue: 'simulator',
      tick: '0.0001',
      step: '1',
      depthRule: 'matched',
      quotes: false,
      trading: { baseAsset: 'ADA', quoteAsset: 'USD', lot: '1', minQty: '1', maxQty: '20000000', minNotional: '1' },
      tsRecvUs: US,
    });
  });

  it('sends all that rests again, best first, without what the price has passed', () => {
    const profile = symbolProfile('BTCUSD');
    const flow = new OrderFlow(profile, 3, 'a', ORDERS);
    for (let i = 0; i < 5_000; i++) flow.update();
    const matcher = new TinyMatcher(profile.tick, profile.step);
    const orders = flow.resting(US);
    const best = { bid: new Set<number>(), ask: new Set<number>() };
    for (const order of orders) {
      matcher.accept(order);
      for (const side of ['bid', 'ask'] as const) {
        const front = matcher.book.front(side);
        if (front !== undefined) best[side].add(front.price);
      }
    }
    expect(matcher.counts.trades).toBe(0);
    expect(matcher.book.orderCount).toBe(orders.length);
    expect(orders.length).toBeGreaterThan(0.8 * ORDERS);
    // Neither best price changes once it is there.
    expect(best.bid.size).toBe(1);
    expect(best.ask.size).toBe(1);
    expect(flow.resting(US)).toEqual(orders);
    expect(orders.every(({ tsEventUs, tsRecvUs }) => tsEventUs === US && tsRecvUs === US)).toBe(true);
  });

  it('cancels every order that it sends, within so many orders', () => {
    const flow = new OrderFlow(symbolProfile('ETHUSD'), 3, 'a', 100);
    const sentAt = new Map<string, number>();
    let turn = 0;
    let oldest = 0;
    for (let i = 0; i < 20_000; i++) {
      for (const input of flow.update()) {
        if (input.type === 'order' && input.price !== undefined && input.tif === undefined)
          sentAt.set(input.orderId, ++turn);
        if (input.type !== 'cancel') continue;
        oldest = Math.max(oldest, turn - (sentAt.get(input.orderId) ?? 0));
        sentAt.delete(input.orderId);
      }
    }
    expect(sentAt.size).toBeLessThan(150);
    expect(Math.min(...sentAt.values())).toBeGreaterThan(turn - 500);
    expect(oldest).toBeLessThan(500);
  });
});
