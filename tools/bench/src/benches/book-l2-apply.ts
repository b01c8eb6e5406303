import { L2Book, type WireLevel } from '@depthcast/book';
import { Scale } from '@depthcast/protocol';
import { type BookChange, OrderBook } from 'tardis-dev';
import { type Bench, interleave, rowOf } from '../harness.ts';
import { type DiffStream, generatedDiffs, recordedDiffs } from './diff-stream.ts';

/** Where a pass ended, as numbers, and what it cost. */
interface Pass {
  readonly touch: readonly number[];
  readonly rate: number;
}

const ROUNDS = { warmUps: 3, rounds: 9 };

/**
 * A whole stream of diffs into a book, reading the best bid and offer after each. Both begin with the venue's text,
 * as a feed handler does; tardis-dev's book takes numbers, so its users pay for Number() and for the objects.
 */
export const bookL2Apply: Bench = {
  name: 'book.l2.apply',
  async run({ note }) {
    const recorded = recordedDiffs();
    const stream = recorded ?? generatedDiffs();
    note(
      `${recorded ? 'the USD-M capture' : 'no captures here (DEPTHCAST_DATA), so a GENERATED stream'}: ${stream.diffs.length} diffs, ${stream.levels} levels a pass`,
    );
    const taken = await interleave(
      {
        ours: async () => agreeing(stream, passOfOurs(stream)),
        theirs: async () => agreeing(stream, passOfTardis(stream)),
      },
      ROUNDS,
    );
    return [
      rowOf({
        name: this.name,
        unit: 'levels/s',
        ours: taken.ours.rate,
        reference: 'tardis-dev OrderBook',
        theirs: taken.theirs.rate,
        target: { on: 'ratio', atLeast: 1.5 },
      }),
    ];
  },
};

const touches = new WeakMap<DiffStream, readonly number[]>();

/** A figure counts only if both books end the same. */
function agreeing(stream: DiffStream, { touch, rate }: Pass): { rate: number } {
  const expected = touches.get(stream) ?? touch;
  touches.set(stream, expected);
  if (touch.some((value, i) => value !== expected[i])) {
    throw new Error(`the books disagree: best bid and ask ${touch.join(' ')} and ${expected.join(' ')}`);
  }
  return { rate };
}

function passOfOurs({ snapshot, diffs, levels, tick, step }: DiffStream): Pass {
  const book = new L2Book(Scale.ofStep(tick), Scale.ofStep(step));
  book.replace(snapshot.bids, snapshot.asks);
  const { bids, asks } = book;
  let sum = 0;
  const startedMs = performance.now();
  for (const diff of diffs) {
    book.apply(diff.bids, diff.asks);
    sum += bids.priceOf(0) + bids.sizeOf(0) + asks.priceOf(0) + asks.sizeOf(0);
  }
  const ms = performance.now() - startedMs;
  const { priceScale, sizeScale } = book;
  const touch = [
    Number(priceScale.format(bids.priceOf(0))),
    Number(sizeScale.format(bids.sizeOf(0))),
    Number(priceScale.format(asks.priceOf(0))),
    Number(sizeScale.format(asks.sizeOf(0))),
  ];
  return { touch, rate: used(sum, (levels / ms) * 1000) };
}

function passOfTardis({ snapshot, diffs, levels }: DiffStream): Pass {
  const book = new OrderBook();
  book.update(changeOf(snapshot.bids, snapshot.asks, true));
  let sum = 0;
  const startedMs = performance.now();
  for (const diff of diffs) {
    book.update(changeOf(diff.bids, diff.asks, false));
    const bid = book.bestBid();
    const ask = book.bestAsk();
    if (bid && ask) sum += bid.price + bid.amount + ask.price + ask.amount;
  }
  const ms = performance.now() - startedMs;
  const bid = book.bestBid();
  const ask = book.bestAsk();
  const touch = [bid?.price, bid?.amount, ask?.price, ask?.amount].map(Number);
  return { touch, rate: used(sum, (levels / ms) * 1000) };
}

/** What tardis-dev's own mappers make of a Binance message. */
function changeOf(bids: readonly WireLevel[], asks: readonly WireLevel[], isSnapshot: boolean): BookChange {
  return {
    type: 'book_change',
    symbol: 'BTCUSDT',
    exchange: 'binance-futures',
    isSnapshot,
    bids: bids.map(levelOf),
    asks: asks.map(levelOf),
    timestamp: UNUSED_DATE,
    localTimestamp: UNUSED_DATE,
  };
}

const UNUSED_DATE = new Date(0);

function levelOf(level: WireLevel): { price: number; amount: number } {
  return { price: Number(level[0]), amount: Number(level[1]) };
}

/** Keeps the loop's reads alive: a result that nobody needs may be optimised away. */
function used(sum: number, rate: number): number {
  if (!Number.isFinite(sum)) throw new Error('a book without a best bid and ask');
  return rate;
}
