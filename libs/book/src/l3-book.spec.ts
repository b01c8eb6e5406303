import { Scale } from '@depthcast/protocol';
import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { L2Book } from './l2-book.ts';
import { L3Book, type L3Order, type OrderFill } from './l3-book.ts';
import type { Side } from './level-view.ts';
import { renderMbp } from './mbp-view.ts';

const PRICES = Scale.ofStep('0.05');
const SIZES = Scale.ofStep('0.001');
const SIDES: Side[] = ['bid', 'ask'];
const ORDERS_MAX = 9;
const BEGIN_US = 1_705_314_600_000_000;

/** The plainest book: orders in an array by arrival, sorted when asked. */
class NaiveBook {
  arrived: L3Order[] = [];

  queue(side: Side): L3Order[] {
    const better = side === 'bid' ? -1 : 1;
    return this.arrived.filter((o) => o.side === side).sort((a, b) => better * (a.price - b.price));
  }

  find(id: string): L3Order | undefined {
    return this.arrived.find((o) => o.id === id);
  }

  add(order: L3Order): string {
    if (this.find(order.id)) return 'duplicate';
    if (this.arrived.length === ORDERS_MAX) return 'full';
    this.arrived.push(order);
    return 'added';
  }

  take(order: L3Order | undefined, size: number): OrderFill | undefined {
    if (!order) return undefined;
    const left = Math.max(0, order.size - size);
    this.arrived = this.arrived.flatMap((o) => (o !== order ? [o] : left > 0 ? [{ ...o, size: left }] : []));
    return { id: order.id, side: order.side, price: order.price, size: order.size - left, left };
  }

  replace(id: string, price: number, size: number, tsUs: number): string {
    const order = this.find(id);
    if (!order) return 'unknown';
    if (order.price === price && order.size >= size) {
      this.arrived = this.arrived.map((o) => (o === order ? { ...o, size } : o));
      return 'kept';
    }
    this.arrived = [...this.arrived.filter((o) => o !== order), { ...order, price, size, tsUs }];
    return 'requeued';
  }
}

const KINDS = ['add', 'add', 'add', 'reduce', 'replace', 'cancel', 'execute', 'executeFront'] as const;

/** Few ids, prices and sizes, so that queues form and ids meet again. */
const operation = fc.record({
  kind: fc.constantFrom<(typeof KINDS)[number][]>(...KINDS),
  id: fc.integer({ min: 0, max: 13 }).map((n) => `o${n}`),
  side: fc.constantFrom<Side[]>('bid', 'ask'),
  price: fc.integer({ min: 1, max: 5 }),
  size: fc.integer({ min: 1, max: 4 }),
  waitUs: fc.integer({ min: 0, max: 2_500_000 }),
});
type Operation = Parameters<Parameters<typeof operation.map>[0]>[0];
const operations = fc.array(operation, { minLength: 1, maxLength: 30, size: 'max' });

function onBook(book: L3Book, { kind, id, side, price, size }: Operation, tsUs: number): unknown {
  if (kind === 'add') return book.add(id, side, price, size, tsUs);
  if (kind === 'replace') return book.replace(id, price, size, tsUs);
  if (kind === 'cancel') return book.cancel(id);
  if (kind === 'reduce') return book.reduce(id, size);
  return kind === 'execute' ? book.execute(id, size) : book.executeFront(side, size);
}

function onModel(model: NaiveBook, { kind, id, side, price, size }: Operation, tsUs: number): unknown {
  if (kind === 'add') return model.add({ id, side, price, size, tsUs });
  if (kind === 'replace') return model.replace(id, price, size, tsUs);
  if (kind === 'cancel') return model.take(model.find(id), Number.POSITIVE_INFINITY)?.size ?? 0;
  if (kind === 'reduce') return model.take(model.find(id), size)?.size ?? 0;
  return model.take(kind === 'execute' ? model.find(id) : model.queue(side)[0], size);
}

const emptyBook = (): L3Book => new L3Book(PRICES, SIZES, { ordersMax: ORDERS_MAX });

/** A book and its model after the same operations, and the time then. `check` sees both after each. */
function both(list: Operation[], check?: (book: L3Book, model: NaiveBook, operation: Operation) => void) {
  const book = emptyBook();
  const model = new NaiveBook();
  let nowUs = BEGIN_US;
  for (const operation of list) {
    nowUs += operation.waitUs;
    same(onBook(book, operation, nowUs), onModel(model, operation, nowUs), operation.kind);
    check?.(book, model, operation);
  }
  return { book, model, nowUs };
}

/** `expect` costs more than an operation: it is asked only once the texts differ. */
function same(got: unknown, expected: unknown, what: string): void {
  if (JSON.stringify(got) !== JSON.stringify(expected)) expect({ [what]: got }).toEqual({ [what]: expected });
}

const ordersOf = (book: L3Book): L3Order[][] => SIDES.map((side) => [...book.orders(side)]);

describe('an L3 book equals its naive model', () => {
  it('in its results and in the queues of both sides, after every operation of 10,000 sequences', () => {
    let steps = 0;
    const seen = new Set<unknown>();
    fc.assert(
      fc.property(operations, (list) => {
        both(list, (book, model, { id }) => {
          steps++;
          same(ordersOf(book), [model.queue('bid'), model.queue('ask')], 'queues');
          same(book.orderCount, model.arrived.length, 'orderCount');
          same(book.order(id), model.find(id), 'order');
          if (book.orderCount === ORDERS_MAX) seen.add('full');
          if (model.queue('bid').filter((o, _, [best]) => o.price === best?.price).length > 2) seen.add('queue');
        });
      }),
      { numRuns: 10_000 },
    );
    expect(steps).toBeGreaterThan(100_000);
    expect([...seen].sort()).toEqual(['full', 'queue']);
  });

  it('in the front of a side and in the first orders by priority', () => {
    fc.assert(
      fc.property(operations, fc.nat(ORDERS_MAX), (list, limit) => {
        const { book, model } = both(list);
        for (const side of SIDES) {
          same(book.front(side), model.queue(side)[0], 'front');
          same([...book.orders(side, limit)], model.queue(side).slice(0, limit), 'orders');
        }
      }),
      { numRuns: 500 },
    );
  });

  it("in its levels: sizes, order counts and ages are those of the level's orders", () => {
    fc.assert(
      fc.property(operations, fc.nat(200_000_000), (list, laterUs) => {
        const { book, model, nowUs: lastUs } = both(list);
        const nowUs = lastUs + laterUs;
        for (const side of SIDES) {
          const levels = new Map<number, L3Order[]>();
          for (const order of model.queue(side)) levels.set(order.price, [...(levels.get(order.price) ?? []), order]);
          const ladder = book.ladder(side);
          const got = Array.from({ length: ladder.length }, (_, rank) => [
            ladder.priceOf(rank),
            ladder.sizeOf(rank),
            ladder.orderCountOf(rank),
            ladder.averageAgeMsOf(rank, nowUs),
          ]);
          const expected = [...levels].map(([price, orders]) => {
            const ageUsSum = orders.reduce((sum, { tsUs }) => sum + BigInt(nowUs - tsUs), 0n);
            const size = orders.reduce((sum, order) => sum + order.size, 0);
            return [price, size, orders.length, Number(ageUsSum / BigInt(orders.length * 1000))];
          });
          same(got, expected, side);
          for (let price = 0; price <= 6; price++) {
            const size = levels.get(price)?.reduce((sum, order) => sum + order.size, 0) ?? 0;
            same(ladder.sizeAt(price), size, `size at ${price}`);
            const better = [...levels.keys()].filter((p) => (side === 'bid' ? p >= price : p <= price));
            same(ladder.countUpTo(price), better.length, `count up to ${price}`);
          }
        }
      }),
      { numRuns: 1_500 },
    );
  });
});

it('what can be asked of levels is answered as by an L2 book of the same levels', () => {
  fc.assert(
    fc.property(operations, fc.integer({ min: 1, max: 12 }), (list, n) => {
      const { book, nowUs } = both(list);
      const levels = new L2Book(PRICES, SIZES);
      levels.replace(book.wireLevels('bid'), book.wireLevels('ask'));
      const withoutOrders = renderMbp(book, n, nowUs)
        .replaceAll(/"order_count":\d+/g, '"order_count":null')
        .replaceAll(/"avg_age_ms":\d+/g, '"avg_age_ms":null');
      same(withoutOrders, renderMbp(levels, n), 'MBP');
      const answers = [book, levels].map((b) => [
        [b.checksum(), b.spread(), b.mid(), b.midText(), b.imbalance(n)],
        SIDES.map((side) => {
          const execution = b.executionPrice(side, n);
          return [
            b.volume(side, n),
            b.levelsWithin(side, n),
            b.slice(side, n),
            { ...execution, cost: `${execution.cost}` },
          ];
        }),
      ]);
      same(answers[0], answers[1], 'answers');
    }),
    { numRuns: 500 },
  );
});

describe("a book restored from another's memory", () => {
  it('has the same queues and goes on the same, through JSON', () => {
    fc.assert(
      fc.property(operations, operations, (before, after) => {
        const { book, nowUs } = both(before);
        const memory = JSON.stringify(book.memory());
        const restored = L3Book.restore(PRICES, SIZES, JSON.parse(memory), { ordersMax: ORDERS_MAX });
        same(ordersOf(restored), ordersOf(book), 'queues');
        for (const operation of after)
          same(onBook(restored, operation, nowUs), onBook(book, operation, nowUs), 'result');
        same(restored.memory(), book.memory(), 'memory');
        same(renderMbp(restored, 9, nowUs + 1), renderMbp(book, 9, nowUs + 1), 'ages');
      }),
      { numRuns: 1_000 },
    );
  });

  it.each<[string, unknown, string]>([
    [
      'an id twice',
      [
        ['a', 2, 1, 0],
        ['a', 1, 1, 0],
      ],
      'bid order "a" of the memory is duplicate',
    ],
    [
      'more than it may hold',
      [
        ['a', 1, 1, 0],
        ['b', 1, 1, 0],
        ['c', 1, 1, 0],
      ],
      'of the memory is full',
    ],
    ['a size of nothing', [['a', 1, 0, 0]], 'size 0 is not a whole number of lots'],
    ['a price that is text', [['a', '1', 1, 0]], 'price 1 is not a whole number of ticks'],
  ])('refuses a memory with %s', (_name, bids, problem) => {
    const memory = { bids: bids as [string, number, number, number][], asks: [] };
    expect(() => L3Book.restore(PRICES, SIZES, memory, { ordersMax: 2 })).toThrow(problem);
  });
});

it('a cleared book is empty and serves again', () => {
  fc.assert(
    fc.property(operations, operations, (before, after) => {
      const { book } = both(before);
      book.clear();
      same([book.orderCount, ordersOf(book), book.bids.length, book.asks.length], [0, [[], []], 0, 0], 'cleared');
      const fresh = emptyBook();
      for (const operation of after) same(onBook(book, operation, 7), onBook(fresh, operation, 7), 'result');
      same(book.memory(), fresh.memory(), 'memory');
    }),
    { numRuns: 300 },
  );
});

it('thousands of orders come and go through columns that grow, and each is found', () => {
  const book = new L3Book(PRICES, SIZES);
  const count = 5_000;
  for (let n = 0; n < count; n++) book.add(`o${n}`, n % 2 ? 'bid' : 'ask', 1 + ((n * 7_919) % 911), 1 + n, n);
  for (let n = 0; n < count; n += 3) expect(book.cancel(`o${n}`)).toBe(1 + n);
  for (let n = 0; n < count; n += 3) book.add(`again${n}`, 'bid', 1 + (n % 911), 2, n);
  expect(book.orderCount).toBe(count);
  for (let n = 0; n < count; n++) expect(book.cancel(n % 3 ? `o${n}` : `again${n}`)).toBe(n % 3 ? 1 + n : 2);
  expect([book.orderCount, book.bids.length, book.asks.length]).toEqual([0, 0, 0]);
});
