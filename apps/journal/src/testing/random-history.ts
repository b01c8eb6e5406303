import type { Cursor } from '@depthcast/protocol';
import fc from 'fast-check';
import type { EventRow } from '../stores/event-row.ts';
import type { EventQuery, JournalBatch, JournalPosition, RetentionPolicy } from '../stores/journal-store.ts';

const FIRST_EPOCH = 1_767_225_590_000;
/** Ten seconds before midnight. */
const FIRST_US = FIRST_EPOCH * 1_000;
const SYMBOLS: readonly (readonly string[])[] = [['BTCUSDT', 'ETHUSDT'], ['SOLUSDT']];
const TYPES = ['bbo', 'trade', 'kline', 'book_change', 'order_update', 'clock'] as const;

/** One row to be, still without its place. */
interface Sketch {
  readonly type: (typeof TYPES)[number];
  readonly symbol: number;
  readonly account: string | null;
  /** From the clock; venues disagree with it, and with each other. */
  readonly skewUs: number;
  readonly tickUs: number;
  readonly value: number;
  readonly text: string;
}

export type HistoryStep =
  | { readonly kind: 'commit'; readonly partition: number; readonly rows: readonly Sketch[]; readonly break: Break }
  | { readonly kind: 'burst'; readonly partition: number; readonly count: number; readonly sketch: Sketch }
  | { readonly kind: 'overtaken'; readonly partition: number; readonly sketch: Sketch }
  | { readonly kind: 'retain'; readonly policy: RetentionPolicy }
  | { readonly kind: 'reopen' };

/** What precedes a batch: nothing, entries that were lost, or a new epoch that takes over at or before the position. */
type Break =
  | { readonly kind: 'none' }
  | { readonly kind: 'hole'; readonly missing: number }
  | { readonly kind: 'epoch'; readonly orphans: number }
  | { readonly kind: 'replaced' };

const sketch: fc.Arbitrary<Sketch> = fc.record({
  type: fc.constantFrom(...TYPES),
  symbol: fc.nat(1),
  account: fc.constantFrom(null, null, 'alice', 'bob'),
  skewUs: fc.integer({ min: -3_000_000, max: 3_000_000 }),
  tickUs: fc.oneof(
    { arbitrary: fc.constant(0), weight: 6 },
    { arbitrary: fc.constant(1_000_000), weight: 3 },
    { arbitrary: fc.constant(40_000_000_000), weight: 1 },
  ),
  value: fc.nat(1_000),
  text: fc.string({ unit: 'grapheme', maxLength: 8 }),
});

const partition = fc.nat(1);

const step: fc.Arbitrary<HistoryStep> = fc.oneof(
  {
    weight: 10,
    arbitrary: fc.record({
      kind: fc.constant('commit' as const),
      partition,
      rows: fc.array(sketch, { minLength: 1, maxLength: 25 }),
      break: fc.oneof(
        { weight: 6, arbitrary: fc.constant({ kind: 'none' as const }) },
        {
          weight: 1,
          arbitrary: fc.record({ kind: fc.constant('hole' as const), missing: fc.integer({ min: 1, max: 9 }) }),
        },
        { weight: 2, arbitrary: fc.record({ kind: fc.constant('epoch' as const), orphans: fc.nat(12) }) },
        { weight: 1, arbitrary: fc.constant({ kind: 'replaced' as const }) },
      ),
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({
      kind: fc.constant('burst' as const),
      partition,
      count: fc.constantFrom(3_000, 9_000),
      // A day's table for each of thousands of days is not what this is about.
      sketch: sketch.map((sketched) => ({ ...sketched, tickUs: Math.min(sketched.tickUs, 1_000_000) })),
    }),
  },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('overtaken' as const), partition, sketch }) },
  {
    weight: 2,
    arbitrary: fc.record({
      kind: fc.constant('retain' as const),
      policy: fc.oneof(
        fc.record({ ageMsMax: fc.constantFrom(0, 1_000, 5_000, 40_000_000, 90_000_000) }),
        fc.record({ bboItemsMax: fc.constantFrom(1, 5, 4_000) }),
        fc.record({ ageMsMax: fc.constantFrom(2_000, 80_000_000), bboItemsMax: fc.constantFrom(1, 20) }),
      ),
    }),
  },
  { weight: 1, arbitrary: fc.constant({ kind: 'reopen' as const }) },
);

export const history: fc.Arbitrary<readonly HistoryStep[]> = fc.array(step, { minLength: 1, maxLength: 14 });

/** The batch of a step on a partition that stands at `position`. */
export function batchOf(
  position: JournalPosition | undefined,
  step: Extract<HistoryStep, { kind: 'commit' }>,
  ordinal: number,
): JournalBatch {
  const { partition: of, break: gap } = step;
  const after = position?.cursor ?? null;
  let next: Cursor = after ? { epoch: after.epoch, offset: after.offset + 1 } : { epoch: FIRST_EPOCH + of, offset: 0 };
  const base = { partition: of, after, epochs: [], holes: [], orphanedAfter: [] };
  const extra: { -readonly [K in 'epochs' | 'holes' | 'orphanedAfter']?: JournalBatch[K] } = {};
  if (!after) {
    extra.epochs = [{ epoch: next.epoch, ordinal, previousTail: null, reason: 'first' }];
  } else if (gap.kind === 'hole') {
    next = { epoch: next.epoch, offset: next.offset + gap.missing };
    extra.holes = [{ after, next }];
  } else if (gap.kind === 'epoch') {
    const previousTail = { epoch: after.epoch, offset: Math.max(0, after.offset - gap.orphans) };
    next = { epoch: after.epoch + 1_000, offset: 0 };
    extra.epochs = [{ epoch: next.epoch, ordinal, previousTail, reason: 'takeover' }];
    extra.orphanedAfter = [previousTail];
  } else if (gap.kind === 'replaced') {
    next = { epoch: after.epoch + 1_000, offset: 0 };
    extra.epochs = [{ epoch: next.epoch, ordinal, previousTail: null, reason: 'first' }];
    extra.holes = [{ after, next }];
  }
  const rows = rowsOf(of, next, position?.clockUs ?? FIRST_US, step.rows);
  const last = rows.at(-1) as EventRow;
  const cursor = { epoch: last.epoch, offset: last.offset };
  return { ...base, ...extra, rows, position: { cursor, tsUs: last.tsUs, clockUs: last.clockUs } };
}

function rowsOf(partition: number, first: Cursor, fromUs: number, sketches: readonly Sketch[]): EventRow[] {
  let clockUs = fromUs;
  const symbols = SYMBOLS[partition] as readonly string[];
  return sketches.map((sketched, i) => {
    const { type, value, text, skewUs } = sketched;
    clockUs += sketched.tickUs;
    const tsUs = clockUs + skewUs;
    return {
      epoch: first.epoch,
      offset: first.offset + i,
      type,
      symbol: type === 'clock' ? null : (symbols[sketched.symbol % symbols.length] as string),
      account: type === 'order_update' ? (sketched.account ?? 'carol') : null,
      tsUs,
      clockUs,
      payload: JSON.stringify({ type, ts_ns: `${tsUs}000`, value, text }),
      columns: columnsOf(type, value),
    };
  });
}

function columnsOf(type: Sketch['type'], value: number): EventRow['columns'] {
  if (type === 'bbo') return { bidPrice: value / 8, bidQty: 1, askPrice: value / 8 + 0.5, askQty: 2, latencyMs: value };
  if (type === 'trade') return { price: value / 8, qty: 0.25, side: value % 2 ? 'BUY' : 'SELL', tradeId: value };
  if (type === 'order_update') return { clientOrderId: `c${value}`, status: 'ACCEPTED', side: 'BUY', qty: 1 };
  if (type !== 'kline') return undefined;
  const [open, high, low, close] = [value, value + 1, value - 1, value];
  const interval = value % 2 ? '1m' : '5m';
  return { interval, openTs: 60_000 * value, open, high, low, close, volume: 3, closed: value % 3 === 0 };
}

const cursor: fc.Arbitrary<Cursor> = fc.record({
  epoch: fc.integer({ min: 0, max: 4 }).map((n) => FIRST_EPOCH + Math.floor(n / 2) * 1_000 + (n % 2)),
  offset: fc.oneof(fc.nat(40), fc.nat(10_000)),
});
const moment = fc.oneof(
  fc.integer({ min: FIRST_US - 4_000_000, max: FIRST_US + 30_000_000 }),
  fc.integer({ min: FIRST_US, max: FIRST_US + 300_000_000_000 }),
);

export const question: fc.Arbitrary<EventQuery> = fc.record(
  {
    partition,
    types: fc.subarray([...TYPES]),
    symbols: fc.subarray(SYMBOLS.flat()),
    account: fc.constantFrom('alice', 'dave'),
    everyAccount: fc.constant(true as const),
    interval: fc.constantFrom('1m', '5m'),
    closed: fc.boolean(),
    openFrom: fc.nat(60_000_000),
    openTo: fc.nat(60_000_000),
    after: cursor,
    before: cursor,
    fromUs: moment,
    toUs: moment,
    limit: fc.integer({ min: 1, max: 30 }),
    newestFirst: fc.boolean(),
  },
  { requiredKeys: [] },
);

/** What is asked of one history, between its steps and at its end. */
export const questions = fc.record({
  queries: fc.array(question, { minLength: 4, maxLength: 8 }),
  pageRows: fc.constantFrom(13, 1_000),
  cursors: fc.array(cursor, { minLength: 3, maxLength: 3 }),
  moments: fc.array(moment, { minLength: 3, maxLength: 3 }),
});
export type Questions = typeof questions extends fc.Arbitrary<infer T> ? T : never;
