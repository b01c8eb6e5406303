import type { LogEvent } from '@depthcast/protocol';

/** The size that the fan-out figures are quoted for. */
export const EVENT_BYTES = 400;
export const SYMBOL = 'BTCUSDT';
const BID_LEVELS = 6;
const ASK_LEVELS = 5;
const MIDDLE_CENTS = 6_180_020;
const FIRST_ID = 512_310_783_200;

/**
 * A `book_change` of exactly {@link EVENT_BYTES} bytes, as a venue's diff makes them.
 *
 * @param n counts the events: which levels change follows from it.
 * @param tsNs 19 digits.
 */
export function bookChangeEvent(n: number, tsNs: number | string, symbol = SYMBOL): LogEvent {
  const id = FIRST_ID + n;
  const head = `{"type":"book_change","symbol":"${symbol}","ts_ns":${tsNs},"is_snapshot":false,"first":${id},"last":${id},"prev":${id - 1}`;
  const body = `${head},"bids":[${levels(n, BID_LEVELS, -1)}],"asks":[${levels(n, ASK_LEVELS, 1)}]`;
  if (body.length >= EVENT_BYTES) throw new Error(`an event of ${body.length + 1} bytes, ${EVENT_BYTES} wanted`);
  // JSON allows space between tokens: the fill that changes no value.
  return { topic: `book_change:${symbol}`, payload: `${body.padEnd(EVENT_BYTES - 1)}}` };
}

/** The whole book that {@link bookChangeEvent} changes, so that a gateway keeps one as it always does. */
export function bookSnapshotEvent(tsNs: number | string, symbol = SYMBOL): LogEvent {
  const side = (sign: number) => Array.from({ length: 200 }, (_, rank) => level(sign, rank, 1 + rank)).join(',');
  const payload = `{"type":"book_change","symbol":"${symbol}","ts_ns":${tsNs},"is_snapshot":true,"first":${FIRST_ID - 1},"last":${FIRST_ID - 1},"bids":[${side(-1)}],"asks":[${side(1)}]}`;
  return { topic: `book_change:${symbol}`, payload };
}

function levels(n: number, count: number, sign: number): string {
  const list: string[] = [];
  for (let i = 0; i < count; i++) list.push(level(sign, (n * 7 + i * 13) % 200, 1 + ((n + i * 31) % 999)));
  return list.join(',');
}

function level(sign: number, rank: number, size: number): string {
  const cents = MIDDLE_CENTS + sign * (1 + rank);
  return `["${(cents / 100).toFixed(2)}","${(size / 1000).toFixed(3)}"]`;
}
