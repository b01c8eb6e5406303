import { type Cursor, formatTsNs, type KlineInterval, klineIntervals } from '@depthcast/protocol';
import type { Filter } from '../fanout/filter.ts';
import { controlFrame, onWire } from '../fanout/format.ts';
import { topicText } from '../fanout/topics.ts';
import type { Window } from '../fanout/window.ts';
import type { BookReplica } from '../views/book-replica.ts';
import type { MarketState } from '../views/market-state.ts';

/** How things stood at a cursor, as control frames for one filter. */
export interface Snapshot {
  /** Live goes on right after it. */
  readonly cursor: Cursor | undefined;
  readonly position: number;
  onWire(chunked: boolean): Buffer;
}

export interface SnapshotFramesOptions {
  readonly window: Window;
  readonly state: MarketState;
  readonly nowMs: () => number;
}

/**
 * Many clients may have to be reset at once: beyond so many renderings a second, those of a filter share a snapshot
 * of at most a second's age, and go on from its cursor.
 */
const RENDERINGS_PER_SECOND_MAX = 20;
const SHARED_MS = 1_000;
const FILTERS_MAX = 64;

type Shown = readonly [
  type: 'book_status' | 'book_change' | 'market' | 'bbo' | 'ticker' | 'analytics' | 'kline',
  interval?: KlineInterval,
];

/** What there is to show of a symbol, in the order in which it is shown. */
const SHOWN: readonly Shown[] = [
  ['book_status'],
  ['book_change'],
  ['market'],
  ['bbo'],
  ['ticker'],
  ['analytics'],
  ...klineIntervals.map((interval) => ['kline', interval] as const),
];

/**
 * Renders what a client is shown that begins or is reset: of each symbol and type it asked for, the whole book and the
 * last values.
 */
export class SnapshotFrames {
  readonly #options: SnapshotFramesOptions;
  readonly #recent = new Map<string, { takenMs: number; snapshot: Snapshot }>();

  #secondMs = 0;
  #renderings = 0;

  constructor(options: SnapshotFramesOptions) {
    this.#options = options;
  }

  /** Call it between batches: books and window are at the same entry then. */
  take(filter: Filter): Snapshot {
    const nowMs = this.#options.nowMs();
    const { window } = this.#options;
    if (nowMs - this.#secondMs >= SHARED_MS) {
      this.#secondMs = nowMs;
      this.#renderings = 0;
    }
    const recent = this.#recent.get(filter.key);
    if (recent && nowMs - recent.takenMs < SHARED_MS && recent.snapshot.position >= window.first) {
      const isNewest = recent.snapshot.position === window.end;
      if (isNewest || this.#renderings >= RENDERINGS_PER_SECOND_MAX) return recent.snapshot;
    }
    this.#renderings++;
    const snapshot = this.#render(filter);
    this.#recent.delete(filter.key);
    if (this.#recent.size >= FILTERS_MAX) this.#recent.delete(this.#recent.keys().next().value as string);
    this.#recent.set(filter.key, { takenMs: nowMs, snapshot });
    return snapshot;
  }

  /** Positions and books may be of another timeline now. */
  clear(): void {
    this.#recent.clear();
  }

  #render(filter: Filter): Snapshot {
    const { window, state } = this.#options;
    const frames: string[] = [];
    for (const symbol of state.symbols) {
      if (!filter.wantsSymbol(symbol)) continue;
      const replica = state.book(symbol) as BookReplica;
      for (const shown of SHOWN) {
        const [type, interval] = shown;
        const data = filter.wantsEvents(type, symbol, interval) ? currentValue(shown, replica, state) : undefined;
        if (data !== undefined) frames.push(controlFrame(type, data));
      }
    }
    const text = frames.join('');
    const wire = new Map<boolean, Buffer>();
    return {
      cursor: window.tail,
      position: window.end,
      onWire: (chunked) => {
        // An empty chunk would end the response.
        if (text === '') return Buffer.alloc(0);
        const known = wire.get(chunked);
        if (known) return known;
        const bytes = onWire(text, chunked);
        wire.set(chunked, bytes);
        return bytes;
      },
    };
  }
}

/** The payload that says how a topic stands; where the log's own was before our time, what the stored book says. */
function currentValue([type, interval]: Shown, replica: BookReplica, state: MarketState): string | undefined {
  if (type === 'book_change') return bookSnapshot(replica);
  const { symbol } = replica;
  const last = state.lastValue(topicText(type, symbol, interval));
  if (last) return last.toString();
  if (type === 'book_status') return bookStatus(replica);
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

/** A `book_status` event of how the replica stands. */
export function bookStatus(replica: BookReplica): string {
  return `{"type":"book_status","symbol":"${replica.symbol}","ts_ns":${formatTsNs(replica.statusTsUs)},"status":"${replica.status}"}`;
}
