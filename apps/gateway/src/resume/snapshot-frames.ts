import { type BookReplica, L3Book, type Side, symbolEvent } from '@depthcast/book';
import { type Cursor, formatTsNs, type KlineInterval, klineIntervals } from '@depthcast/protocol';
import type { AccountTable } from '../commands/account-table.ts';
import type { Filter } from '../fanout/filter.ts';
import { controlFrame, type Framing, onWire } from '../fanout/format.ts';
import { topicText } from '../fanout/topics.ts';
import type { Window } from '../fanout/window.ts';
import { bestPrices } from '../views/best-prices.ts';
import type { MarketState } from '../views/market-state.ts';

/** How things stood at a cursor, as control frames for one filter. */
export interface Snapshot {
  /** Live goes on right after it. */
  readonly cursor: Cursor | undefined;
  readonly position: number;
  /** What to write, none of it empty. */
  onWire(framing: Framing): readonly Buffer[];
}

/** What is shown to all accounts alike. */
interface PublicPart extends Omit<Snapshot, 'onWire'> {
  readonly takenMs: number;
  readonly text: string;
  /** By its framing. */
  readonly wire: Map<Framing, Buffer>;
}

export interface SnapshotFramesOptions {
  readonly window: Pick<Window, 'tail' | 'first' | 'end'>;
  readonly state: MarketState;
  readonly accounts: Pick<AccountTable, 'shown'>;
  readonly nowMs: () => number;
}

/**
 * Many clients may have to be reset at once: beyond so many renderings a second, or so much text, those of a filter
 * share a snapshot of at most a second's age, and go on from its cursor. A book of 100,000 orders has 5 MB. Accounts do
 * not count in that: anybody can make up any number of them.
 */
const RENDERINGS_PER_SECOND_MAX = 20;
const RENDERED_CHARS_PER_SECOND_MAX = 16 << 20;
const SHARED_MS = 1_000;
const FILTERS_MAX = 64;

type Shown = readonly [
  type: 'symbol' | 'book_status' | 'book_change' | 'book_orders' | 'market' | 'bbo' | 'ticker' | 'analytics' | 'kline',
  interval?: KlineInterval,
];

/** What there is to show of a symbol, in the order in which it is shown. */
const SHOWN: readonly Shown[] = [
  ['symbol'],
  ['book_status'],
  ['book_change'],
  ['book_orders'],
  ['market'],
  ['bbo'],
  ['ticker'],
  ['analytics'],
  ...klineIntervals.map((interval) => ['kline', interval] as const),
];

/**
 * Renders what a client is shown that begins or is reset: of each symbol and type it asked for, the whole book and the
 * last values; of its account, where it wants that, everything that is known.
 *
 * The account's part is always of this very moment, and with a shared snapshot newer than its cursor. Each of its events
 * is the whole of something, so that to hear the last second of them again ends in the same.
 */
export class SnapshotFrames {
  readonly #options: SnapshotFramesOptions;
  /** By what filters want that is everybody's. */
  readonly #recent = new Map<string, PublicPart>();

  #secondMs = 0;
  #renderings = 0;
  #renderedChars = 0;

  constructor(options: SnapshotFramesOptions) {
    this.#options = options;
  }

  /** Call it between batches: books and window are at the same entry then. */
  take(filter: Filter): Snapshot {
    const part = this.#publicPart(filter);
    const { cursor, position } = part;
    const own = framesOf(this.#options.accounts.shown(filter));
    return {
      cursor,
      position,
      // An empty chunk would end the response.
      onWire: (framing) => [
        ...(part.text === '' ? [] : [wireOf(part, framing)]),
        ...(own === '' ? [] : [onWire(own, framing)]),
      ],
    };
  }

  /** Positions and books may be of another timeline now. */
  clear(): void {
    this.#recent.clear();
  }

  get #isSpent(): boolean {
    return this.#renderings >= RENDERINGS_PER_SECOND_MAX || this.#renderedChars >= RENDERED_CHARS_PER_SECOND_MAX;
  }

  #publicPart(filter: Filter): PublicPart {
    const nowMs = this.#options.nowMs();
    const { window } = this.#options;
    if (nowMs - this.#secondMs >= SHARED_MS) {
      this.#secondMs = nowMs;
      this.#renderings = 0;
      this.#renderedChars = 0;
    }
    const { publicKey } = filter;
    const recent = this.#recent.get(publicKey);
    if (recent && nowMs - recent.takenMs < SHARED_MS && recent.position >= window.first) {
      const isNewest = recent.position === window.end;
      if (isNewest || this.#isSpent) return recent;
    }
    const text = this.#render(filter);
    this.#renderings++;
    this.#renderedChars += text.length;
    const part = { cursor: window.tail, position: window.end, takenMs: nowMs, text, wire: new Map() };
    this.#recent.delete(publicKey);
    if (this.#recent.size >= FILTERS_MAX) this.#recent.delete(this.#recent.keys().next().value as string);
    this.#recent.set(publicKey, part);
    return part;
  }

  #render(filter: Filter): string {
    const { state } = this.#options;
    const frames: [type: string, data: string][] = [];
    for (const symbol of state.symbols) {
      if (!filter.wantsSymbol(symbol)) continue;
      const replica = state.book(symbol) as BookReplica;
      for (const shown of SHOWN) {
        const [type, interval] = shown;
        const data = wants(filter, type, symbol, interval)
          ? currentValue(shown, replica, state, this.#options.nowMs())
          : undefined;
        if (data !== undefined) frames.push([type, data]);
      }
    }
    return framesOf(frames);
  }
}

function framesOf(events: readonly (readonly [type: string, data: string])[]): string {
  return events.map(([type, data]) => controlFrame(type, data)).join('');
}

function wireOf({ text, wire }: PublicPart, framing: Framing): Buffer {
  const known = wire.get(framing);
  if (known) return known;
  const bytes = onWire(text, framing);
  wire.set(framing, bytes);
  return bytes;
}

/** Changes of orders are of no use without the orders that they change. */
function wants(filter: Filter, type: Shown[0], symbol: string, interval?: KlineInterval): boolean {
  if (type === 'book_orders' && filter.wantsEvents('book_order', symbol)) return true;
  return filter.wantsEvents(type, symbol, interval);
}

/** The payload that says how a topic stands; where the log's own was before our time, what the stored book says. */
function currentValue(
  [type, interval]: Shown,
  replica: BookReplica,
  state: MarketState,
  nowMs: number,
): string | undefined {
  if (type === 'book_change') return bookSnapshot(replica);
  if (type === 'book_orders') return ordersSnapshot(replica);
  const { symbol, definition } = replica;
  const last = state.lastValue(topicText(type, symbol, interval));
  if (last) return last.toString();
  if (type === 'book_status') return bookStatus(replica);
  if (type === 'bbo') return bestPrices(replica, nowMs);
  if (type === 'symbol') return definition && symbolEvent(symbol, replica.tsEventUs, definition);
  if (type === 'market' && replica.storedPrice !== undefined) {
    return `{"type":"market","symbol":"${symbol}","ts_ns":${formatTsNs(replica.tsEventUs)},"price":${replica.storedPrice}}`;
  }
  return undefined;
}

/** The whole book as a `book_change` with `is_snapshot: true`. */
export function bookSnapshot(replica: BookReplica): string | undefined {
  const { book, last } = replica;
  if (!book) return undefined;
  const bids = JSON.stringify(book.wireLevels('bid'));
  const asks = JSON.stringify(book.wireLevels('ask'));
  return (
    `{"type":"book_change","symbol":"${replica.symbol}","ts_ns":${formatTsNs(replica.tsEventUs)},"is_snapshot":true,` +
    `"first":${last},"last":${last},"bids":${bids},"asks":${asks},"checksum":${book.checksum()}}`
  );
}

/** The whole book as a `book_orders`, of a book of orders. */
function ordersSnapshot({ symbol, book, last, tsEventUs }: BookReplica): string | undefined {
  if (!(book instanceof L3Book)) return undefined;
  return (
    `{"type":"book_orders","symbol":"${symbol}","ts_ns":${formatTsNs(tsEventUs)},"last":${last},` +
    `"bids":${ordersJson(book, 'bid')},"asks":${ordersJson(book, 'ask')},"checksum":${book.ordersChecksum()}}`
  );
}

/** A side's orders by priority: `[order_id, price, qty, time of its place in µs]`. */
function ordersJson(book: L3Book, side: Side): string {
  const { priceScale, sizeScale } = book;
  let json = '';
  for (const { id, price, size, tsUs } of book.orders(side)) {
    json += `${json === '' ? '[' : ',['}${JSON.stringify(id)},"${priceScale.format(price)}","${sizeScale.format(size)}",${tsUs}]`;
  }
  return `[${json}]`;
}

/** A `book_status` event of how the replica stands. */
export function bookStatus(replica: BookReplica): string {
  return `{"type":"book_status","symbol":"${replica.symbol}","ts_ns":${formatTsNs(replica.statusTsUs)},"status":"${replica.status}"}`;
}
