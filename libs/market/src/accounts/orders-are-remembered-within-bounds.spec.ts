import { expect, it } from '@jest/globals';
import fc from 'fast-check';
import { ORDER_LIMITS, type OrderLimits, OrderMemory } from './order-memory.ts';
import type { KnownOrder, PaperOrder } from './paper-order.ts';
import { orderStateJson } from './private-event-writer.ts';

const LIMITS: OrderLimits = { ...ORDER_LIMITS, openOrdersMax: 3, allOpenOrdersMax: 5, ordersMax: 8 };
const ACCOUNTS = ['a', 'b', 'c'];

let number = 0;
function order(account: string, clientOrderId: string): PaperOrder {
  number++;
  const venueOrderId = String(number);
  const known: KnownOrder = {
    ...{ account, clientOrderId, venueOrderId, symbol: 'BTCUSD', side: 'BUY', status: 'FILLED', reason: '' },
    ...{ qty: number % 2 ? undefined : '1', price: number % 3 ? '2' : undefined },
    ...{ executedQty: '3', avgPrice: '4', lastUs: number },
  };
  return { ...known, lots: 1 } as PaperOrder;
}

/** Lists, searched from one end to the other. */
class NaiveMemory {
  open: PaperOrder[] = [];
  ended: { order: PaperOrder; second: number }[] = [];

  get size(): number {
    return this.open.length + this.ended.length;
  }

  endedOf(account: string): PaperOrder[] {
    return this.ended.map(({ order }) => order).filter((order) => order.account === account);
  }

  end(order: PaperOrder, second: number): void {
    this.open = this.open.filter((other) => other !== order);
    this.ended.push({ order, second });
  }

  /** Of which account it is that one is forgotten is free where several have the most: as the other one chose. */
  keepLimit(isKnown: (order: PaperOrder) => boolean): void {
    while (this.size > LIMITS.ordersMax && this.ended.length > 0) {
      const counts = ACCOUNTS.map((account) => this.endedOf(account).length);
      const fullest = ACCOUNTS.filter((_, i) => counts[i] === Math.max(...counts));
      const oldest = fullest.map((account) => this.endedOf(account)[0] as PaperOrder);
      const gone = oldest.filter((order) => !isKnown(order));
      expect(gone).toHaveLength(1);
      this.ended = this.ended.filter(({ order }) => order !== gone[0]);
    }
  }
}

const step = fc.record({
  account: fc.constantFrom(...ACCOUNTS, 'a', 'a', 'a'),
  kind: fc.constantFrom('add', 'add', 'refuse', 'end', 'end', 'clock', 'restore'),
  which: fc.nat(),
  seconds: fc.constantFrom(0, 1, 1, 5),
});

it('as a list is, of which the oldest are struck out of the account that has the most; restored, it goes on the same', () => {
  const reached = { full: 0, aged: 0, restored: 0 };
  fc.assert(
    fc.property(fc.array(step, { minLength: 20, maxLength: 150 }), (steps) => {
      // The second one is restored now and then.
      const memories = [new OrderMemory(LIMITS), new OrderMemory(LIMITS)] as [OrderMemory, OrderMemory];
      const naive = new NaiveMemory();
      let second = 0;
      for (const { account, kind, which, seconds } of steps) {
        const mine = naive.open.filter((open) => open.account === account);
        const room = mine.length < LIMITS.openOrdersMax && naive.open.length < LIMITS.allOpenOrdersMax;
        if (kind === 'add' && room) {
          const added = order(account, `id-${number}`);
          for (const memory of memories) memory.add(added);
          naive.open.push(added);
        } else if (kind === 'refuse' || (kind === 'end' && mine.length > 0)) {
          const ending = kind === 'refuse' ? order(account, `id-${number}`) : (mine[which % mine.length] as PaperOrder);
          for (const memory of memories) memory.end(ending, second);
          naive.end(ending, second);
        } else if (kind === 'clock') {
          second += seconds;
          for (const memory of memories) memory.forgetUntil(second - 4);
          const before = naive.ended.length;
          naive.ended = naive.ended.filter((ended) => ended.second > second - 4);
          reached.aged += before - naive.ended.length;
        } else if (kind === 'restore') {
          const restored = new OrderMemory(LIMITS);
          restored.restore(memories[1].openOrders(), JSON.parse(JSON.stringify(memories[1].endedMemory())));
          memories[1] = restored;
          reached.restored++;
        }
        if (naive.size > LIMITS.ordersMax) reached.full++;
        naive.keepLimit((order) => memories[0].known(order.account, order.clientOrderId) !== undefined);
        check(memories[0], naive);
        expect(memories[1].endedMemory()).toEqual(memories[0].endedMemory());
      }
      check(memories[1], naive);
    }),
    { numRuns: 300 },
  );
  for (const count of Object.values(reached)) expect(count).toBeGreaterThan(100);
});

function check(memory: OrderMemory, naive: NaiveMemory): void {
  const stateOf = (order: KnownOrder | undefined) => order && orderStateJson(order);
  const found = (order: PaperOrder) => [
    stateOf(memory.known(order.account, order.clientOrderId)),
    memory.find(order.account, order.clientOrderId),
    memory.byVenueId(order.venueOrderId),
  ];
  const openOf = (account: string) => naive.open.filter((order) => order.account === account);
  const share = [2, 1, 0].find((n) => sum(ACCOUNTS.map((of) => Math.min(n, naive.endedOf(of).length))) <= 4);
  // One expectation for all, because each costs more than what it compares.
  expect([
    Array.from(memory.openOrders()),
    ACCOUNTS.map((account) => memory.newest(account, 2).map(orderStateJson)),
    ACCOUNTS.map((account) => memory.has(account)),
    ACCOUNTS.map((account) => memory.hasRoom(account)),
    memory.endedShare(2, 4),
    naive.open.map(found),
    naive.ended.map(({ order }) => found(order)),
    sum(memory.endedMemory().map(([, texts]) => texts.split(',').length)),
    memory.known('a', 'never'),
  ]).toEqual([
    naive.open,
    ACCOUNTS.map((of) => [...openOf(of), ...naive.endedOf(of).slice(-2).reverse()].map(orderStateJson)),
    ACCOUNTS.map((of) => openOf(of).length + naive.endedOf(of).length > 0),
    ACCOUNTS.map((of) => openOf(of).length < LIMITS.openOrdersMax && naive.open.length < LIMITS.allOpenOrdersMax),
    share,
    naive.open.map((order) => [stateOf(order), order, order]),
    naive.ended.map(({ order }) => [stateOf(order), undefined, undefined]),
    naive.ended.length,
    undefined,
  ]);
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((a, b) => a + b, 0);
}

it("one account's flood does not end what is remembered of the others", () => {
  const memory = new OrderMemory(LIMITS);
  const [first, second] = [order('b', 'first'), order('c', 'second')];
  memory.end(first, 1);
  memory.end(second, 1);
  for (let i = 0; i < 1_000; i++) memory.end(order('a', `id-${i}`), 1);
  expect(memory.known('b', 'first')).toMatchObject({ lastUs: first.lastUs });
  expect(memory.known('c', 'second')).toMatchObject({ lastUs: second.lastUs });
  expect(memory.newest('a', 100)).toHaveLength(LIMITS.ordersMax - 2);
});
