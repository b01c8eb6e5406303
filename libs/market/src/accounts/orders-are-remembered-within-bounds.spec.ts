import { expect, it } from '@jest/globals';
import fc from 'fast-check';
import { ORDER_LIMITS, type OrderLimits, OrderMemory } from './order-memory.ts';
import type { KnownOrder, PaperOrder } from './paper-order.ts';
import { orderStateJson } from './private-event-writer.ts';

const LIMITS: OrderLimits = { ...ORDER_LIMITS, openOrdersMax: 3, accountOrdersMax: 5, ordersMax: 8 };
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

  all(account?: string): number {
    const of = ({ account: other }: PaperOrder) => account === undefined || other === account;
    return this.open.filter(of).length + this.ended.filter(({ order }) => of(order)).length;
  }

  end(order: PaperOrder, second: number): void {
    this.open = this.open.filter((other) => other !== order);
    this.ended.push({ order, second });
  }

  keepLimits(account: string): void {
    while (this.all(account) > LIMITS.accountOrdersMax) {
      const oldest = this.ended.findIndex(({ order }) => order.account === account);
      if (oldest < 0) break;
      this.ended.splice(oldest, 1);
    }
    while (this.all() > LIMITS.ordersMax && this.ended.length > 0) this.ended.shift();
  }
}

const step = fc.record({
  account: fc.constantFrom(...ACCOUNTS, 'a', 'a', 'a'),
  kind: fc.constantFrom('add', 'add', 'refuse', 'end', 'end', 'clock', 'restore'),
  which: fc.nat(),
  seconds: fc.constantFrom(0, 1, 1, 5),
});

it('as a list is, of which the oldest ended are struck out', () => {
  const reached = { account: 0, all: 0, aged: 0 };
  fc.assert(
    fc.property(fc.array(step, { minLength: 20, maxLength: 150 }), (steps) => {
      let memory = new OrderMemory(LIMITS);
      const naive = new NaiveMemory();
      let second = 0;
      for (const { account, kind, which, seconds } of steps) {
        const mine = naive.open.filter((open) => open.account === account);
        const room = mine.length < LIMITS.openOrdersMax && naive.open.length < LIMITS.ordersMax;
        expect(memory.hasRoom(account)).toBe(room);
        if (kind === 'add' && room) {
          const added = order(account, `id-${number}`);
          memory.add(added);
          naive.open.push(added);
        } else if (kind === 'refuse') {
          const refused = order(account, `id-${number}`);
          memory.end(refused, second);
          naive.end(refused, second);
        } else if (kind === 'end' && mine.length > 0) {
          const ending = mine[which % mine.length] as PaperOrder;
          memory.end(ending, second);
          naive.end(ending, second);
        } else if (kind === 'clock') {
          second += seconds;
          memory.forgetUntil(second - 4);
          const before = naive.ended.length;
          naive.ended = naive.ended.filter((ended) => ended.second > second - 4);
          reached.aged += before - naive.ended.length;
        } else if (kind === 'restore') {
          const restored = new OrderMemory(LIMITS);
          restored.restore(memory.openOrders(), JSON.parse(JSON.stringify(memory.endedMemory())));
          memory = restored;
        }
        const total = naive.all();
        if (naive.all(account) > LIMITS.accountOrdersMax) reached.account++;
        naive.keepLimits(account);
        if (naive.all() < total) reached.all++;
        check(memory, naive);
      }
    }),
    { numRuns: 300 },
  );
  for (const count of Object.values(reached)) expect(count).toBeGreaterThan(100);
});

function check(memory: OrderMemory, naive: NaiveMemory): void {
  const ended = naive.ended.map(({ order }) => order);
  const ofAccounts = ACCOUNTS.map((account) => {
    const of = (order: PaperOrder) => order.account === account;
    return [...naive.open.filter(of), ...ended.filter(of).slice(-2).reverse()].map(orderStateJson);
  });
  const stateOf = (order: KnownOrder | undefined) => order && orderStateJson(order);
  const found = (order: PaperOrder) => [
    stateOf(memory.known(order.account, order.clientOrderId)),
    memory.find(order.account, order.clientOrderId),
    memory.byVenueId(order.venueOrderId),
  ];
  // One expectation for all, because each costs more than what it compares.
  expect([
    Array.from(memory.openOrders()),
    memory.endedMemory().map(([, , venueOrderId]) => venueOrderId),
    ACCOUNTS.map((account) => memory.newest(account, 2).map(orderStateJson)),
    naive.open.map(found),
    ended.map(found),
    memory.known('a', 'never'),
  ]).toEqual([
    naive.open,
    ended.map(({ venueOrderId }) => venueOrderId),
    ofAccounts,
    naive.open.map((order) => [stateOf(order), order, order]),
    ended.map((order) => [stateOf(order), undefined, undefined]),
    undefined,
  ]);
}

it('one account that comes and goes at its limit does not make the queue of all grow', () => {
  const memory = new OrderMemory(LIMITS);
  for (let i = 0; i < 1_000; i++) {
    memory.end(order('a', `id-${i}`), 1);
    expect(memory.endedMemory().length).toBeLessThanOrEqual(LIMITS.accountOrdersMax);
    expect(memory.endedQueueLength).toBeLessThanOrEqual(2 * LIMITS.ordersMax + 1);
  }
});
