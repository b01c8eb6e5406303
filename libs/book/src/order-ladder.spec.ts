import { expect, it } from '@jest/globals';
import { OrderLadder } from './order-ladder.ts';
import { OrderTable } from './order-table.ts';

it('prices and orders that come and go for ever take no more slots and levels than stand at once', () => {
  const orders = new OrderTable(10);
  const ladder = new OrderLadder('ask', orders);
  const taken = new Set<string>();
  for (let price = 1; price <= 1_000; price++) {
    const slot = orders.open(`o${price}`, 1, price);
    const level = ladder.open(price);
    ladder.append(slot, level);
    taken.add(`slot ${slot}`).add(`level ${level.number}`);
    if (price <= 3) continue;
    const oldest = orders.find(`o${price - 3}`);
    ladder.unlink(oldest);
    orders.release(oldest);
  }
  expect([ladder.length, orders.count, taken.size]).toEqual([3, 3, 8]);
});
