import { type Cursor, invalid, type Query, single, tryParseCursor } from '@depthcast/protocol';
import { refuseArrayForms } from '../transports/query.ts';

/** Where a stream of the past begins, and how fast it goes. */
export interface ReplayRequest {
  /** As it was asked for. */
  readonly text: string;
  /** After a cursor, or from a moment of event time, ms since 1970. */
  readonly from: Cursor | number;
  /** Seconds of event time a second; Infinity: as fast as they are taken. */
  readonly speed: number;
}

export const REPLAY_PARAMETERS = ['from', 'speed'] as const;
export const SPEED_MAX = 1_000;
const FASTEST = 'max';
/** What GET /api says of them. */
export const REPLAY_DOCUMENT = {
  from: 'play the past from here on, and then the present: ms since 1970, an ISO 8601 time, or a cursor (see the event replay)',
  speed: `with from: 1 to ${SPEED_MAX} times as fast as it was, or ${FASTEST} (1)`,
} as const;
const FROM = 'ms since 1970, an ISO 8601 time with its zone such as 2024-08-08T00:00:00Z, or a cursor';
const MILLISECONDS = /^\d{1,15}$/;
/** Without a zone it would be this machine's. */
const ISO_TIME = /^\d{4}-\d\d-\d\d(T\d\d:\d\d(:\d\d(\.\d{1,9})?)?(Z|[+-]\d\d:?\d\d))?$/;

/**
 * Reads `from` and `speed`; `undefined` where neither is given.
 *
 * @param nowMs event time: what is later has not been yet.
 * @throws DepthcastError `PARAMETER_INVALID`
 */
export function parseReplay(query: Query, nowMs: number): ReplayRequest | undefined {
  refuseArrayForms(query, REPLAY_PARAMETERS);
  const text = single(query, 'from')?.trim();
  const speed = speedOf(query);
  if (text === undefined) {
    if (speed !== undefined) throw invalid('speed', String(speed), 'the parameter from beside it');
    return undefined;
  }
  const from = tryParseCursor(text) ?? momentOf(text);
  if (from === undefined) throw invalid('from', text, FROM);
  if (typeof from === 'number' && from > nowMs) throw inFuture(text, nowMs);
  return { text, from, speed: speed ?? 1 };
}

export function inFuture(text: string, nowMs: number): Error {
  return invalid('from', text, `what has been, up to ${new Date(nowMs).toISOString()}`);
}

function speedOf(query: Query): number | undefined {
  const text = single(query, 'speed')?.trim().toLowerCase();
  if (text === undefined) return undefined;
  if (text === FASTEST) return Number.POSITIVE_INFINITY;
  const speed = /^\d{1,4}$/.test(text) ? Number(text) : 0;
  if (speed < 1 || speed > SPEED_MAX) throw invalid('speed', text, `1 to ${SPEED_MAX}, or ${FASTEST}`);
  return speed;
}

function momentOf(text: string): number | undefined {
  if (MILLISECONDS.test(text)) return Number(text);
  const ms = ISO_TIME.test(text) ? Date.parse(text) : Number.NaN;
  return ms >= 0 ? ms : undefined;
}
