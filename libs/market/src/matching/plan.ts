import type { L3Book, PriceBook, Side } from '@depthcast/book';
import type { OrderSide } from '@depthcast/protocol';

/**
 * One order meets at most so many in an input, whose events are appended as a whole: a match between two accounts is
 * eight events, and each account says two more at the end.
 */
export const MATCHES_MAX = 1_000;

/** An order that wants to trade now: so many lots, at its limit or better; without a limit at any price. */
export interface Taker {
  readonly side: OrderSide;
  readonly ticks: number | undefined;
  readonly lots: number;
  /** Whose it is; undefined for an order of the venue's flow. */
  readonly account?: string | undefined;
}

/** So many lots at this price. */
export interface Match {
  readonly price: number;
  readonly size: number;
}

/** From the order of this id. */
export interface OrderMatch extends Match {
  readonly id: string;
}

/**
 * Why it trades no more: it has got all; nobody else is there, at its limit or at all (`beyond`); the next order is its
 * own account's; or it has met {@link MATCHES_MAX}.
 */
export type PlanEnd = 'filled' | 'beyond' | 'own_order' | 'match_limit';

/** What a taker would trade at once, in this order. */
export interface Plan<M extends Match = Match> {
  readonly matches: readonly M[];
  /** In all matches together. */
  readonly lots: number;
  readonly end: PlanEnd;
}

/** The side that a taker takes from. */
export function makerSide(side: OrderSide): Side {
  return side === 'BUY' ? 'ask' : 'bid';
}

/** The side that an order rests on. */
export function ownSide(side: OrderSide): Side {
  return side === 'BUY' ? 'bid' : 'ask';
}

/** Whether anything stands at the taker's limit or better. */
function crosses(book: PriceBook, taker: Taker): boolean {
  const makers = book.ladder(makerSide(taker.side));
  return makers.length > 0 && reaches(taker, makers.priceOf(0));
}

/** Whether the taker takes this price. */
export function reaches({ side, ticks }: Taker, price: number): boolean {
  if (ticks === undefined) return true;
  return side === 'BUY' ? price <= ticks : price >= ticks;
}

const NOTHING: Plan<never> = { matches: [], lots: 0, end: 'beyond' };

/**
 * Matching by price, then time: the taker trades at the price of the order that rested first. Two orders of one
 * account never trade with each other: there the taker's way ends. Changes nothing.
 *
 * @param accountOf whose order it is, undefined for one of the flow.
 */
export function planMatches(
  book: L3Book,
  taker: Taker,
  accountOf: (orderId: string) => string | undefined,
): Plan<OrderMatch> {
  // Most orders of a flow rest: they are told so without walking.
  if (!crosses(book, taker)) return NOTHING;
  const matches: OrderMatch[] = [];
  const { account } = taker;
  let left = taker.lots;
  let end: PlanEnd = 'beyond';
  for (const { id, price, size } of book.orders(makerSide(taker.side))) {
    if (!reaches(taker, price)) break;
    if (account !== undefined && accountOf(id) === account) {
      end = 'own_order';
      break;
    }
    if (matches.length === MATCHES_MAX) {
      end = 'match_limit';
      break;
    }
    const traded = Math.min(left, size);
    matches.push({ id, price, size: traded });
    left -= traded;
    if (left === 0) {
      end = 'filled';
      break;
    }
  }
  return { matches, lots: taker.lots - left, end };
}

/**
 * What a taker would find in a book of levels, whose orders nobody knows: at each price what is shown, less what has
 * been taken of it already. Changes nothing.
 */
export function planLevels(book: PriceBook, taker: Taker, takenOf: (side: Side, price: number) => number): Plan {
  const matches: Match[] = [];
  const side = makerSide(taker.side);
  const makers = book.ladder(side);
  let left = taker.lots;
  let end: PlanEnd = 'beyond';
  for (let rank = 0; rank < makers.length && reaches(taker, makers.priceOf(rank)); rank++) {
    const price = makers.priceOf(rank);
    const size = Math.min(left, makers.sizeOf(rank) - takenOf(side, price));
    if (size <= 0) continue;
    if (matches.length === MATCHES_MAX) {
      end = 'match_limit';
      break;
    }
    matches.push({ price, size });
    left -= size;
    if (left === 0) {
      end = 'filled';
      break;
    }
  }
  return { matches, lots: taker.lots - left, end };
}
