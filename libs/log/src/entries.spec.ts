import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { EntryDecoder, LogGapError, type RawEntry } from './entries.ts';

const raw = (id: string, topic = 'trade:BTCUSD', payload = '{}'): RawEntry => [
  Buffer.from(id),
  [Buffer.from(topic), Buffer.from(payload)],
];
const epochEntry = (epoch: number, previousTail: string | null) =>
  raw(`${epoch}-0`, 'epoch', JSON.stringify({ type: 'epoch', epoch, previous_tail: previousTail, reason: 'test' }));

describe('decoding entries', () => {
  it('accepts any contiguous run, also over epochs, and refuses it with any one entry missing', () => {
    const run = fc.record({
      lengths: fc.array(fc.integer({ min: 1, max: 20 }), { minLength: 1, maxLength: 4 }),
      missing: fc.nat(),
    });
    fc.assert(
      fc.property(run, ({ lengths, missing }) => {
        const entries: RawEntry[] = [];
        lengths.forEach((length, i) => {
          const epoch = (i + 1) * 1000;
          const tail = i === 0 ? null : `${i * 1000}-${(lengths[i - 1] as number) - 1}`;
          entries.push(epochEntry(epoch, tail));
          for (let offset = 1; offset < length; offset++) entries.push(raw(`${epoch}-${offset}`));
        });
        const first = { epoch: 1000, offset: 0 };
        const decoded = new EntryDecoder().decode(entries.slice(1), first);
        expect(decoded.map(({ epoch, offset }) => `${epoch}-${offset}`)).toEqual(
          entries.slice(1).map(([id]) => id.toString()),
        );

        const inner = entries.slice(1);
        if (inner.length < 2) return;
        inner.splice(missing % (inner.length - 1), 1);
        expect(() => new EntryDecoder().decode(inner, first)).toThrow(LogGapError);
      }),
    );
  });

  it('refuses a new epoch that did not take over where the reader stands', () => {
    const decoder = new EntryDecoder();
    const cursor = { epoch: 1000, offset: 9 };
    expect(decoder.decode([epochEntry(2000, '1000-9')], cursor)).toHaveLength(1);
    expect(() => decoder.decode([epochEntry(2000, '1000-7')], cursor)).toThrow(LogGapError);
    expect(() => decoder.decode([epochEntry(2000, null)], cursor)).toThrow(LogGapError);
    expect(() => decoder.decode([raw('2000-0')], cursor)).toThrow(LogGapError);
  });

  it('refuses a repeat', () => {
    expect(() => new EntryDecoder().decode([raw('1000-9')], { epoch: 1000, offset: 9 })).toThrow(LogGapError);
  });
});
