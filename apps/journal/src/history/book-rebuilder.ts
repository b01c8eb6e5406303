import {
  BOOK_EVENT_TYPES,
  type BookEventType,
  type BookReplica,
  definitionOf,
  LevelReplica,
  OrderReplica,
  redefine,
  replicaFor,
} from '@depthcast/book';
import type { EventOf } from '@depthcast/protocol';
import type { ReadRow } from '../stores/journal-store.ts';

/** What a book is rebuilt from. */
export const REBUILD_TYPES = [...BOOK_EVENT_TYPES, 'symbol'] as const;

type Snapshot = Pick<
  EventOf<'book_snapshot'>,
  'last' | 'bids' | 'asks' | 'checksum' | 'bid_orders' | 'ask_orders' | 'orders_checksum'
>;

/**
 * One symbol's book, rebuilt from stored events by what gateways follow the log with, and proven on the way: by the
 * checksums in the events, and level by level, order by order, at each whole book.
 */
export class BookRebuilder {
  #replica: BookReplica;
  #knowsAll: boolean;

  /** @param knowsAll nothing came before its first event, so a symbol that is new there has an empty book. */
  constructor(symbol: string, knowsAll: boolean) {
    this.#replica = new LevelReplica(symbol);
    this.#knowsAll = knowsAll;
  }

  get replica(): BookReplica {
    return this.#replica;
  }

  /** Events are missing here: there is no book until the next whole one. */
  lose(): void {
    this.#replica = new LevelReplica(this.#replica.symbol);
    this.#knowsAll = false;
  }

  /**
   * Applies the symbol's events, in the order of the log.
   *
   * @returns what is wrong with it: the book is then taken from the next whole one. `undefined` where all is well.
   */
  apply(row: ReadRow): string | undefined {
    const { type, payload } = row;
    try {
      if (type === 'symbol') return this.#define(row);
      const wrong = type === 'book_snapshot' ? this.#checkSnapshot(JSON.parse(payload) as Snapshot) : undefined;
      if (wrong !== undefined) this.#replica.isSuspect = true;
      // Before a whole book of orders, nothing but itself need have told that it is one.
      const isOfOrders = type === 'book_snapshot' && payload.includes('"bid_orders":');
      if (isOfOrders && !(this.#replica instanceof OrderReplica)) this.#takeOrders();
      this.#replica = replicaFor(this.#replica, type as BookEventType);
      const mismatch = this.#replica.apply(type as BookEventType, { epoch: row.epoch, offset: row.offset }, payload);
      if (mismatch !== undefined) this.#replica.isSuspect = true;
      return wrong ?? mismatch;
    } catch (error) {
      this.#replica.isSuspect = true;
      return `${type} cannot be applied: ${(error as Error).message}`;
    }
  }

  #define(row: ReadRow): undefined {
    const cursor = { epoch: row.epoch, offset: row.offset };
    if (this.#replica.book || this.#knowsAll) {
      this.#replica = redefine(this.#replica, cursor, row.payload) ?? this.#replica;
      return;
    }
    // It may be an old symbol that has changed a little: what its book was, only a whole book tells.
    const definition = definitionOf(JSON.parse(row.payload));
    if (definition.book === 'orders' && !(this.#replica instanceof OrderReplica)) this.#takeOrders();
    this.#replica.definition = definition;
  }

  #takeOrders(): void {
    this.#replica = new OrderReplica(this.#replica.symbol, this.#replica);
  }

  /** By its own checksums, and against the book that was rebuilt up to it. */
  #checkSnapshot(snapshot: Snapshot): string | undefined {
    const { symbol, book, isSuspect, definition } = this.#replica;
    const { last, bids, asks, checksum, bid_orders: bidOrders, ask_orders: askOrders } = snapshot;
    const levels = new LevelReplica(symbol);
    levels.definition = definition;
    levels.replace(bids, asks);
    if (levels.book && levels.book.checksum() !== checksum) return `the book_snapshot of update ${last} is damaged`;
    let orders: OrderReplica | undefined;
    if (bidOrders && askOrders) {
      orders = new OrderReplica(symbol);
      orders.definition = definition;
      orders.replace(bidOrders, askOrders);
      const isSame = orders.book === undefined || orders.book.ordersChecksum() === snapshot.orders_checksum;
      if (!isSame) return `the orders in the book_snapshot of update ${last} are damaged`;
    }
    if (!book || isSuspect) return undefined;
    const isRebuilt =
      same(book.wireLevels('bid'), levels.book?.wireLevels('bid') ?? []) &&
      same(book.wireLevels('ask'), levels.book?.wireLevels('ask') ?? []) &&
      (!(this.#replica instanceof OrderReplica) || same(this.#replica.wireOrders(), orders?.wireOrders()));
    return isRebuilt ? undefined : `the rebuilt book is not that of the book_snapshot of update ${last}`;
  }
}

function same(a: unknown, b: unknown): boolean {
  return JSON.stringify(a) === JSON.stringify(b);
}
