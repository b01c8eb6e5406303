import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { RawReader } from './raw-reader.ts';

/** Reads everything down to the plainest values, each of which JSON.parse is given as its own text. */
function read(reader: RawReader, like: unknown): unknown {
  if (Array.isArray(like)) {
    const list: unknown[] = [];
    for (const _ of reader.items()) list.push(read(reader, like[list.length]));
    return list;
  }
  if (typeof like !== 'object' || like === null) return JSON.parse(reader.text());
  const members: [string, unknown][] = [];
  for (const name of reader.members()) members.push([name, read(reader, (like as Record<string, unknown>)[name])]);
  return Object.fromEntries(members);
}

describe('a text read once', () => {
  it('has in it what JSON.parse finds, as deep as it is gone into', () => {
    const indents = fc.constantFrom(0, 1, '\t');
    fc.assert(
      fc.property(fc.json({ maxDepth: 5 }), indents, (json, indent) => {
        const value: unknown = JSON.parse(json);
        const text = ` ${JSON.stringify(value, undefined, indent)}\n`;
        expect(read(new RawReader(text), value)).toEqual(value);
        expect(new RawReader(text).text()).toBe(text.trim());
      }),
      { numRuns: 500 },
    );
  });

  it('gives each value the digits that it has there', () => {
    const reader = new RawReader(
      '{"ts_ns":1704067200000000001, "p":0.10000000000000000001,"deep":{"a":[1, "]}"]} ,"p":-0}',
    );
    const found: string[] = [];
    for (const name of reader.members()) found.push(`${name} ${reader.text()}`);
    expect(found).toEqual(['ts_ns 1704067200000000001', 'p 0.10000000000000000001', 'deep {"a":[1, "]}"]}', 'p -0']);
  });

  it('comes to an end when it is no JSON', () => {
    const anything = fc.string({ unit: fc.constantFrom('{', '}', '[', ']', ',', ':', '"', '\\', ' ', '1') });
    fc.assert(
      fc.property(anything, (text) => {
        const reader = new RawReader(text);
        let steps = 0;
        for (const _ of reader.items()) {
          reader.text();
          expect(++steps).toBeLessThanOrEqual(text.length);
        }
      }),
      { numRuns: 2_000 },
    );
  });
});
