import { crc32 as zlibCrc32 } from 'node:zlib';
import { Scale } from '@depthcast/protocol';
import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { crc32 } from './crc32.ts';
import { L2Book } from './l2-book.ts';

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
