import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { type LiveOrder, LiveOrders } from './live-orders.ts';

const LIFE_MAX = 40;
const order = (number: number): LiveOrder => ({ number, sign: 1, ticks: 1, lots: 1 });

describe('live orders', () => {
  it('each leave once, at the end of their lives or as soon after as one a turn allows, and never outnumber the places', () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 1, max: LIFE_MAX }), { maxLength: 300 }), (lives) => {
        const live = new LiveOrders(LIFE_MAX);
        const left = new Map<number, number>();
        lives.forEach((life, turn) => {
          const ended = live.turn();
          if (ended) {
            expect(left.has(ended.number)).toBe(false);
            left.set(ended.number, turn);
          }
          live.add(order(turn), life);
          expect(live.values()).toHaveLength(turn + 1 - left.size);
          expect(live.values().length).toBeLessThanOrEqual(LIFE_MAX + 1);
        });
        for (const [number, turn] of left) {
          expect(turn - number).toBeGreaterThanOrEqual(lives[number] as number);
          expect(turn - number).toBeLessThanOrEqual(LIFE_MAX + 1);
        }
        for (let turn = 0; turn <= LIFE_MAX; turn++) live.turn();
        expect(live.values()).toEqual([]);
      }),
    );
  });

  it('are found by how long they have to live, and forgotten when asked to', () => {
    const live = new LiveOrders(LIFE_MAX);
    for (const [number, life] of [30, 5, 12].entries()) {
      live.turn();
      live.add(order(number), life);
    }
    expect(live.find(1)?.number).toBe(1);
    expect(live.find(5)?.number).toBe(2);
    expect(live.find(20)?.number).toBe(0);
    live.retain(({ number }) => number !== 0);
    expect(live.values().map(({ number }) => number)).toEqual([1, 2]);
  });
});
