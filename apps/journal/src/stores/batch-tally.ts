import type { Cursor } from '@depthcast/protocol';
import type { EventRow } from './event-row.ts';
import { dayOf } from './schema.ts';

/** Entries of one mark: what a question by time reads at most beyond its answer. */
export const MARK_ENTRIES = 8_192;

/** What one batch adds to `journal_tables.series`. */
export interface SeriesDelta {
  readonly dayUs: number;
  readonly symbol: string;
  readonly type: string;
  events: number;
  readonly firstUs: number;
  lastUs: number;
}

/** A stretch of the log, or what one batch adds to it; the same epoch and `first` are the same mark. */
export interface Mark {
  readonly epoch: number;
  readonly first: number;
  last: number;
  tsMin: number;
  tsMax: number;
  clockMin: number;
  clockMax: number;
  /** Of payloads, in characters. */
  bytes: number;
}

/** The mark that the partition's last commit ended in. */
export interface OpenMark {
  readonly first: number;
  readonly entries: number;
}

export interface BatchTally {
  readonly series: readonly SeriesDelta[];
  readonly marks: readonly Mark[];
  readonly open: OpenMark;
}

/** What a batch's rows add to the tables beside the events. `cursor` and `open` say where the partition stands. */
export function tallyBatch(rows: readonly EventRow[], cursor: Cursor | null, open: OpenMark): BatchTally {
  const series = new Map<string, SeriesDelta>();
  const marks: Mark[] = [];
  let epoch = cursor?.epoch;
  let { first, entries } = open;
  let mark: Mark | undefined;
  let lastKey: { day: number; symbol: string; type: string; delta: SeriesDelta } | undefined;
  for (const row of rows) {
    if (row.epoch !== epoch || entries >= MARK_ENTRIES) {
      epoch = row.epoch;
      first = row.offset;
      entries = 0;
      mark = undefined;
    }
    entries++;
    if (mark) {
      extend(mark, row);
    } else {
      mark = newMark(first, row);
      marks.push(mark);
    }
    // Neighbours are often of one series: that saves most look-ups.
    const day = dayOf(row.clockUs);
    const symbol = row.symbol ?? '';
    if (!lastKey || lastKey.symbol !== symbol || lastKey.type !== row.type || lastKey.day !== day) {
      lastKey = { day, symbol, type: row.type, delta: seriesOf(series, day, symbol, row) };
    }
    lastKey.delta.events++;
    lastKey.delta.lastUs = row.tsUs;
  }
  return { series: [...series.values()], marks, open: { first, entries } };
}

function seriesOf(series: Map<string, SeriesDelta>, dayUs: number, symbol: string, row: EventRow): SeriesDelta {
  const key = `${dayUs} ${row.type} ${symbol}`;
  let delta = series.get(key);
  if (!delta) {
    delta = { dayUs, symbol, type: row.type, events: 0, firstUs: row.tsUs, lastUs: row.tsUs };
    series.set(key, delta);
  }
  return delta;
}

function newMark(first: number, row: EventRow): Mark {
  const { epoch, offset: last, tsUs, clockUs, payload } = row;
  return {
    epoch,
    first,
    last,
    tsMin: tsUs,
    tsMax: tsUs,
    clockMin: clockUs,
    clockMax: clockUs,
    bytes: payload.length,
  };
}

function extend(mark: Mark, row: EventRow): void {
  mark.last = row.offset;
  if (row.tsUs < mark.tsMin) mark.tsMin = row.tsUs;
  if (row.tsUs > mark.tsMax) mark.tsMax = row.tsUs;
  if (row.clockUs < mark.clockMin) mark.clockMin = row.clockUs;
  if (row.clockUs > mark.clockMax) mark.clockMax = row.clockUs;
  mark.bytes += row.payload.length;
}
