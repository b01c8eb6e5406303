import type { Framing } from '../fanout/format.ts';
import { packetsIn } from '../fanout/packets.ts';
import type { Sink } from '../fanout/session.ts';

/** One frame as a client sees it; comments apart. */
export interface Frame {
  readonly id?: string;
  readonly prev?: string;
  readonly event?: string;
  readonly data?: string;
}

/** A socket in memory. `stalled` is a client that has stopped reading: what is written then waits. */
export class MemorySink implements Sink {
  stalled = false;
  /** Takes what it is given a turn later, as TLS and HTTP/2 do, and not a copy of it. */
  isLate = false;
  writes = 0;
  destroyed = false;
  /** The most that ever waited, when it was more than one write. */
  waitedMax = 0;
  #chunks: Buffer[] = [];
  #waiting: { bytes: Uint8Array; written: ((error?: Error | null) => void) | undefined }[] = [];

  get writableLength(): number {
    return this.#waiting.reduce((sum, { bytes }) => sum + bytes.length, 0);
  }

  write(bytes: Uint8Array, written?: (error?: Error | null) => void): boolean {
    this.writes++;
    if (this.stalled || this.isLate) {
      const before = this.writableLength;
      this.#waiting.push({ bytes, written });
      if (before > 0 && bytes.length > 0) this.waitedMax = Math.max(this.waitedMax, before + bytes.length);
      if (!this.stalled) setImmediate(() => this.stalled || this.take(Number.POSITIVE_INFINITY));
    } else {
      this.#chunks.push(Buffer.from(bytes));
      if (written) process.nextTick(written);
    }
    return true;
  }

  destroy(): void {
    this.destroyed = true;
  }

  /** The client reads again. */
  resume(): void {
    this.stalled = false;
    this.take(Number.POSITIVE_INFINITY);
  }

  /** The client reads so many bytes of what waits. */
  take(bytesMax: number): void {
    let rest = bytesMax;
    for (let first = this.#waiting[0]; first && (rest > 0 || first.bytes.length === 0); first = this.#waiting[0]) {
      const part = first.bytes.subarray(0, rest);
      this.#chunks.push(Buffer.from(part));
      rest -= part.length;
      first.bytes = first.bytes.subarray(part.length);
      if (first.bytes.length > 0) return;
      this.#waiting.shift();
      if (first.written) process.nextTick(first.written);
    }
  }

  get received(): Buffer {
    return Buffer.concat(this.#chunks);
  }

  /** What arrived so far as frames; the chunks' framing is checked on the way. */
  frames(framing: Framing = 'chunks'): Frame[] {
    if (framing === 'packets') return packetsIn(this.received).map(frameOfPacket);
    return parseFrames(framing === 'chunks' ? dechunk(this.received) : this.received.toString());
  }

  clear(): void {
    this.#chunks = [];
  }
}

/** What an SSE client would have been sent instead of a packet. The cursor is the last member of its data. */
export function frameOfPacket(packet: string): Frame {
  const [, event, data] = /^42\["([^"]+)",(.*)\]$/s.exec(packet) ?? [];
  if (event === undefined || data === undefined) throw new Error(`not an event: ${packet.slice(0, 100)}`);
  JSON.parse(data);
  const [members = '', id, prev] = /,?"cursor":"([^"]+)"(?:,"prev_cursor":"([^"]+)")?\}$/.exec(data) ?? [];
  if (event === 'cursor') return { id: id as string };
  const rest = members === '' ? data : `${data.slice(0, -members.length)}}`;
  return { ...(id === undefined ? {} : { id }), ...(prev === undefined ? {} : { prev }), event, data: rest };
}

/** @throws when the bytes are not whole chunks. */
export function dechunk(bytes: Buffer): string {
  const parts: Buffer[] = [];
  for (let at = 0; at < bytes.length; ) {
    const lineEnd = bytes.indexOf('\r\n', at);
    const head = bytes.toString('latin1', at, lineEnd);
    if (lineEnd < 0 || !/^[0-9a-f]+$/.test(head))
      throw new Error(`not a chunk head: ${JSON.stringify(head.slice(0, 40))}`);
    const start = lineEnd + 2;
    const end = start + Number.parseInt(head, 16);
    if (bytes.toString('latin1', end, end + 2) !== '\r\n') throw new Error('a chunk does not end where it says');
    parts.push(bytes.subarray(start, end));
    at = end + 2;
  }
  return Buffer.concat(parts).toString();
}

export function parseFrames(text: string): Frame[] {
  if (text !== '' && !text.endsWith('\n\n')) throw new Error('the text ends within a frame');
  return text
    .split('\n\n')
    .slice(0, -1)
    .map((block) => {
      const frame: Record<string, string> = {};
      for (const line of block.split('\n')) {
        const colon = line.indexOf(': ');
        if (colon > 0) frame[line.slice(0, colon)] = line.slice(colon + 2);
      }
      return frame as Frame;
    })
    .filter((frame) => Object.keys(frame).length > 0);
}

/** Lets everything that is due happen: immediates, promises, next ticks. */
export async function settle(turns = 30): Promise<void> {
  for (let i = 0; i < turns; i++) await new Promise((resolve) => setImmediate(resolve));
}
