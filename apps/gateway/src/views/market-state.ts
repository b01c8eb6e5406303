import {
  BOOK_EVENT_TYPES,
  type BookEventType,
  type BookReplica,
  LevelReplica,
  OrderReplica,
  redefine,
  replicaFor,
  restoreReplica,
  toUs,
} from '@depthcast/book';
import type { LogEntry, StoredBook } from '@depthcast/log';
import { SYMBOL_PATTERN } from '@depthcast/protocol';
import type { Topic } from '../fanout/topics.ts';

/** Events of which the last one says how things stand, for snapshots to show; of klines, that of each interval. */
const LAST_VALUE_TYPES = new Set(['symbol', 'market', 'bbo', 'book_status', 'ticker', 'analytics', 'kline']);
const BOOK_EVENTS = new Set<string>(BOOK_EVENT_TYPES);

export interface MarketStateOptions {
  /** A replica is not the engine's book, or an event could not be read. */
  readonly onMismatch: (symbol: string, reason: string) => void;
  /** A book, or its status, has changed. */
  readonly onBookChanged?: (replica: BookReplica) => void;
  readonly onSymbol?: (symbol: string) => void;
}

/** How things stand at the tail: what every symbol is, its book, and the last value of the topics that have one. */
export class MarketState {
  readonly #options: MarketStateOptions;
  readonly #books = new Map<string, BookReplica>();
  /** By topic: payloads, copied. */
  readonly #lastValues = new Map<string, Buffer>();
  /** Scratch of one batch: the last entry of each topic, so that only that one is copied. */
  readonly #latest = new Map<string, Buffer>();
  #symbols: readonly string[] = [];
  /** Venue time of the last clock event, ns as text. */
  clockTsNs = '0';

  constructor(options: MarketStateOptions) {
    this.#options = options;
  }

  /** Every symbol the log has named, sorted. */
  get symbols(): readonly string[] {
    return this.#symbols;
  }

  hasSymbol(symbol: string): boolean {
    return this.#books.has(symbol);
  }

  book(symbol: string): BookReplica | undefined {
    return this.#books.get(symbol);
  }

  lastValue(topic: string): Buffer | undefined {
    return this.#lastValues.get(topic);
  }

  /** Event time of the last clock event, µs. */
  get clockUs(): number {
    return toUs(Number(this.clockTsNs));
  }

  /** Forgets the books of a timeline that may be no more; symbols stay known, and what they are. */
  restart(books: readonly StoredBook[]): void {
    this.#lastValues.clear();
    for (const [symbol, { kind, definition }] of this.#books) {
      const replica = kind === 'orders' ? new OrderReplica(symbol) : new LevelReplica(symbol);
      replica.definition = definition;
      this.#books.set(symbol, replica);
    }
    for (const stored of books) {
      try {
        this.#put(restoreReplica(stored));
      } catch (error) {
        this.#options.onMismatch(stored.symbol, `stored book: ${(error as Error).message}`);
        this.#replica(stored.symbol);
      }
    }
  }

  apply(entry: LogEntry, topic: Topic): void {
    const { symbol, type } = topic;
    if (symbol === undefined) {
      if (type === 'clock') this.clockTsNs = /"ts_ns":(\d+)/.exec(entry.payload.toString('latin1'))?.[1] ?? '0';
      return;
    }
    if (topic.isPrivate || !SYMBOL_PATTERN.test(symbol)) return;
    const replica = this.#replica(symbol);
    if (LAST_VALUE_TYPES.has(type)) this.#latest.set(topic.text, entry.payload);
    try {
      if (type === 'symbol') this.#define(replica, entry);
      else if (isBookEvent(type)) this.#applyBook(replica, entry, type);
    } catch (error) {
      this.#suspect(symbol, `${type}: ${(error as Error).message}`);
    }
  }

  /** After each batch, while its payloads are still there. */
  endBatch(): void {
    for (const [topic, payload] of this.#latest) this.#lastValues.set(topic, Buffer.from(payload));
    this.#latest.clear();
  }

  #applyBook(known: BookReplica, entry: LogEntry, type: BookEventType): void {
    const cursor = { epoch: entry.epoch, offset: entry.offset };
    if (known.has(cursor)) return;
    const replica = replicaFor(known, type);
    if (replica !== known) this.#put(replica);
    const { version } = replica;
    const mismatch = replica.apply(type, cursor, entry.payload);
    if (mismatch !== undefined) this.#suspect(replica.symbol, mismatch);
    if (replica.version !== version) this.#options.onBookChanged?.(replica);
  }

  #define(known: BookReplica, entry: LogEntry): void {
    const replica = redefine(known, { epoch: entry.epoch, offset: entry.offset }, entry.payload);
    if (!replica) return;
    if (replica !== known) this.#put(replica);
    this.#options.onBookChanged?.(replica);
  }

  /** Said once, until the next whole book has set it right. */
  #suspect(symbol: string, reason: string): void {
    const replica = this.#replica(symbol);
    if (replica.isSuspect) return;
    replica.isSuspect = true;
    this.#options.onMismatch(symbol, reason);
  }

  #replica(symbol: string): BookReplica {
    return this.#books.get(symbol) ?? this.#put(new LevelReplica(symbol));
  }

  #put<Replica extends BookReplica>(replica: Replica): Replica {
    const isNew = !this.#books.has(replica.symbol);
    this.#books.set(replica.symbol, replica);
    if (isNew) {
      this.#symbols = [...this.#symbols, replica.symbol].sort();
      this.#options.onSymbol?.(replica.symbol);
    }
    return replica;
  }
}

function isBookEvent(type: string): type is BookEventType {
  return BOOK_EVENTS.has(type);
}
