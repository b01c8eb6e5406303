import { crc32 as zlibCrc32 } from 'node:zlib';
import { Scale } from '@depthcast/protocol';
import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { crc32 } from './crc32.ts';
import { L2Book } from './l2-book.ts';
import { L3Book } from './l3-book.ts';
import type { Side } from './level-view.ts';

const PRICES = Scale.ofStep('0.01');
const SIZES = Scale.ofStep('0.001');

describe('crc32', () => {
  it('gives the check value of its definition', () => expect(crc32('123456789')).toBe(0xcbf43926));

  it("equals zlib's on any text", () => {
    fc.assert(fc.property(fc.string({ unit: 'binary' }), (text) => expect(crc32(text)).toBe(zlibCrc32(text))));
  });
});

describe("a book's checksum", () => {
  it('covers price:size of the best ten, bid and ask alternating', () => {
    const book = new L2Book(PRICES, SIZES);
    book.replace(
      [
        ['99.5', '1'],
        ['99', '2'],
      ],
      [
        ['100', '3'],
        ['100.01', '4'],
      ],
    );
    expect(book.checksum()).toBe(zlibCrc32('99.50:1.000:100.00:3.000:99.00:2.000:100.01:4.000'));
  });

  it('runs on with the longer side, and is that of no text for an empty book', () => {
    const book = new L2Book(PRICES, SIZES);
    expect(book.checksum()).toBe(0);
    book.replace(
      [['1', '1']],
      [
        ['2', '1'],
        ['3', '1'],
      ],
    );
    expect(book.checksum()).toBe(zlibCrc32('1.00:1.000:2.00:1.000:3.00:1.000'));
  });

  it('equals the naive one on any book and ignores the eleventh level', () => {
    const side = fc.uniqueArray(fc.integer({ min: 1, max: 400 }), { maxLength: 14, size: 'max' });
    fc.assert(
      fc.property(side, side, (bids, asks) => {
        const book = new L2Book(PRICES, SIZES);
        const wire = (prices: number[]) => prices.map((p): [string, string] => [PRICES.format(p), SIZES.format(p)]);
        book.replace(wire(bids), wire(asks));
        const best = [wire([...bids].sort((a, b) => b - a)), wire([...asks].sort((a, b) => a - b))];
        const parts: string[] = [];
        for (let rank = 0; rank < 10; rank++) {
          for (const levels of best) if (levels[rank]) parts.push((levels[rank] as string[]).join(':'));
        }
        expect(book.checksum()).toBe(zlibCrc32(parts.join(':')));
      }),
    );
  });
});

describe("a book of orders' checksum of its orders", () => {
  it('covers id:price:size of the first ten by priority, bid and ask alternating', () => {
    const book = new L3Book(PRICES, SIZES);
    expect(book.ordersChecksum()).toBe(0);
    book.add('b', 'bid', 9_950, 1_000, 2);
    book.add('a', 'bid', 9_950, 2_000, 1);
    book.add('3', 'ask', 10_000, 5, 3);
    expect(book.ordersChecksum()).toBe(zlibCrc32('b:99.50:1.000:3:100.00:0.005:a:99.50:2.000'));
  });

  it('equals the naive one on any book, and ignores the eleventh order', () => {
    const orders = fc.array(
      fc.record({ side: fc.constantFrom<Side[]>('bid', 'ask'), price: fc.integer({ min: 1, max: 4 }) }),
      { maxLength: 30, size: 'max' },
    );
    fc.assert(
      fc.property(orders, (list) => {
        const book = new L3Book(PRICES, SIZES);
        list.forEach(({ side, price }, n) => void book.add(`o${n}`, side, price, n + 1, 0));
        const text = (wanted: Side, sign: number) =>
          list
            .map(({ side, price }, n) => ({ side, price, n }))
            .filter(({ side }) => side === wanted)
            .sort((a, b) => sign * (a.price - b.price) || a.n - b.n)
            .slice(0, 10)
            .map(({ price, n }) => `o${n}:${PRICES.format(price)}:${SIZES.format(n + 1)}`);
        const [bids, asks] = [text('bid', -1), text('ask', 1)];
        const parts = Array.from({ length: 10 }, (_, rank) => [bids[rank], asks[rank]]).flat();
        expect(book.ordersChecksum()).toBe(zlibCrc32(parts.filter((part) => part !== undefined).join(':')));
      }),
    );
  });
});
