import { type BookReplica, OrderReplica } from '@depthcast/book';
import {
  type Cursor,
  formatCursor,
  formatTsNs,
  LEVELS_DEFAULT,
  LEVELS_MAX,
  partitionOf,
  type Query as QueryString,
  single,
} from '@depthcast/protocol';
import { Controller, Get, Header, Inject, Query } from '@nestjs/common';
import { PARTITIONS } from '../tokens.ts';
import { AtOnce } from './at-once.ts';
import { KnownSymbols } from './known-symbols.ts';
import { checkNames, moment, required, whole } from './params.ts';
import { PastBooks } from './past-books.ts';
import { type Place, placeIn } from './places.ts';

const BOOKS_AT_ONCE_MAX = 8;

/** A book as of any past moment. */
@Controller('api/history')
export class BookController {
  readonly #slots = new AtOnce('past books', BOOKS_AT_ONCE_MAX);
  readonly #symbols: KnownSymbols;
  readonly #books: PastBooks;
  readonly #partitions: number;

  constructor(symbols: KnownSymbols, books: PastBooks, @Inject(PARTITIONS) partitions: number) {
    this.#symbols = symbols;
    this.#books = books;
    this.#partitions = partitions;
  }

  @Get('book')
  @Header('Content-Type', 'application/json; charset=utf-8')
  async book(@Query() query: QueryString): Promise<string> {
    checkNames(query, ['symbol', 'at', 'levels']);
    const at = moment(query, 'at', this.#partitions);
    const levels = levelsOf(query);
    const symbol = await this.#symbols.check(required(query, 'symbol', 'one of /api/history/symbols'));
    return this.#slots.during(async () => {
      const cursor = await this.#cursorOf(symbol, at);
      return bookAnswer(await this.#books.asOf(symbol, cursor), cursor, levels);
    });
  }

  async #cursorOf(symbol: string, at: number | Place | undefined): Promise<Cursor> {
    if (typeof at === 'object') return placeIn(partitionOf(symbol, this.#partitions), at);
    return this.#books.lastChange(symbol, at === undefined ? undefined : at * 1_000);
  }
}

function levelsOf(query: QueryString): number {
  const text = single(query, 'levels')?.trim().toLowerCase();
  if (text === 'all') return Number.POSITIVE_INFINITY;
  return whole(query, 'levels', 1, LEVELS_MAX) ?? LEVELS_DEFAULT;
}

/** `at` is the moment that was asked for, `cursor` the book's last change up to it. */
function bookAnswer(replica: BookReplica, at: Cursor, levels: number): string {
  const { symbol, book, cursor, tsEventUs, last, status } = replica;
  if (!book || !cursor) throw new Error(`there is no book of ${symbol}`);
  const members = {
    symbol,
    at: formatCursor(at),
    cursor: formatCursor(cursor),
    // The whole number of nanoseconds that no Number holds goes in as text, below.
    ts_ns: 0,
    last,
    status,
    book: replica instanceof OrderReplica ? 'orders' : 'levels',
    bid_levels: book.bids.length,
    ask_levels: book.asks.length,
    bids: book.wireLevels('bid', levels),
    asks: book.wireLevels('ask', levels),
    checksum: book.checksum(),
    ...(replica instanceof OrderReplica ? ordersOf(replica, levels) : {}),
  };
  return JSON.stringify(members).replace('"ts_ns":0', () => `"ts_ns":${formatTsNs(tsEventUs)}`);
}

/** `[order_id, price, qty, time of its place in the queue in µs]`, by priority. */
function ordersOf(replica: OrderReplica, orders: number) {
  const { bids, asks } = replica.wireOrders();
  return {
    bid_orders: bids.slice(0, orders),
    ask_orders: asks.slice(0, orders),
    orders_checksum: replica.book?.ordersChecksum(),
  };
}
