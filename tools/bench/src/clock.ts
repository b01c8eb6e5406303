/**
 * Microseconds of the machine's monotonic clock, which on Linux and macOS every process shares: a stamp of one can be
 * compared in another, and no step of the wall clock gets in between.
 */
export function monotonicUs(): number {
  return Number(process.hrtime.bigint() / 1_000n);
}

/** Makes a stamp 19 digits long, as a `ts_ns` is. */
const STAMP_BASE_US = 1e15;

/** The clock as the text of a `ts_ns`. */
export function stampNow(): string {
  return `${STAMP_BASE_US + monotonicUs()}000`;
}

/** What {@link stampNow} said, in µs of the clock; a Number holds such a `ts_ns` to a quarter of a µs. */
export function usOfStamp(tsNs: number): number {
  return tsNs / 1_000 - STAMP_BASE_US;
}
