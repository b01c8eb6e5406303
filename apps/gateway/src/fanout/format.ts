import { type Cursor, formatCursor, formatIntegerCursor, formatShortCursor } from '@depthcast/protocol';
import { packetsOf } from './packets.ts';

/**
 * What stands around frames on a connection:
 * - `chunks`: SSE in the chunks of HTTP/1.1;
 * - `plain`: SSE as it is, for HTTP/1.0;
 * - `packets`: the events as Socket.IO packets, each in a WebSocket frame, instead of SSE.
 */
export type Framing = 'chunks' | 'plain' | 'packets';

/** How a session wants its frames. Sessions of equal format and filter share every byte. */
export interface Format {
  /** `int`: `ordinal·10^12 + offset`, for clients that take ids for integers. */
  readonly ids: 'cursor' | 'int';
  /** A `prev:` line in each frame, or a `prev_cursor` member: the id of the event before it in this subscription. */
  readonly chain: boolean;
  readonly framing: Framing;
}

export function formatKey(format: Format): string {
  return `${format.ids}${format.chain ? '+chain' : ''}+${format.framing}`;
}

/**
 * What stands around one partition's own cursor in the ids of a connection to several: what it has received of the
 * others.
 */
export interface Stamp {
  readonly partition: number;
  readonly before: string;
  readonly after: string;
}

export function formatId(cursor: Cursor, ordinal: number, ids: Format['ids'], stamp?: Stamp): string {
  if (stamp) return stamp.before + formatShortCursor(cursor) + stamp.after;
  return ids === 'int' ? formatIntegerCursor(ordinal, cursor.offset) : formatCursor(cursor);
}

/** How a chain names the event before: of several partitions, which one it is of, and its place there alone. */
export function formatLink(cursor: Cursor, ordinal: number, ids: Format['ids'], stamp?: Stamp): string {
  return stamp ? `${stamp.partition}:${formatShortCursor(cursor)}` : formatId(cursor, ordinal, ids);
}

/** The end of a chunked response. */
export const LAST_CHUNK = Buffer.from('0\r\n\r\n');
export const EMPTY = Buffer.alloc(0);

/** A frame that is no event of the log and so carries no `id:`, which would poison the client's cursor. */
export function controlFrame(event: string, data: string): string {
  return `event: ${event}\ndata: ${data.replace(/[\r\n]/g, ' ')}\n\n`;
}

/** Moves the client's cursor and dispatches nothing: an EventSource takes the id of a frame without data. */
export function idFrame(id: string): string {
  return `id: ${id}\n\n`;
}

/** Text, which is SSE frames whatever it becomes, as it goes onto the socket. */
export function onWire(text: string, framing: Framing): Buffer {
  if (framing === 'packets') return packetsOf(text);
  if (framing === 'plain') return Buffer.from(text);
  return Buffer.from(`${Buffer.byteLength(text).toString(16)}\r\n${text}\r\n`);
}
