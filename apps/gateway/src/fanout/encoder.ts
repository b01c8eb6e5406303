import type { Cursor } from '@depthcast/protocol';
import type { Filter } from './filter.ts';
import { type Format, formatId, formatLink, type Stamp } from './format.ts';
import { FRAME_HEAD_BYTES_MAX, writeFrameHead } from './packets.ts';
import type { Segment } from './segment.ts';
import { PRIVATE_TOPIC_ID } from './topics.ts';
import type { Window } from './window.ts';

/** A run of a subscription as it goes onto sockets: one chunk, shared by all who want the same. */
export interface Encoded {
  /** `undefined` when nothing matched. */
  readonly bytes: Buffer | undefined;
  readonly frames: number;
  /** The last matching entry, the `prev` of whatever comes next. */
  readonly last: Cursor | undefined;
  readonly lastOrdinal: number;
}

/** Where a `prev:` line begins from. */
export interface ChainLink {
  readonly cursor: Cursor;
  readonly ordinal: number;
}

/** What a subscription is, and where it stands. */
export interface Subscribed {
  readonly filter: Filter;
  readonly format: Format;
  /** The event before, where that is to be said. */
  readonly prev?: ChainLink | undefined;
  /** On a connection to several partitions. */
  readonly stamp?: Stamp | undefined;
}

const NOTHING: Encoded = { bytes: undefined, frames: 0, last: undefined, lastOrdinal: 0 };
/** Room for `<hex length>\r\n`, written last, when the length is known. */
const CHUNK_HEAD_BYTES = 12;
const LINE_END = '\r\n';
const SCRATCH_BYTES = 256 << 10;
const OPENING_BRACE = 123;
const CLOSING_BRACE = 125;
/** What the scratch space shrinks back to after an outsized run. */
const SCRATCH_BYTES_KEPT_MAX = 4 << 20;

/**
 * Gathers the matching frames of a range into one buffer, chunk framing included. Costs one byte-array read an entry
 * and one copy a run of adjacent matches; integer ids and chains cost a short write an entry besides. Paid once a
 * group and batch, not a session.
 */
export class Encoder {
  #scratch = Buffer.allocUnsafeSlow(SCRATCH_BYTES);
  #at = 0;

  /**
   * The matching entries of positions `from` to `to - 1`.
   *
   * @param isLent the bytes are good until the next call only, and cost no copy; who keeps them calls {@link forget}.
   */
  encode(window: Window, from: number, to: number, subscribed: Subscribed, isLent = false): Encoded {
    const { filter, format, prev, stamp } = subscribed;
    this.#at = CHUNK_HEAD_BYTES;
    const isPacket = format.framing === 'packets';
    const plain = format.ids === 'cursor' && !format.chain && !isPacket && !stamp;
    let frames = 0;
    let lastSegment: Segment | undefined;
    let lastOffset = 0;
    let link = prev && format.chain ? formatLink(prev.cursor, prev.ordinal, format.ids, stamp) : '';
    for (let position = from; position < to; ) {
      const segment = window.segmentAt(position);
      const { basePosition } = segment;
      const end = Math.min(segment.count, to - basePosition);
      let i = position - basePosition;
      while (i < end) {
        if (!wants(filter, segment, i)) {
          i++;
          continue;
        }
        let runEnd = i + 1;
        while (runEnd < end && wants(filter, segment, runEnd)) runEnd++;
        frames += runEnd - i;
        lastSegment = segment;
        lastOffset = segment.baseOffset + runEnd - 1;
        if (isPacket) link = this.#packets(segment, i, runEnd, subscribed, link);
        else if (plain) this.#copy(segment, segment.frameStarts[i] as number, segment.frameStarts[runEnd] as number);
        else link = this.#rewrite(segment, i, runEnd, subscribed, link);
        i = runEnd;
      }
      position = basePosition + end;
    }
    if (!lastSegment) return NOTHING;
    return {
      bytes: this.#finish(format.framing === 'chunks', isLent),
      frames,
      last: { epoch: lastSegment.epoch, offset: lastOffset },
      lastOrdinal: lastSegment.ordinal,
    };
  }

  /** What was lent last is somebody else's from now on. */
  forget(): void {
    this.#scratch = Buffer.allocUnsafeSlow(SCRATCH_BYTES);
  }

  #copy(segment: Segment, from: number, to: number): void {
    this.#reserve(to - from);
    segment.bytes.copy(this.#scratch, this.#at, from, to);
    this.#at += to - from;
  }

  /** Writes other `id:` lines, and `prev:` lines, before the same bodies; returns the link to the last one written. */
  #rewrite(segment: Segment, from: number, to: number, { format, stamp }: Subscribed, prev: string): string {
    const { epoch, ordinal, baseOffset } = segment;
    let link = prev;
    for (let i = from; i < to; i++) {
      const cursor = { epoch, offset: baseOffset + i };
      const id = formatId(cursor, ordinal, format.ids, stamp);
      const lines = format.chain && link !== '' ? `id: ${id}\nprev: ${link}\n` : `id: ${id}\n`;
      this.#reserve(lines.length);
      this.#at += this.#scratch.write(lines, this.#at, 'latin1');
      this.#copy(segment, segment.bodyStarts[i] as number, segment.frameStarts[i + 1] as number);
      if (format.chain) link = stamp ? formatLink(cursor, ordinal, format.ids, stamp) : id;
    }
    return link;
  }

  /**
   * Writes the entries as Socket.IO packets in WebSocket frames, the cursor the last member of the payload, whose bytes
   * are otherwise passed on as they are; returns the link to the last one. A second argument would be shorter to write, but
   * Python's clients hand it to handlers that take one.
   */
  #packets(segment: Segment, from: number, to: number, subscribed: Subscribed, prev: string): string {
    const { filter, format, stamp } = subscribed;
    const { epoch, ordinal, baseOffset } = segment;
    let link = prev;
    for (let i = from; i < to; i++) {
      const cursor = { epoch, offset: baseOffset + i };
      const id = formatId(cursor, ordinal, format.ids, stamp);
      const topicId = segment.topics[i] as number;
      const { head, packetHead } = topicId === PRIVATE_TOPIC_ID ? segment.privateAt(i) : filter.topicOf(topicId);
      const { bytes } = segment;
      const start = (segment.bodyStarts[i] as number) + head.length;
      const last = (segment.frameStarts[i + 1] as number) - 3;
      // What is no object, which no engine writes, has no place for it.
      const isObject = bytes[last] === CLOSING_BRACE;
      const end = isObject ? last : last + 1;
      const comma = bytes[end - 1] === OPENING_BRACE ? '' : ',';
      const chained = format.chain && link !== '' ? `,"prev_cursor":"${link}"` : '';
      const tail = isObject ? `${comma}"cursor":"${id}"${chained}}]` : ']';
      const length = packetHead.length + end - start + tail.length;
      this.#reserve(FRAME_HEAD_BYTES_MAX + length);
      const scratch = this.#scratch;
      let at = writeFrameHead(scratch, this.#at, length);
      at += packetHead.copy(scratch, at);
      at += bytes.copy(scratch, at, start, end);
      this.#at = at + scratch.write(tail, at, 'latin1');
      if (format.chain) link = stamp ? formatLink(cursor, ordinal, format.ids, stamp) : id;
    }
    return link;
  }

  #finish(chunked: boolean, isLent: boolean): Buffer {
    const end = this.#at;
    const head = chunked ? `${(end - CHUNK_HEAD_BYTES).toString(16)}\r\n` : '';
    const start = CHUNK_HEAD_BYTES - head.length;
    if (isLent) {
      this.#reserve(LINE_END.length);
      this.#scratch.write(head, start, 'latin1');
      if (chunked) this.#at += this.#scratch.write(LINE_END, end, 'latin1');
      return this.#scratch.subarray(start, this.#at);
    }
    // Sockets may keep the result for as long as a client is slow, so it is a copy of exactly its size.
    const bytes = Buffer.allocUnsafeSlow(end - start + (chunked ? 2 : 0));
    bytes.write(head, 0, 'latin1');
    this.#scratch.copy(bytes, head.length, CHUNK_HEAD_BYTES, end);
    if (chunked) bytes.write('\r\n', bytes.length - 2, 'latin1');
    if (this.#scratch.length > SCRATCH_BYTES_KEPT_MAX) this.#scratch = Buffer.allocUnsafeSlow(SCRATCH_BYTES);
    return bytes;
  }

  #reserve(bytes: number): void {
    if (this.#at + bytes <= this.#scratch.length) return;
    const grown = Buffer.allocUnsafeSlow(Math.max(this.#scratch.length * 2, this.#at + bytes));
    this.#scratch.copy(grown, 0, 0, this.#at);
    this.#scratch = grown;
  }
}

/** Whether an entry is of a subscription. */
export function wants(filter: Filter, segment: Segment, index: number): boolean {
  const topicId = segment.topics[index] as number;
  return topicId === PRIVATE_TOPIC_ID ? filter.owns(segment.privateAt(index)) : filter.matches(topicId);
}
