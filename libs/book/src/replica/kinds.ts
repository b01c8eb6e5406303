import type { Cursor } from '@depthcast/protocol';
import type { BookEventType, BookReplica, PayloadText } from './book-replica.ts';
import { LevelReplica } from './level-replica.ts';
import { OrderReplica } from './order-replica.ts';
import { definitionOf, hasSameBook } from './symbol-definition.ts';

/**
 * The replica that applies an event of this type: the one that is known, or, where the event tells that its symbol has
 * a book of orders, one of orders that takes its place.
 */
export function replicaFor(known: BookReplica, type: BookEventType): BookReplica {
  const tellsOrders = known.kind !== 'orders' && (type === 'book_order' || type === 'book_orders');
  return tellsOrders ? new OrderReplica(known.symbol, known) : known;
}

/**
 * Applies a `symbol` event: a symbol is new, or another than it was. A book in other ticks or lots, or of another kind,
 * begins anew.
 *
 * @returns the replica from now on, which may be another; `undefined` where the book goes on as it was.
 * @throws when the payload cannot be read.
 */
export function redefine(known: BookReplica, cursor: Cursor, payload: PayloadText): BookReplica | undefined {
  if (known.has(cursor)) return undefined;
  const definition = definitionOf(JSON.parse(payload.toString()));
  const isSame = known.book && known.definition && hasSameBook(known.definition, definition);
  known.definition = definition;
  if (isSame) return undefined;
  if (definition.book === 'orders') {
    const orders = known instanceof OrderReplica ? known : new OrderReplica(known.symbol, known);
    orders.begin(cursor);
    return orders;
  }
  return known instanceof OrderReplica ? new LevelReplica(known.symbol, known) : known;
}
