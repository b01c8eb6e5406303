import type { WireLevel } from '@depthcast/book';
import type { StoredBook } from '@depthcast/log';
import type { BookStatus, EventOf } from '@depthcast/protocol';
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

/**
 * A replica that starts from the engine's stored book. Events up to its cursor are in it.
 *
 * @throws when it cannot be read.
 */
export function restoreReplica({ symbol, cursor, state }: StoredBook): BookReplica {
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
