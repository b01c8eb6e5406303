import { crc32 } from 'node:zlib';
import { L3Book, type Side } from '@depthcast/book';
import { type EventOf, type LogEvent, Scale } from '@depthcast/protocol';

const START_US = 1_704_067_200_000_000;
const STEP_US = 250_000;
const PRICES = Scale.ofStep('0.1');
const SIZES = Scale.ofStep('0.1');
const ORDERS_MAX = 60;
const LEVELS = 12;

/**
 * One symbol's events as the engine writes those of a book of orders: of each input the `book_order` events, then one
 * `book_change` of the levels that they changed. Every other input has its checksums.
 */
export class OrderFeed {
  readonly symbol: string;
  readonly book = new L3Book(PRICES, SIZES);
  /** Event time of the last event, µs. */
  tsUs = START_US;
  last = 1;
  #ids: string[] = [];
  #opened = 0;

  constructor(symbol: string) {
    this.symbol = symbol;
  }

  get definition(): LogEvent {
    return this.#event('symbol', '"venue":"test","book":"orders","tick":"0.1","step":"0.1"');
  }

  /** The symbol, and the whole book with which its flow begins. */
  begin(): LogEvent[] {
    this.#add('bid', 1_000, 150);
    this.#add('ask', 1_010, 200);
    return [this.definition, this.status('buffering'), ...this.whole(), this.status('synced')];
  }

  /** The book as it is, as when the venue's flow begins anew: levels, then orders. */
  whole(): LogEvent[] {
    const { book, last } = this;
    const levels = (side: Side) => JSON.stringify(book.wireLevels(side));
    return [
      this.#event(
        'book_change',
        `"is_snapshot":true,"first":${last},"last":${last},"bids":${levels('bid')},"asks":${levels('ask')},"checksum":${book.checksum()}`,
      ),
      this.#event('book_orders', `"last":${last},${this.#orders('bids', 'asks')},"checksum":${book.ordersChecksum()}`),
    ];
  }

  /** The full book that comes every minute. */
  snapshot(): LogEvent {
    const { book } = this;
    const levels = `"bids":${JSON.stringify(book.wireLevels('bid'))},"asks":${JSON.stringify(book.wireLevels('ask'))}`;
    return this.#event(
      'book_snapshot',
      `"last":${this.last},${levels},"checksum":${book.checksum()},${this.#orders('bid_orders', 'ask_orders')},"orders_checksum":${book.ordersChecksum()}`,
    );
  }

  /** One input, which depends on `n` and the book alone. */
  change(n: number): LogEvent[] {
    this.tsUs += STEP_US;
    const side: Side = n % 2 === 0 ? 'bid' : 'ask';
    const id = this.#ids[n % this.#ids.length];
    const kind = this.#ids.length >= ORDERS_MAX ? 4 : n % 7;
    if (kind === 3 && id !== undefined) return this.#amend(id, n);
    if (kind === 4 && id !== undefined) return this.#cancel(id);
    if (kind === 5 && this.book.front(side)) return this.#execute(side, 1 + ((n * 31) % 250));
    const away = (n * 7) % LEVELS;
    return this.#add(side, side === 'bid' ? 1_000 - away : 1_010 + away, 1 + ((n * 13) % 300));
  }

  status(status: string): LogEvent {
    return this.#event('book_status', `"status":"${status}"`);
  }

  /** `book:<SYMBOL>` as the engine stores it. */
  stored(): string {
    const { book, last, tsUs } = this;
    const levels = `"bids":${JSON.stringify(book.wireLevels('bid'))},"asks":${JSON.stringify(book.wireLevels('ask'))}`;
    return (
      `{"symbol":"${this.symbol}","venue":"test","book":"orders","tick":"0.1","step":"0.1","status":"synced",` +
      `"last":${last},"tsEventUs":${tsUs},${levels},"orders":{${this.#orders('bids', 'asks')}}}`
    );
  }

  #add(side: Side, price: number, size: number): LogEvent[] {
    // Some ids need all that the pattern allows.
    const id = `f-${this.#opened++}._x`;
    this.book.add(id, side, price, size, this.tsUs);
    this.#ids.push(id);
    return this.#input(side, [price], [['A', id, price, size]]);
  }

  #amend(id: string, n: number): LogEvent[] {
    const { side, price, size } = this.book.order(id) as { side: Side; price: number; size: number };
    const [newPrice, newSize] = n % 3 === 0 ? [price, Math.max(1, size - 5)] : [price + (n % 2), size + 7];
    this.book.replace(id, newPrice, newSize, this.tsUs);
    return this.#input(side, [...new Set([price, newPrice])], [['M', id, newPrice, newSize]]);
  }

  #cancel(id: string): LogEvent[] {
    const { side, price, size } = this.book.order(id) as { side: Side; price: number; size: number };
    this.book.cancel(id);
    this.#ids = this.#ids.filter((other) => other !== id);
    return this.#input(side, [price], [['C', id, price, size]]);
  }

  /** A taker that matches one order after another. */
  #execute(side: Side, size: number): LogEvent[] {
    const fills: [string, string, number, number][] = [];
    for (let left = size; left > 0; ) {
      const fill = this.book.executeFront(side, left);
      if (!fill) break;
      left -= fill.size;
      fills.push(['F', fill.id, fill.price, fill.size]);
      if (fill.left === 0) this.#ids = this.#ids.filter((other) => other !== fill.id);
    }
    return this.#input(side, [...new Set(fills.map(([, , price]) => price))], fills);
  }

  #input(side: Side, prices: readonly number[], orders: readonly [string, string, number, number][]): LogEvent[] {
    const { book } = this;
    const isDue = ++this.last % 2 === 0;
    const events = orders.map(([action, id, price, size], i) => {
      const checksum = isDue && i === orders.length - 1 ? `,"checksum":${book.ordersChecksum()}` : '';
      return this.#event(
        'book_order',
        `"action":"${action}","order_id":"${id}","side":"${side === 'bid' ? 'BUY' : 'SELL'}","price":"${PRICES.format(price)}","qty":"${SIZES.format(size)}"${checksum}`,
      );
    });
    const levels = prices.map((price) => [PRICES.format(price), SIZES.format(book.ladder(side).sizeAt(price))]);
    const [bids, asks] = side === 'bid' ? [levels, []] : [[], levels];
    const checksum = isDue ? `,"checksum":${book.checksum()}` : '';
    const ids = `"is_snapshot":false,"first":${this.last},"last":${this.last}`;
    return [
      ...events,
      this.#event('book_change', `${ids},"bids":${JSON.stringify(bids)},"asks":${JSON.stringify(asks)}${checksum}`),
    ];
  }

  #orders(bids: string, asks: string): string {
    const list = (side: Side) =>
      JSON.stringify(
        [...this.book.orders(side)].map(({ id, price, size, tsUs }) => [
          id,
          PRICES.format(price),
          SIZES.format(size),
          tsUs,
        ]),
      );
    return `"${bids}":${list('bid')},"${asks}":${list('ask')}`;
  }

  #event(type: string, members: string): LogEvent {
    return {
      topic: `${type}:${this.symbol}`,
      payload: `{"type":"${type}","symbol":"${this.symbol}","ts_ns":${this.tsUs}000,${members}}`,
    };
  }
}

interface Resting {
  readonly id: string;
  readonly side: 'BUY' | 'SELL';
  readonly price: number;
  readonly size: number;
}

/** A client's book out of an L3 stream, as naive as can be: every checksum must agree. */
export class OrderFollower {
  /** By arrival. */
  #orders: Resting[] | undefined;
  checksums = 0;
  wholes = 0;

  /** The first `limit` orders of a side by priority: `id price size`. */
  side(side: 'BUY' | 'SELL', limit = Number.POSITIVE_INFINITY): string[] {
    return this.#byPriority(side)
      .slice(0, limit)
      .map(({ id, price, size }) => `${id} ${PRICES.format(price)} ${SIZES.format(size)}`);
  }

  apply(event: string | undefined, data: string): void {
    if (event === 'book_orders') this.#whole(JSON.parse(data) as EventOf<'book_orders'>);
    if (event === 'book_order') this.#change(JSON.parse(data) as EventOf<'book_order'>);
  }

  #whole({ bids, asks, checksum }: EventOf<'book_orders'>): void {
    const read = (side: 'BUY' | 'SELL') => (order: EventOf<'book_orders'>['bids'][number]) => {
      const [id, price, qty] = order;
      return { id, side, price: PRICES.parse(price), size: SIZES.parse(qty) };
    };
    this.wholes++;
    this.#orders = [...bids.map(read('BUY')), ...asks.map(read('SELL'))];
    this.#check(checksum);
  }

  #change({ action, order_id: id, side, price: priceText, qty, checksum }: EventOf<'book_order'>): void {
    if (!this.#orders) throw new Error('a change came before the book');
    const [price, size] = [PRICES.parse(priceText), SIZES.parse(qty)];
    const at = this.#orders.findIndex((order) => order.id === id);
    const before = this.#orders[at];
    if ((before === undefined) !== (action === 'A')) throw new Error(`${action} of ${id} does not fit`);
    const after = { id, side, price, size: action === 'F' ? (before?.size ?? 0) - size : size };
    const isKept = action === 'F' || (action === 'M' && before?.price === price && size <= before.size);
    if (isKept && after.size > 0) this.#orders[at] = after;
    else if (before) this.#orders.splice(at, 1);
    if (action === 'A' || (action === 'M' && !isKept)) this.#orders.push(after);
    this.#check(checksum);
  }

  #check(checksum: number | undefined): void {
    if (checksum === undefined) return;
    this.checksums++;
    const [bids, asks] = [this.side('BUY', 10), this.side('SELL', 10)];
    const parts = Array.from({ length: 10 }, (_, rank) => [bids[rank], asks[rank]]).flat();
    const text = parts.filter((part) => part !== undefined).map((part) => part.replaceAll(' ', ':'));
    if (crc32(text.join(':')) !== checksum) throw new Error(`the checksum ${checksum} differs`);
  }

  #byPriority(side: 'BUY' | 'SELL'): Resting[] {
    const sign = side === 'BUY' ? -1 : 1;
    return (this.#orders ?? []).filter((order) => order.side === side).sort((a, b) => sign * (a.price - b.price));
  }
}
