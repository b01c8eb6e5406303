import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { Decoder, PacketType } from 'socket.io-parser';
import { controlFrame, idFrame, onWire } from './format.ts';
import { frameOf, packetsIn, packetsOf } from './packets.ts';

const texts = fc.oneof(
  fc.string({ maxLength: 300, unit: 'grapheme' }),
  fc.constantFrom(0, 1, 125, 126, 127, 65_535, 65_536, 65_537, 200_000).map((length) => 'x'.repeat(length)),
);

/** What Socket.IO's own parser makes of a packet. */
function decoded(packet: string): unknown {
  let found: unknown;
  const decoder = new Decoder();
  decoder.on('decoded', ({ type, data }) => {
    found = type === PacketType.EVENT ? data : undefined;
  });
  decoder.add(packet.slice(1));
  return found;
}

describe('packets in frames', () => {
  it('are read as they were written, whatever their length', () => {
    fc.assert(
      fc.property(fc.array(texts, { maxLength: 5 }), (packets) => {
        expect(packetsIn(Buffer.concat(packets.map(frameOf)))).toEqual(packets);
      }),
    );
  });

  it('have the heads that RFC 6455 gives: unmasked, whole, with the shortest length', () => {
    expect(frameOf('x'.repeat(125)).subarray(0, 2)).toEqual(Buffer.from([0x81, 125]));
    expect(frameOf('x'.repeat(126)).subarray(0, 4)).toEqual(Buffer.from([0x81, 126, 0, 126]));
    expect(frameOf('x'.repeat(65_536)).subarray(0, 10)).toEqual(Buffer.from([0x81, 127, 0, 0, 0, 0, 0, 1, 0, 0]));
  });

  it('are events to Socket.IO: frames with data, ids alone as cursor, retry as drain, comments as nothing', () => {
    const sse = `${controlFrame('reset', '{"reason":"ahead"}')}: keep-alive\n\n${idFrame('7-9')}retry: 500\n\n${controlFrame('bbo', '{"a":1}')}`;
    expect(packetsIn(packetsOf(sse)).map(decoded)).toEqual([
      ['reset', { reason: 'ahead' }],
      ['cursor', { cursor: '7-9' }],
      ['drain', { retry_ms: 500 }],
      ['bbo_update', { a: 1 }],
    ]);
    expect(packetsIn(packetsOf('id: 7-9\nevent: market_data\ndata: {"a":1}\n\n')).map(decoded)).toEqual([
      ['market_data', { a: 1, cursor: '7-9' }],
    ]);
  });

  it('leave out what Engine.IO does by itself', () => {
    expect(onWire(`: keep-alive\n\n${controlFrame('heartbeat', '{}')}`, 'packets')).toHaveLength(0);
  });
});
