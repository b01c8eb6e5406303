import { DepthcastError } from './errors.ts';

/**
 * The position of one entry in one partition's log: `<epoch>-<offset>`.
 *
 * `epoch` is the millisecond at which this timeline was opened, `offset` counts 0, 1, 2 … without a hole.
 * The text form is the Redis stream id, the SSE `id:` and the paging cursor all at once.
 * Spec: docs/adr/0001-log-ids.md.
 */
export interface Cursor {
  readonly epoch: number;
  readonly offset: number;
}

/** Before every entry of every log: no epoch is so early. */
export const BEGINNING: Cursor = { epoch: 0, offset: 0 };
/** 10^12 offsets an epoch leave room for 9,006 epochs below 2^53 in the integer form. */
export const INTEGER_FORM_OFFSETS_MAX = 1_000_000_000_000;
/** The most partitions one session cursor can name. */
export const PARTITIONS_MAX = 64;

const DECIMAL_CURSOR = /^(0|[1-9]\d{0,15})-(0|[1-9]\d{0,15})$/;
const BASE36_CURSOR = /^(0|[1-9a-z][0-9a-z]{0,10})-(0|[1-9a-z][0-9a-z]{0,10})$/;
const INTEGER = /^(0|[1-9]\d{0,15})$/;

export function formatCursor(cursor: Cursor): string {
  return `${cursor.epoch}-${cursor.offset}`;
}

/** `undefined` for anything that is not exactly a cursor: no signs, spaces, leading zeros or unsafe integers. */
export function tryParseCursor(text: string): Cursor | undefined {
  return fromMatch(DECIMAL_CURSOR.exec(text), 10);
}

/** @throws DepthcastError `CURSOR_INVALID` naming what came and what is allowed. */
export function parseCursor(text: string): Cursor {
  const cursor = tryParseCursor(text);
  if (!cursor) throw cursorInvalid(text);
  return cursor;
}

/** Orders by epoch, then offset: negative when `a` is before `b`. */
export function compareCursors(a: Cursor, b: Cursor): number {
  return a.epoch - b.epoch || a.offset - b.offset;
}

export function cursorsEqual(a: Cursor, b: Cursor): boolean {
  return a.epoch === b.epoch && a.offset === b.offset;
}

/** The next id within the same epoch. */
export function successor(cursor: Cursor): Cursor {
  return { epoch: cursor.epoch, offset: cursor.offset + 1 };
}

/**
 * Whether `next` follows `previous` with nothing in between: the next offset of the same epoch, or offset 0 of a
 * later epoch whose `epoch` event says that it took over exactly at `previous`.
 *
 * @param previousTail `previous_tail` of the `epoch` event, when `next` is one.
 */
export function isSuccessor(previous: Cursor, next: Cursor, previousTail?: Cursor): boolean {
  if (next.epoch === previous.epoch) return next.offset === previous.offset + 1;
  return (
    next.epoch > previous.epoch &&
    next.offset === 0 &&
    previousTail !== undefined &&
    cursorsEqual(previousTail, previous)
  );
}

/**
 * The monotonic integer of an id, as the VeloZ seed's clients expect it: `ordinal·10^12 + offset`, where `ordinal`
 * counts the epochs from 0. The first epoch's integers are its plain offsets. Text, so that no reader rounds it.
 */
export function formatIntegerCursor(ordinal: number, offset: number): string {
  return ordinal === 0 ? String(offset) : String(ordinal) + String(offset).padStart(12, '0');
}

/** The inverse of {@link formatIntegerCursor}; `undefined` when the text is not such an integer. */
export function tryParseIntegerCursor(text: string): { ordinal: number; offset: number } | undefined {
  if (!INTEGER.test(text) || !Number.isSafeInteger(Number(text))) return undefined;
  return { ordinal: Number(text.slice(0, -12) || 0), offset: Number(text.slice(-12)) };
}

/**
 * One id for a session over several partitions: each partition's cursor in base 36, joined by `_` in partition
 * order. With one partition it is the plain decimal cursor.
 */
export function formatSessionCursor(cursors: readonly Cursor[]): string {
  const [only] = cursors;
  if (only && cursors.length === 1) return formatCursor(only);
  return cursors.map(formatShortCursor).join('_');
}

/** One partition's part of a session cursor over several: base 36. */
export function formatShortCursor({ epoch, offset }: Cursor): string {
  return `${epoch.toString(36)}-${offset.toString(36)}`;
}

/** `undefined` when the text is malformed or names another number of partitions. */
export function tryParseSessionCursor(text: string, partitions: number): Cursor[] | undefined {
  if (partitions === 1) {
    const cursor = tryParseCursor(text);
    return cursor && [cursor];
  }
  if (text.length > PARTITIONS_MAX * 24) return undefined;
  const parts = text.split('_').map((part) => fromMatch(BASE36_CURSOR.exec(part), 36));
  return parts.length === partitions && parts.every((part) => part !== undefined) ? parts : undefined;
}

function fromMatch(match: RegExpExecArray | null, radix: number): Cursor | undefined {
  if (!match) return undefined;
  const epoch = Number.parseInt(match[1] as string, radix);
  const offset = Number.parseInt(match[2] as string, radix);
  return Number.isSafeInteger(epoch) && Number.isSafeInteger(offset) ? { epoch, offset } : undefined;
}

function cursorInvalid(text: string): DepthcastError {
  return new DepthcastError(
    'CURSOR_INVALID',
    `cursor ${JSON.stringify(text.slice(0, 80))} is not <epoch>-<offset>, two whole numbers such as 1767225600000-42`,
  );
}
