import { expect, it } from '@jest/globals';
import fc from 'fast-check';
import { Fifo } from './fifo.ts';

it('is an array from which the first is taken, however long it lives', () => {
  const step = fc.oneof(
    { weight: 5, arbitrary: fc.constant('push' as const) },
    { weight: 4, arbitrary: fc.constant('shift' as const) },
    { weight: 1, arbitrary: fc.constant('burst' as const) },
  );
  fc.assert(
    fc.property(fc.array(step, { maxLength: 300 }), fc.nat(9), (steps, countMax) => {
      const fifo = new Fifo<number>();
      const naive: number[] = [];
      let next = 0;
      for (const kind of steps) {
        if (kind === 'shift') expect(fifo.shift()).toBe(naive.shift());
        else
          for (let i = kind === 'push' ? 1 : 60; i > 0; i--) {
            naive.push(next);
            fifo.push(next++);
          }
        expect([fifo.length, fifo.first]).toEqual([naive.length, naive[0]]);
      }
      expect(fifo.items()).toEqual(naive);
      expect(fifo.newest(countMax)).toEqual(countMax === 0 ? [] : naive.slice(-countMax).reverse());
    }),
  );
});
