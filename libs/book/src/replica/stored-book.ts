import type { BookStatus, Cursor, EventOf } from '@depthcast/protocol';
import type { WireLevel } from '../level-batch.ts';
import type { BookReplica } from './book-replica.ts';
import { LevelReplica } from './level-replica.ts';
import { OrderReplica } from './order-replica.ts';
import { definitionOf, type StoredDefinition } from './symbol-definition.ts';

/** What `book:<SYMBOL>` holds, written by the engine with its snapshots. */
interface StoredBookState extends StoredDefinition {
  readonly status: BookStatus;
  readonly last: number;
  readonly tsEventUs: number;
  readonly bids: readonly WireLevel[];
  readonly asks: readonly WireLevel[];
  /** Of a book of orders. */
  readonly orders?: Pick<EventOf<'book_orders'>, 'bids' | 'asks'>;
  readonly market?: string;
}

/** One book as of a cursor; `state` is JSON, as the engine stores it. */
interface BookAtCursor {
  readonly symbol: string;
  readonly cursor: Cursor;
  readonly state: string;
}

/**
 * A replica that starts from the engine's stored book. Events up to its cursor are in it.
 *
 * @throws when it cannot be read.
 */
export function restoreReplica({ symbol, cursor, state }: BookAtCursor): BookReplica {
  const stored = JSON.parse(state) as StoredBookState;
  const replica = stored.book === 'orders' ? new OrderReplica(symbol) : new LevelReplica(symbol);
  replica.definition = definitionOf(stored);
  const { bids, asks } = stored;
  if (replica instanceof LevelReplica) replica.replace(bids, asks);
  else if (stored.orders) replica.replace(stored.orders.bids, stored.orders.asks);
  replica.status = stored.status;
  replica.cursor = cursor;
  replica.last = stored.last;
  replica.tsEventUs = stored.tsEventUs;
  replica.statusTsUs = stored.tsEventUs;
  replica.storedPrice = stored.market;
  return replica;
}

/** The inverse: a replica's book as the engine would store it; undefined while it has none. */
export function storedState(replica: BookReplica): string | undefined {
  const { symbol, definition, book, status, last, tsEventUs, storedPrice } = replica;
  if (!book) return undefined;
  const state: StoredBookState & { readonly symbol: string } = {
    symbol,
    ...(definition?.venue === undefined ? {} : { venue: definition.venue }),
    book: replica instanceof OrderReplica ? 'orders' : 'levels',
    tick: definition?.tick ?? book.priceScale.step,
    step: definition?.step ?? book.sizeScale.step,
    ...(definition?.trading ? { trading: definition.trading } : {}),
    status,
    last,
    tsEventUs,
    bids: book.wireLevels('bid'),
    asks: book.wireLevels('ask'),
    ...(replica instanceof OrderReplica ? { orders: replica.wireOrders() } : {}),
    ...(storedPrice === undefined ? {} : { market: storedPrice }),
  };
  return JSON.stringify(state);
}
