import type { LogEntry, StoredBook } from '@depthcast/log';
import { SYMBOL_PATTERN } from '@depthcast/protocol';
import type { Topic } from '../fanout/topics.ts';
import { BookReplica } from './book-replica.ts';

/** Events of which the last one says how things stand, for snapshots to show; of klines, that of each interval. */
const LAST_VALUE_TYPES = new Set(['market', 'bbo', 'book_status', 'ticker', 'analytics', 'kline']);

export interface MarketStateOptions {
  /** A replica's checksum did not match the engine's, or an event could not be read. */
  readonly onMismatch: (symbol: string, reason: string) => void;
  /** A book, or its status, has changed. */
  readonly onBookChanged?: (replica: BookReplica) => void;
  readonly onSymbol?: (symbol: string) => void;
}

/** How things stand at the tail: every symbol's book, and the last value of the topics that have one. */
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

  /** Forgets the books of a timeline that may be no more; symbols stay known. */
  restart(books: readonly StoredBook[]): void {
    this.#lastValues.clear();
    for (const symbol of this.#symbols) this.#books.set(symbol, new BookReplica(symbol));
    for (const stored of books) {
      try {
        this.#put(BookReplica.restore(stored));
      } catch (error) {
        this.#options.onMismatch(stored.symbol, `stored book: ${(error as Error).message}`);
        this.#put(new BookReplica(stored.symbol));
      }
    }
  }

  apply(entry: LogEntry, topic: Topic): void {
    const { symbol } = topic;
    if (symbol === undefined) {
      if (topic.type === 'clock') this.clockTsNs = /"ts_ns":(\d+)/.exec(entry.payload.toString('latin1'))?.[1] ?? '0';
      return;
    }
    if (topic.isPrivate || !SYMBOL_PATTERN.test(symbol)) return;
    const replica = this.#books.get(symbol) ?? this.#put(new BookReplica(symbol));
    if (LAST_VALUE_TYPES.has(topic.type)) this.#latest.set(topic.text, entry.payload);
    try {
      this.#applyBook(replica, entry, topic.type);
    } catch (error) {
      replica.isSuspect = true;
      this.#options.onMismatch(symbol, `${topic.type}: ${(error as Error).message}`);
    }
  }

  /** After each batch, while its payloads are still there. */
  endBatch(): void {
    for (const [topic, payload] of this.#latest) this.#lastValues.set(topic, Buffer.from(payload));
    this.#latest.clear();
  }

  #applyBook(replica: BookReplica, entry: LogEntry, type: string): void {
    if (type !== 'book_change' && type !== 'book_snapshot' && type !== 'book_status') return;
    const cursor = { epoch: entry.epoch, offset: entry.offset };
    if (replica.has(cursor)) return;
    const { version } = replica;
    const payload = entry.payload.toString();
    if (type === 'book_status') replica.applyStatus(payload);
    else if (type === 'book_snapshot') replica.applySnapshot(cursor, payload);
    else if (!replica.applyChange(cursor, payload)) this.#options.onMismatch(replica.symbol, 'checksum differs');
    if (replica.version !== version) this.#options.onBookChanged?.(replica);
  }

  #put(replica: BookReplica): BookReplica {
    const isNew = !this.#books.has(replica.symbol);
    this.#books.set(replica.symbol, replica);
    if (isNew) {
      this.#symbols = [...this.#symbols, replica.symbol].sort();
      this.#options.onSymbol?.(replica.symbol);
    }
    return replica;
  }
}
