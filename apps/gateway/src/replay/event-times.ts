const TS_NS = Buffer.from('"ts_ns":');
const TIMESTAMP = Buffer.from('"timestamp":');
const DIGIT_0 = 48;
const DIGIT_9 = 57;
const NS_PER_US = 1_000;
const US_PER_MS = 1_000;
/** A venue's own time may be ahead of the log's clock by less than its next tick, and what is beyond that is wrong. */
const AHEAD_US_MAX = 1_000_000;

/**
 * When each entry of the log happened, µs: the event's own time, between the last `clock` event and a second later, and
 * never back. One without a time happened with the one before it.
 */
export class EventTimes {
  #clockUs: number | undefined;
  #lastUs = 0;

  /** Of the last entry; 0 before the first that has a time. */
  get lastUs(): number {
    return this.#lastUs;
  }

  /** Entries are asked for in the order of the log; about the last one it may be asked again. */
  of(type: string, payload: Buffer): number {
    const ownUs = timeOf(payload);
    if (ownUs === undefined) return this.#lastUs;
    if (type === 'clock') this.#clockUs = ownUs;
    const { from, to } = this.#bounds(ownUs);
    this.#lastUs = Math.max(this.#lastUs, Math.min(Math.max(ownUs, from), to));
    return this.#lastUs;
  }

  #bounds(ownUs: number): { from: number; to: number } {
    const clockUs = this.#clockUs;
    return clockUs === undefined ? { from: ownUs, to: ownUs } : { from: clockUs, to: clockUs + AHEAD_US_MAX };
  }
}

/** An event's own time, µs; `undefined` where it has none. */
export function timeOf(payload: Buffer): number | undefined {
  const ns = numberAfter(payload, TS_NS);
  if (ns !== undefined) return Math.floor(ns / NS_PER_US);
  const ms = numberAfter(payload, TIMESTAMP);
  return ms === undefined ? undefined : ms * US_PER_MS;
}

/** A Number holds nanoseconds to the nearest 256: here nothing asks for more. */
function numberAfter(payload: Buffer, name: Buffer): number | undefined {
  const at = payload.indexOf(name);
  if (at < 0) return undefined;
  let value = 0;
  let i = at + name.length;
  for (; i < payload.length; i++) {
    const digit = payload[i] as number;
    if (digit < DIGIT_0 || digit > DIGIT_9) break;
    value = value * 10 + digit - DIGIT_0;
  }
  return i === at + name.length ? undefined : value;
}
