import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import type { PaperOrder } from './accounts/paper-order.ts';
import { PaperQueue } from './paper-queue.ts';

type Side = 'BUY' | 'SELL';

interface NaiveWaiting {
  readonly id: string;
  readonly side: Side;
  readonly price: number;
  left: number;
  ahead: number;
}

/** The rules of waiting, told as plainly as they can be: one array by arrival. */
class NaiveQueue {
  waiting: NaiveWaiting[] = [];

  onLevel(side: Side, price: number, shown: number): void {
    for (const order of this.waiting) {
      if (order.side === side && order.price === price) order.ahead = Math.min(order.ahead, shown);
    }
  }

  /** @returns `id lots` of each fill. */
  onTrade(taker: Side, price: number, lots: number): string[] {
    const side = taker === 'BUY' ? 'SELL' : 'BUY';
    const sign = side === 'SELL' ? 1 : -1;
    const reached = this.waiting
      .filter((order) => order.side === side && sign * order.price <= sign * price)
      .sort((a, b) => sign * (a.price - b.price));
    const fills: string[] = [];
    let used = 0;
    for (const order of reached) {
      const ahead = order.price === price ? order.ahead : 0;
      const beyond = Math.max(0, lots - ahead - used);
      const fill = Math.min(beyond, order.left);
      order.ahead = Math.max(0, ahead - lots);
      order.left -= fill;
      used += fill;
      if (fill > 0) fills.push(`${order.id} ${fill}`);
    }
    this.waiting = this.waiting.filter((order) => order.left > 0);
    return fills;
  }
}

const side = fc.constantFrom<Side[]>('BUY', 'SELL');
const price = fc.integer({ min: 1, max: 5 });
const lots = fc.integer({ min: 0, max: 6 });
const step = fc.record({
  kind: fc.constantFrom('add', 'add', 'trade', 'trade', 'level', 'remove'),
  side,
  price,
  lots,
  shown: lots,
  nth: fc.nat(20),
});

/** Of a paper order what the queue looks at. */
function paperOrder(id: string, of: Side, ticks: number, size: number): PaperOrder {
  return { venueOrderId: id, side: of, ticks, lots: size, executed: 0, queueAhead: 0 } as PaperOrder;
}

describe('a queue of paper orders equals its naive model', () => {
  it('in what every trade fills, in 5,000 stories; no trade fills more than its size', () => {
    let fills = 0;
    fc.assert(
      fc.property(fc.array(step, { maxLength: 30, size: 'max' }), (steps) => {
        const queue = new PaperQueue();
        const model = new NaiveQueue();
        const orders = new Map<string, PaperOrder>();
        for (const [n, { kind, side: of, price: at, lots: size, shown, nth }] of steps.entries()) {
          if (kind === 'add') {
            const order = paperOrder(`${n}`, of, at, size + 1);
            orders.set(order.venueOrderId, order);
            queue.add(order, shown);
            model.waiting.push({ id: `${n}`, side: of, price: at, left: size + 1, ahead: shown });
          } else if (kind === 'level') {
            queue.onLevel(of === 'BUY' ? 'bid' : 'ask', at, shown);
            model.onLevel(of, at, shown);
          } else if (kind === 'remove') {
            const gone = model.waiting[nth % Math.max(1, model.waiting.length)];
            model.waiting = model.waiting.filter((order) => order !== gone);
            if (gone) queue.remove(orders.get(gone.id) as PaperOrder);
          } else {
            const told = queue.onTrade(of, at, size);
            for (const { order, lots: filled } of told) order.executed += filled;
            const got = told.map(({ order, lots: filled }) => `${order.venueOrderId} ${filled}`);
            const expected = model.onTrade(of, at, size);
            if (got.join() !== expected.join()) expect(got).toEqual(expected);
            fills += got.length;
            if (told.reduce((sum, { lots: filled }) => sum + filled, 0) > size) throw new Error('more than was traded');
          }
          if (queue.length !== model.waiting.length) expect(queue.length).toBe(model.waiting.length);
        }
      }),
      { numRuns: 5_000 },
    );
    expect(fills).toBeGreaterThan(2_000);
  });
});
