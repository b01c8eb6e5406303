/**
 * Socket.IO packets in WebSocket frames. What a server sends is not masked, so that a frame is the same bytes for every
 * client and a batch of them is built once. (RFC 6455 §5.2; Socket.IO protocol 5: `4` is Engine.IO's message, `2` an
 * event.)
 */

/** FIN and opcode 1: a whole text message. */
const TEXT_FRAME = 0x81;
const LENGTH_16 = 126;
const LENGTH_64 = 127;
const SHORT_BYTES_MAX = 125;
const MEDIUM_BYTES_MAX = 0xffff;
/** The longest head of a frame. */
export const FRAME_HEAD_BYTES_MAX = 10;

const BLOCK_END = '\n\n';
const EMPTY_OBJECT = '{}';
/** Engine.IO asks for signs of life by itself. */
const NOT_SENT = 'heartbeat';

/** What an event type is called on Socket.IO: the BBO seed has its own word. */
export function socketEventOf(type: string): string {
  return type === 'bbo' ? 'bbo_update' : type;
}

/** What stands before the payload of an event packet. */
export function packetHead(event: string): string {
  return `42["${event}",`;
}

/** Writes a frame's head, whose length depends on that of what follows; returns the place after it. */
export function writeFrameHead(bytes: Buffer, at: number, length: number): number {
  bytes[at] = TEXT_FRAME;
  if (length <= SHORT_BYTES_MAX) {
    bytes[at + 1] = length;
    return at + 2;
  }
  if (length <= MEDIUM_BYTES_MAX) {
    bytes[at + 1] = LENGTH_16;
    return bytes.writeUInt16BE(length, at + 2);
  }
  bytes[at + 1] = LENGTH_64;
  bytes.writeUInt32BE(Math.floor(length / 2 ** 32), at + 2);
  return bytes.writeUInt32BE(length >>> 0, at + 6);
}

/** One packet in a frame. */
export function frameOf(packet: string): Buffer {
  const length = Buffer.byteLength(packet);
  const bytes = Buffer.allocUnsafeSlow(FRAME_HEAD_BYTES_MAX + length);
  const start = writeFrameHead(bytes, 0, length);
  return bytes.subarray(0, start + bytes.write(packet, start));
}

/** The packets in a run of whole frames, for transports that are no WebSocket. */
export function packetsIn(bytes: Uint8Array): string[] {
  const all = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const packets: string[] = [];
  for (let at = 0; at < all.length; ) {
    let length = all[at + 1] as number;
    at += 2;
    if (length === LENGTH_16) {
      length = all.readUInt16BE(at);
      at += 2;
    } else if (length === LENGTH_64) {
      length = Number(all.readBigUInt64BE(at));
      at += 8;
    }
    packets.push(all.toString('utf8', at, at + length));
    at += length;
  }
  return packets;
}

/**
 * The same of SSE frames, which control frames and views are written as: a frame of an id alone becomes a `cursor`
 * event, `retry:` a `drain` event, the id of a frame with data a member of it, and comments nothing.
 */
export function packetsOf(sse: string): Buffer {
  const frames: Buffer[] = [];
  for (const block of sse.split(BLOCK_END)) {
    const packet = packetOf(block);
    if (packet !== undefined) frames.push(frameOf(packet));
  }
  return Buffer.concat(frames);
}

function packetOf(block: string): string | undefined {
  let id: string | undefined;
  let event: string | undefined;
  let data: string | undefined;
  let retry: string | undefined;
  for (const line of block.split('\n')) {
    if (line.startsWith('id: ')) id = line.slice(4);
    else if (line.startsWith('event: ')) event = line.slice(7);
    else if (line.startsWith('data: ')) data = line.slice(6);
    else if (line.startsWith('retry: ')) retry = line.slice(7);
  }
  if (retry !== undefined) return `${packetHead('drain')}{"retry_ms":${retry}}]`;
  if (data === undefined) return id === undefined ? undefined : `${packetHead('cursor')}{"cursor":"${id}"}]`;
  if (event === undefined || event === NOT_SENT) return undefined;
  return `${packetHead(socketEventOf(event))}${id === undefined ? data : withCursor(data, id)}]`;
}

function withCursor(data: string, id: string): string {
  return data === EMPTY_OBJECT ? `{"cursor":"${id}"}` : `${data.slice(0, -1)},"cursor":"${id}"}`;
}
