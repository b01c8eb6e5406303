import { L3Book } from '@depthcast/book';
import { Scale } from '@depthcast/protocol';
import { OrderBook, type Side } from 'nodejs-order-book';
import { type Bench, interleave, rowOf } from '../harness.ts';
import { SeededRandom } from '../seeded-random.ts';

const OPERATIONS = 100_000;
const PRICES_A_SIDE = 500;
const MIDDLE = 1_000_000;
const ROUNDS = { warmUps: 2, rounds: 5 };

/** One step of the stream: an order comes, and another one goes. */
interface Step {
  readonly id: string;
  readonly isBid: boolean;
  readonly price: number;
  readonly size: number;
  /** Id of the order that is cancelled after it; none while the book fills. */
  readonly cancelled: string | undefined;
}

/** How many orders rest while it runs, and what is measured of them. */
const SHAPES = [
  { name: 'book.l3.orders', resting: 10_000, target: { on: 'ratio', atLeast: 2 } },
  { name: 'book.l3.orders.100k', resting: 100_000, target: undefined },
] as const;

/**
 * Limit orders that rest, each followed by the cancellation of one that rests already, at random places of the queue.
 * Nothing crosses: what is compared is the book, not what either makes of a match.
 */
export const bookL3Orders: Bench = {
  name: 'book.l3.orders',
  async run({ note }) {
    const rows = [];
    for (const { name, resting, target } of SHAPES) {
      const steps = generate(resting);
      const taken = await interleave(
        { ours: async () => passOfOurs(steps, resting), theirs: async () => passOfTheirs(steps, resting) },
        ROUNDS,
      );
      const row = { name, unit: 'add + cancel/s', ours: taken.ours.rate, theirs: taken.theirs.rate };
      rows.push(rowOf({ ...row, reference: 'nodejs-order-book', ...(target ? { target } : {}) }));
    }
    note(`${OPERATIONS} orders added and cancelled while ${SHAPES[0].resting} (or 100,000) rest at 2 × 500 prices`);
    return rows;
  },
};

function generate(resting: number): Step[] {
  const random = new SeededRandom(7);
  const live: string[] = [];
  return Array.from({ length: resting + OPERATIONS }, (_, i) => {
    const isBid = random.unit() < 0.5;
    const away = 1 + Math.floor(random.unit() * PRICES_A_SIDE);
    const id = `order_${i}`;
    let cancelled: string | undefined;
    if (live.length === resting) {
      const place = Math.floor(random.unit() * resting);
      cancelled = live[place];
      live[place] = id;
    } else live.push(id);
    return {
      id,
      isBid,
      price: isBid ? MIDDLE - away : MIDDLE + away,
      size: 1 + Math.floor(random.unit() * 100),
      cancelled,
    };
  });
}

function passOfOurs(steps: readonly Step[], resting: number): { rate: number } {
  const book = new L3Book(Scale.ofStep('1'), Scale.ofStep('1'));
  return timed(
    steps,
    resting,
    ({ id, isBid, price, size, cancelled }, i) => {
      book.add(id, isBid ? 'bid' : 'ask', price, size, i);
      if (cancelled !== undefined) book.cancel(cancelled);
    },
    () => [book.bids.priceOf(0), book.bids.sizeOf(0), book.asks.priceOf(0), book.asks.sizeOf(0)],
  );
}

function passOfTheirs(steps: readonly Step[], resting: number): { rate: number } {
  const book = new OrderBook();
  return timed(
    steps,
    resting,
    ({ id, isBid, price, size, cancelled }) => {
      book.limit({ side: (isBid ? 'buy' : 'sell') as Side, id, price, size });
      if (cancelled !== undefined) book.cancel(cancelled);
    },
    () => {
      const [asks, bids] = book.depth();
      const bid = bids.reduce((best, level) => (level[0] > best[0] ? level : best));
      const ask = asks.reduce((best, level) => (level[0] < best[0] ? level : best));
      return [...bid, ...ask];
    },
  );
}

const touches = new WeakMap<readonly Step[], readonly number[]>();

/** Fills the book untimed, then times the rest. A figure counts only if both books end with the same touch. */
function timed(
  steps: readonly Step[],
  resting: number,
  take: (step: Step, i: number) => void,
  touch: () => readonly number[],
): { rate: number } {
  for (let i = 0; i < resting; i++) take(steps[i] as Step, i);
  const startedMs = performance.now();
  for (let i = resting; i < steps.length; i++) take(steps[i] as Step, i);
  const ms = performance.now() - startedMs;
  const ended = touch();
  const expected = touches.get(steps) ?? ended;
  touches.set(steps, expected);
  if (ended.join() !== expected.join())
    throw new Error(`the books disagree: ${ended.join(' ')} and ${expected.join(' ')}`);
  return { rate: (OPERATIONS / ms) * 1000 };
}
