import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { dechunk, type Frame, frameOfPacket, parseFrames } from '../testing/memory-sink.ts';
import { type ChainLink, Encoder } from './encoder.ts';
import { Filter } from './filter.ts';
import type { Format } from './format.ts';
import { packetsIn } from './packets.ts';
import { TopicTable } from './topics.ts';
import { Window } from './window.ts';

const TOPICS = ['market:A', 'market:B', 'trade:A', 'clock', 'fill:A:account'];
const EPOCH = 1_767_225_600_000;

interface Row {
  topic: string;
  payload: string;
}

const rows = fc.array(fc.record({ topic: fc.constantFrom(...TOPICS), payload: fc.json({ maxDepth: 1 }) }), {
  minLength: 1,
  maxLength: 60,
});

function fill(list: readonly Row[], segmentBytes = 300): { window: Window; topics: TopicTable } {
  const topics = new TopicTable();
  const window = new Window({ bytesMax: 1 << 30, entriesMax: 1_000, segmentBytes });
  for (const [i, { topic, payload }] of list.entries()) {
    window.append(EPOCH, 3, i, topics.intern(topic), Buffer.from(payload));
  }
  return { window, topics };
}

const plain: Format = { ids: 'cursor', chain: false, framing: 'chunks' };

describe('the encoder', () => {
  it('writes one chunk of frames, byte for byte', () => {
    const { window, topics } = fill([
      { topic: 'market:A', payload: '{"a":1}' },
      { topic: 'clock', payload: '{}' },
    ]);
    const { bytes, frames } = new Encoder().encode(window, 0, 2, { filter: new Filter(topics), format: plain });
    const body = `id: ${EPOCH}-0\nevent: market\ndata: {"a":1}\n\nid: ${EPOCH}-1\nevent: clock\ndata: {}\n\n`;
    expect(bytes?.toString()).toBe(`${body.length.toString(16)}\r\n${body}\r\n`);
    expect(frames).toBe(2);
  });

  it('gives the filtered log exactly, whatever the split, filter and format', () => {
    const filters = fc.record({
      types: fc.option(fc.subarray(['market', 'trade', 'clock', 'fill']), { nil: undefined }),
      symbols: fc.option(fc.subarray(['A', 'B']), { nil: undefined }),
    });
    const formats = fc.record({
      ids: fc.constantFrom('cursor' as const, 'int' as const),
      chain: fc.boolean(),
      framing: fc.constantFrom('chunks' as const, 'plain' as const, 'packets' as const),
    });
    fc.assert(
      fc.property(rows, filters, formats, fc.array(fc.nat(60)), (given, wanted, format, cuts) => {
        let list = given;
        const { framing } = format;
        if (framing === 'packets') list = list.map(({ topic, payload }) => ({ topic, payload: `{"of":${payload}}` }));
        const { window, topics } = fill(list);
        const filter = new Filter(topics, wanted.types, wanted.symbols);
        const encoder = new Encoder();
        const points = [...new Set([0, ...cuts.filter((cut) => cut < list.length), list.length])].sort((a, b) => a - b);
        let prev: ChainLink | undefined;
        const parts: Buffer[] = [];
        for (let i = 0; i + 1 < points.length; i++) {
          const [from, to] = [points[i] as number, points[i + 1] as number];
          const encoded = encoder.encode(window, from, to, { filter, format, prev });
          if (encoded.bytes) parts.push(encoded.bytes);
          if (encoded.last) prev = { cursor: encoded.last, ordinal: encoded.lastOrdinal };
        }
        const bytes = Buffer.concat(parts);
        const text = framing === 'chunks' ? dechunk(bytes) : bytes.toString();
        const frames = framing === 'packets' ? packetsIn(bytes).map(frameOfPacket) : parseFrames(text);
        expect(frames).toEqual(expected(list, wanted, format));
      }),
    );
  });

  it('gives what is no object as it is, and an empty one its cursor', () => {
    const { window, topics } = fill(['{}', '[]', '"}x"', '7'].map((payload) => ({ topic: 'clock', payload })));
    const { bytes } = new Encoder().encode(window, 0, 4, {
      filter: new Filter(topics),
      format: { ...plain, framing: 'packets' },
    });
    expect(packetsIn(bytes as Buffer)).toEqual([
      `42["clock",{"cursor":"${EPOCH}-0"}]`,
      '42["clock",[]]',
      '42["clock","}x"]',
      '42["clock",7]',
    ]);
  });

  it('gives nothing at all where nothing matches', () => {
    const { window, topics } = fill([{ topic: 'market:A', payload: '{}' }]);
    expect(
      new Encoder().encode(window, 0, 1, { filter: new Filter(topics, ['trade']), format: plain }).bytes,
    ).toBeUndefined();
  });

  it('never lets a line end in a payload or a type break a frame', () => {
    const { window, topics } = fill([{ topic: 'mar\r\nket:A', payload: '{\n"a":\r1}' }]);
    const { bytes } = new Encoder().encode(window, 0, 1, { filter: new Filter(topics), format: plain });
    expect(parseFrames(dechunk(bytes as Buffer))).toEqual([{ id: `${EPOCH}-0`, event: 'mar__ket', data: '{ "a": 1}' }]);
  });
});

function expected(
  list: readonly Row[],
  wanted: { types?: string[] | undefined; symbols?: string[] | undefined },
  format: Format,
) {
  const id = (offset: number) => (format.ids === 'int' ? `3${String(offset).padStart(12, '0')}` : `${EPOCH}-${offset}`);
  const frames: Frame[] = [];
  for (const [offset, { topic, payload }] of list.entries()) {
    const [type = '', symbol, account] = topic.split(':');
    if (account !== undefined || (wanted.types && !wanted.types.includes(type))) continue;
    if (symbol !== undefined && wanted.symbols && !wanted.symbols.includes(symbol)) continue;
    const prev = frames.at(-1)?.id;
    frames.push({
      id: id(offset),
      ...(format.chain && prev !== undefined ? { prev } : {}),
      event: type,
      data: payload,
    });
  }
  return frames;
}
