import { Scale } from '@depthcast/protocol';
import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { L3Book } from './l3-book.ts';

const ONE = Scale.ofStep('1');

/** Three bids at one price, oldest first, and a worse one. */
function queued(ordersMax = 4): L3Book {
  const book = new L3Book(ONE, ONE, { ordersMax });
  book.add('a', 'bid', 100, 5, 1_000);
  book.add('b', 'bid', 100, 5, 2_000);
  book.add('worse', 'bid', 99, 5, 2_500);
  book.add('c', 'bid', 100, 5, 3_000);
  return book;
}

const queue = (book: L3Book): string => [...book.orders('bid')].map(({ id, size }) => `${id}${size}`).join(' ');

it('priority is price, then arrival', () => {
  const book = queued();
  expect(queue(book)).toBe('a5 b5 c5 worse5');
  book.cancel('b');
  book.add('better', 'bid', 101, 5, 0);
  expect(queue(book)).toBe('better5 a5 c5 worse5');
});

describe('priority is kept', () => {
  it('by a smaller size, with the time that goes with it', () => {
    const book = queued();
    expect(book.replace('a', 100, 2, 9_000)).toBe('kept');
    expect(queue(book)).toBe('a2 b5 c5 worse5');
    expect(book.order('a')?.tsUs).toBe(1_000);
  });

  it('by the same price and size', () => {
    const book = queued();
    expect(book.replace('a', 100, 5, 9_000)).toBe('kept');
    expect(queue(book)).toBe('a5 b5 c5 worse5');
  });

  it('by an order of which lots are taken off or executed', () => {
    const book = queued();
    expect(book.reduce('a', 3)).toBe(3);
    expect(book.execute('b', 4)).toEqual({ id: 'b', side: 'bid', price: 100, size: 4, left: 1 });
    expect(queue(book)).toBe('a2 b1 c5 worse5');
  });
});

describe('priority is lost', () => {
  it.each([
    ['a larger size', 100, 6, 'b5 c5 a6 worse5'],
    ['a worse price', 99, 5, 'b5 c5 worse5 a5'],
    ['a worse price and a smaller size', 99, 1, 'b5 c5 worse5 a1'],
    ['a better price, where it is alone', 101, 5, 'a5 b5 c5 worse5'],
  ])('by %s, and the time is new', (_name, price, size, expected) => {
    const book = queued();
    expect(book.replace('a', price, size, 9_000)).toBe('requeued');
    expect(queue(book)).toBe(expected);
    expect(book.order('a')).toEqual({ id: 'a', side: 'bid', price, size, tsUs: 9_000 });
  });

  it('to nobody by an order that is alone at its price', () => {
    const book = queued();
    expect(book.replace('worse', 99, 9, 9_000)).toBe('requeued');
    expect(queue(book)).toBe('a5 b5 c5 worse9');
    expect(book.bids.sizeAt(99)).toBe(9);
  });
});

describe('an execution', () => {
  it('takes from the oldest order of the best price, and never more than it has', () => {
    const book = queued();
    expect(book.executeFront('bid', 3)).toEqual({ id: 'a', side: 'bid', price: 100, size: 3, left: 2 });
    expect(book.executeFront('bid', 9)).toEqual({ id: 'a', side: 'bid', price: 100, size: 2, left: 0 });
    expect(queue(book)).toBe('b5 c5 worse5');
  });

  it('of an empty side or an unknown order is none', () => {
    const book = queued();
    expect(book.executeFront('ask', 1)).toBeUndefined();
    expect(book.execute('nobody', 1)).toBeUndefined();
    expect(queue(book)).toBe('a5 b5 c5 worse5');
  });
});

describe('what cannot be done changes nothing', () => {
  const large = Number.MAX_SAFE_INTEGER;

  it('an id that rests already, on either side', () => {
    const book = queued(9);
    expect(book.add('a', 'ask', 200, 1, 0)).toBe('duplicate');
    expect([queue(book), book.asks.length]).toEqual(['a5 b5 c5 worse5', 0]);
  });

  it('an order beyond ordersMax, until one has gone', () => {
    const book = queued(4);
    expect(book.add('d', 'ask', 200, 1, 0)).toBe('full');
    expect([book.orderCount, book.asks.length, book.order('d')]).toEqual([4, 0, undefined]);
    book.cancel('b');
    expect(book.add('d', 'ask', 200, 1, 0)).toBe('added');
  });

  it('a level whose total would no longer be exact', () => {
    const book = queued(9);
    expect(book.add('d', 'bid', 100, large, 0)).toBe('oversized');
    expect(book.replace('worse', 100, large - 14, 0)).toBe('oversized');
    expect(book.replace('a', 100, large - 9, 0)).toBe('oversized');
    expect(queue(book)).toBe('a5 b5 c5 worse5');
    expect(book.replace('a', 100, large - 10, 0)).toBe('requeued');
    expect(book.bids.sizeOf(0)).toBe(large);
    expect([book.cancel('a'), book.bids.sizeOf(0)]).toEqual([large - 10, 10]);
  });

  it('a level whose total its step could not say exactly', () => {
    const steps = fc.constantFrom('0.05', '0.000005', '25', '0.3', '1');
    const sizes = fc.array(fc.integer({ min: 1, max: 6 }), { minLength: 2, maxLength: 12 });
    const seen = new Set<string>();
    fc.assert(
      fc.property(steps, sizes, (step, parts) => {
        const book = new L3Book(ONE, Scale.ofStep(step));
        const { sizeScale } = book;
        let total = 0n;
        parts.forEach((part, i) => {
          const size = Math.ceil((sizeScale.stepsMax * part) / 6);
          const result = i % 3 === 2 ? book.replace('0', 100, size, 0) : book.add(`${i}`, 'bid', 100, size, 0);
          seen.add(result);
          total = 0n;
          for (const { size: each } of book.orders('bid')) total += BigInt(each);
          if (total > 0n) expect(sizeScale.format(book.bids.sizeOf(0))).toBe(sizeScale.formatSum(total));
          expect(total <= BigInt(sizeScale.stepsMax)).toBe(true);
        });
      }),
    );
    for (const result of ['added', 'oversized', 'requeued', 'kept']) expect(seen).toContain(result);
    expect(new L3Book(ONE, Scale.ofStep('25')).add('a', 'bid', 1, large, 0)).toBe('oversized');
  });

  it('an unknown order', () => {
    const book = queued();
    expect([book.cancel('x'), book.reduce('x', 1), book.replace('x', 1, 1, 0)]).toEqual([0, 0, 'unknown']);
    expect(queue(book)).toBe('a5 b5 c5 worse5');
  });

  it.each([
    ['price', 0, 1, 0],
    ['price', 1.5, 1, 0],
    ['price', Number.NaN, 1, 0],
    ['price', 2 ** 53, 1, 0],
    ['size', 1, 0, 0],
    ['size', 1, -1, 0],
    ['size', 1, Number.POSITIVE_INFINITY, 0],
    ['time', 1, 1, -1],
    ['time', 1, 1, 0.5],
  ])('a %s that is no such number: %s, %s, %s', (what, price, size, tsUs) => {
    const book = queued(9);
    const refusal = expect.objectContaining({ code: 'PARAMETER_INVALID', message: expect.stringMatching(`^${what} `) });
    expect(() => book.add('d', 'bid', price, size, tsUs)).toThrow(refusal as unknown as Error);
    expect(() => book.replace('a', price, size, tsUs)).toThrow(refusal as unknown as Error);
    if (what === 'size') {
      expect(() => book.reduce('a', size)).toThrow(refusal as unknown as Error);
      expect(() => book.execute('a', size)).toThrow(refusal as unknown as Error);
      expect(() => book.executeFront('bid', size)).toThrow(refusal as unknown as Error);
    }
    expect(queue(book)).toBe('a5 b5 c5 worse5');
  });

  it.each([0, 1.5, Number.NaN, 2 ** 24])('a limit of %s orders', (ordersMax) => {
    expect(() => new L3Book(ONE, ONE, { ordersMax })).toThrow('is not a whole number from 1 to 16777215');
  });
});
