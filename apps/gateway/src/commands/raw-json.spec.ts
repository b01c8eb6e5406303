import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { rawItems, rawMembers } from './raw-json.ts';

/** Any JSON, with any blanks between its tokens. */
const spaced = fc
  .tuple(fc.json({ maxDepth: 4 }), fc.constantFrom(0, 1, 2, '\t'))
  .map(([json, indent]) => JSON.stringify(JSON.parse(json), undefined, indent));

describe('the parts of JSON', () => {
  it('are what JSON.parse finds in it', () => {
    fc.assert(
      fc.property(fc.array(spaced), fc.constantFrom('', ' ', '\r\n'), (values, blank) => {
        const json = `[${blank}${values.join(`${blank},${blank}`)}${blank}]`;
        expect(rawItems(json).map((item) => JSON.parse(item))).toEqual(JSON.parse(json));
      }),
    );
    fc.assert(
      fc.property(fc.dictionary(fc.string(), spaced), fc.constantFrom('', ' ', '\r\n'), (object, blank) => {
        const members = Object.entries(object).map(
          ([name, value]) => `${JSON.stringify(name)}${blank}:${blank}${value}`,
        );
        const json = `{${blank}${members.join(`${blank},${blank}`)}${blank}}`;
        const read = rawMembers(json).map(([name, value]) => [name, JSON.parse(value)]);
        expect(read).toEqual(Object.entries(object).map(([name, value]) => [name, JSON.parse(value)]));
      }),
    );
  });

  it('keep the digits that a double has not got, and the order and number of their names', () => {
    const json = '{"ts_ns":1704067200000000001, "p":0.10000000000000000001,"2":1e309,"1":{"a":[1, 2]},"p":-0}';
    expect(rawMembers(json)).toEqual([
      ['ts_ns', '1704067200000000001'],
      ['p', '0.10000000000000000001'],
      ['2', '1e309'],
      ['1', '{"a":[1, 2]}'],
      ['p', '-0'],
    ]);
  });

  it('come to an end in any text, nested as deep as there is room for', () => {
    fc.assert(fc.property(fc.string(), (text) => void rawItems(text)));
    for (const text of ['["', '{"a\\', ']]]', '', '"', '{"a":"\\"}']) void rawMembers(text);
    const deep = `${'['.repeat(100_000)}${']'.repeat(100_000)}`;
    expect(rawItems(deep)).toEqual([deep.slice(1, -1)]);
  });
});
