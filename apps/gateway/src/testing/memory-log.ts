import {
  type FollowOptions,
  type LogEntry,
  LogGapError,
  type StoredAccounts,
  type StoredBook,
  Timeline,
} from '@depthcast/log';
import { type Cursor, cursorsEqual, formatCursor } from '@depthcast/protocol';
import type { LogEnd, LogSource } from '../tail/log-source.ts';

interface Span {
  epoch: number;
  ordinal: number;
  previousTail: Cursor | undefined;
}

/** A log in memory, with epochs, forks and trimming, for tests of what stands on it. */
export class MemoryLog implements LogSource {
  entries: LogEntry[] = [];
  spans: Span[] = [];
  storedBooks: StoredBook[] = [];
  storedAccounts: StoredAccounts | undefined;
  version = 'test';
  /** Reads of a range, to see what was shared. */
  ranges = 0;
  #wake: (() => void)[] = [];

  get last(): Cursor | undefined {
    const entry = this.entries.at(-1);
    return entry && { epoch: entry.epoch, offset: entry.offset };
  }

  /** An engine opens its first epoch with `start`. */
  openEpoch(epoch: number, reason = this.last ? 'test' : 'start'): void {
    const previousTail = this.last;
    this.spans.push({ epoch, ordinal: this.spans.length, previousTail });
    const payload = JSON.stringify({
      type: 'epoch',
      epoch,
      previous_tail: previousTail ? formatCursor(previousTail) : null,
      reason,
    });
    this.entries.push({ epoch, offset: 0, topic: 'epoch', payload: Buffer.from(payload) });
  }

  append(topic: string, payload: string): LogEntry {
    const last = this.last as Cursor;
    const entry = { epoch: last.epoch, offset: last.offset + 1, topic, payload: Buffer.from(payload) };
    this.entries.push(entry);
    this.wake();
    return entry;
  }

  /** Lets followers look again; what was pushed without it has not reached them. */
  wake(): void {
    for (const wake of this.#wake.splice(0)) wake();
  }

  /** Redis loses its newest entries. */
  lose(count: number): void {
    this.entries.splice(this.entries.length - count, count);
  }

  /** Keeps the newest `count` entries. */
  trim(count: number): void {
    this.entries.splice(0, Math.max(0, this.entries.length - count));
  }

  async tip(): Promise<LogEnd | undefined> {
    return this.last && { ...this.last, version: this.version };
  }

  async earliest(): Promise<Cursor | undefined> {
    const [first] = this.entries;
    return first && { epoch: first.epoch, offset: first.offset };
  }

  async books(): Promise<StoredBook[]> {
    return this.storedBooks;
  }

  async accounts(): Promise<StoredAccounts | undefined> {
    return this.storedAccounts;
  }

  /** As Redis gives it: of the epochs before the last, those whose first entry is still held, in one chain. */
  async timeline(): Promise<Timeline> {
    const isHeld = ({ epoch }: Span) => this.entries.some((entry) => entry.epoch === epoch && entry.offset === 0);
    const firstLost = this.spans.findLastIndex((span) => !isHeld(span));
    const held = this.spans.slice(firstLost + 1);
    if (held.length > 0 || this.spans.length === 0) return new Timeline(held);
    const { epoch, ordinal } = this.spans.at(-1) as Span;
    return new Timeline([{ epoch, ordinal, previousTail: undefined }]);
  }

  async range(after: Cursor | undefined, countMax: number): Promise<LogEntry[]> {
    this.ranges++;
    if (!after) return this.entries.slice(0, countMax);
    const index = this.entries.findIndex(
      (entry) => entry.epoch > after.epoch || (entry.epoch === after.epoch && entry.offset > after.offset),
    );
    if (index < 0) return [];
    const next = this.entries[index] as LogEntry;
    const span = this.spans.find((s) => s.epoch === next.epoch) as Span;
    const follows =
      next.epoch === after.epoch
        ? next.offset === after.offset + 1
        : next.offset === 0 && span.previousTail !== undefined && cursorsEqual(span.previousTail, after);
    if (!follows) throw new LogGapError(after, next);
    return this.entries.slice(index, index + countMax);
  }

  async *follow(after: Cursor, { signal, countMax = 1_000 }: FollowOptions): AsyncGenerator<LogEntry[], void> {
    let cursor = after;
    signal.addEventListener('abort', () => this.wake());
    while (!signal.aborted) {
      const entries = await this.range(cursor, countMax);
      const last = entries.at(-1);
      if (last) {
        cursor = { epoch: last.epoch, offset: last.offset };
        yield entries;
      } else await new Promise<void>((resolve) => this.#wake.push(resolve));
    }
  }
}
