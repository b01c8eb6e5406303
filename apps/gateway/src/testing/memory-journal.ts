import { type BookReplica, L3Book, type Side } from '@depthcast/book';
import { type LogEntry, previousTailOf, type StoredBook } from '@depthcast/log';
import { type Cursor, compareCursors, DepthcastError, formatCursor, successor } from '@depthcast/protocol';
import { TopicTable } from '../fanout/topics.ts';
import type { JournalEpoch, JournalSource, JournalTimeline } from '../resume/journal-source.ts';
import { MarketState } from '../views/market-state.ts';
import type { MemoryLog } from './memory-log.ts';

/** A journal in memory: what it has recorded of a log stays, whatever the log trims. */
export class MemoryJournal implements JournalSource {
  /** Without those that Redis lost before the next epoch began. */
  entries: LogEntry[] = [];
  readonly epochs: JournalEpoch[] = [];
  /** Calls are refused as if nobody was there. */
  isAway = false;
  pages = 0;
  timelines = 0;
  readonly #log: MemoryLog;

  constructor(log: MemoryLog) {
    this.#log = log;
  }

  /** Stores what the log has beyond what is stored; with a bound, not all of it. */
  record(countMax = Number.POSITIVE_INFINITY): this {
    let rest = countMax;
    for (const entry of this.#log.entries) {
      const last = this.entries.at(-1);
      if (last && compareCursors(entry, last) <= 0) continue;
      if (rest-- <= 0) break;
      if (entry.topic === 'epoch') this.#open(entry.epoch, previousTailOf(entry.payload));
      this.entries.push(entry);
    }
    return this;
  }

  /** Retention: keeps the newest `count` entries. */
  drop(count: number): void {
    this.entries.splice(0, Math.max(0, this.entries.length - count));
  }

  async page(after: Cursor | undefined, countMax: number): Promise<LogEntry[][]> {
    this.pages++;
    this.#answer();
    const index = after ? this.#indexAfter(after) : 0;
    const first = this.entries[index];
    // Within one epoch, as the journal's own answers are.
    const page = this.entries.slice(index, index + countMax).filter(({ epoch }) => epoch === first?.epoch);
    return page.length === 0 ? [] : [page.map((entry) => ({ ...entry, payload: Buffer.from(entry.payload) }))];
  }

  async timeline(): Promise<JournalTimeline> {
    this.timelines++;
    this.#answer();
    const [first] = this.entries;
    const last = this.entries.at(-1);
    return { epochs: this.epochs, earliest: first && cursorOf(first), tail: last && cursorOf(last) };
  }

  async cursorAt(ms: number): Promise<Cursor> {
    this.#answer();
    const index = this.entries.findIndex(({ payload }) => timeOf(payload) > ms);
    // What stands before the first that has a time is no older than that.
    const isBefore = index >= 0 && this.entries.slice(0, index).every(({ payload }) => timeOf(payload) === 0);
    if (isBefore) throw missing(new Date(ms).toISOString());
    return cursorOf(this.entries.at(index < 0 ? -1 : index - 1) as LogEntry);
  }

  async books(at: Cursor, symbols: readonly string[]): Promise<StoredBook[]> {
    this.#answer();
    const state = new MarketState({ onMismatch: (symbol, reason) => expectNone(`${symbol}: ${reason}`) });
    const topics = new TopicTable();
    for (const entry of this.entries) {
      if (compareCursors(entry, at) > 0) break;
      state.apply(entry, topics.of(entry.topic, entry.payload));
    }
    return symbols.flatMap((symbol) => {
      const replica = state.book(symbol);
      return replica?.book ? [{ symbol, cursor: at, state: stateOf(replica) }] : [];
    });
  }

  #open(epoch: number, previousTail: Cursor | undefined): void {
    this.epochs.push({ epoch, ordinal: this.epochs.length, previousTail });
    const tail = previousTail;
    if (tail) this.entries = this.entries.filter((entry) => compareCursors(entry, tail) <= 0);
  }

  #indexAfter(after: Cursor): number {
    const index = this.entries.findIndex((entry) => compareCursors(entry, after) > 0);
    const last = this.entries.at(-1);
    if (index < 0) {
      if (last && compareCursors(last, after) < 0 && last.epoch === after.epoch) throw missing(formatCursor(after));
      return this.entries.length;
    }
    const next = this.entries[index] as LogEntry;
    const follows =
      next.epoch === after.epoch
        ? compareCursors(next, successor(after)) === 0
        : next.offset === 0 && formatCursor(previousTailOf(next.payload) ?? next) === formatCursor(after);
    if (!follows) throw missing(formatCursor(after));
    return index;
  }

  #answer(): void {
    if (this.isAway) throw new DepthcastError('HISTORY_UNAVAILABLE', 'the journal is away');
  }
}

function cursorOf({ epoch, offset }: LogEntry): Cursor {
  return { epoch, offset };
}

function timeOf(payload: Buffer): number {
  return Number(/"ts_ns":(\d+)/.exec(payload.toString())?.[1] ?? 0) / 1e6;
}

function missing(what: string): DepthcastError {
  return new DepthcastError('HISTORY_MISSING', `what follows ${what} is not kept`);
}

function expectNone(problem: string): never {
  throw new Error(problem);
}

/** As the engine stores it. */
function stateOf({ book, definition, status, last, tsEventUs, kind }: BookReplica): string {
  if (!book) throw new Error('no book');
  const orders = (side: Side) =>
    book instanceof L3Book
      ? [...book.orders(side)].map(({ id, price, size, tsUs }) => [
          id,
          book.priceScale.format(price),
          book.sizeScale.format(size),
          tsUs,
        ])
      : [];
  return JSON.stringify({
    venue: definition?.venue,
    book: kind,
    tick: book.priceScale.step,
    step: book.sizeScale.step,
    status,
    last,
    tsEventUs,
    bids: book.wireLevels('bid'),
    asks: book.wireLevels('ask'),
    ...(kind === 'orders' ? { orders: { bids: orders('bid'), asks: orders('ask') } } : {}),
  });
}
