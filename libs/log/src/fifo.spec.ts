import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { Fifo } from './fifo.ts';

describe('Fifo', () => {
  it('is an array that is pushed and shifted', () => {
    // Runs, so that it grows past the slots that may stay empty.
    const runs = fc.array(fc.record({ push: fc.boolean(), count: fc.integer({ min: 1, max: 1_500 }) }));
    fc.assert(
      fc.property(runs, (steps) => {
        const fifo = new Fifo<number>();
        let model: number[] = [];
        let next = 0;
        for (const { push, count } of steps) {
          if (push) for (let i = 0; i < count; i++) fifo.push(next + i);
          else for (let i = 0; i < count; i++) fifo.shift();
          model = push ? [...model, ...Array.from({ length: count }, (_, i) => next + i)] : model.slice(count);
          next += count;
          expect(fifo.oldest).toBe(model[0]);
        }
        expect(fifo.toArray()).toEqual(model);
      }),
    );
  });
});
