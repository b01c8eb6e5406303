import { type Cursor, compareCursors, type LogEvent, PRIVATE_EVENT_TYPES, tryParseCursor } from '@depthcast/protocol';
import type { HistorySource } from '../history/history-source.ts';
import { RowAdapter } from '../recorder/row-adapter.ts';
import type { EventRow } from '../stores/event-row.ts';
import type { EpochRecord, EventQuery, HoleRecord, LatencySummary, ReadRow } from '../stores/journal-store.ts';

const PAGE_ROWS = 100;
const PRIVATE = new Set<string>(PRIVATE_EVENT_TYPES);

/** What a store is asked, answered in the plainest way from an array of rows: what tests compare with. */
export class MemoryHistory implements HistorySource {
  readonly description = { kind: 'duckdb', location: ':memory:' } as const;
  readonly rows: EventRow[] = [];
  readonly epochList: EpochRecord[] = [];
  readonly holeList: HoleRecord[] = [];
  /** Pages that have been read. */
  pagesRead = 0;
  /** Makes every question fail. */
  isAway = false;
  readonly #adapter = new RowAdapter();

  get tail(): Cursor | undefined {
    const last = this.rows.at(-1);
    return last && { epoch: last.epoch, offset: last.offset };
  }

  /** Appends behind the last row. An `epoch` event begins its epoch. */
  add(...events: readonly LogEvent[]): void {
    for (const { topic, payload } of events) {
      const { epoch, offset } = this.#place(topic, payload);
      this.rows.push(this.#adapter.row({ epoch, offset, topic, payload: Buffer.from(payload) }));
    }
  }

  /** Takes rows out, as when they were gone from the log before they could be stored; says so unless told not to. */
  lose(from: number, count: number, isRecorded = true): void {
    const [before, next] = [this.rows[from - 1], this.rows[from + count]];
    this.rows.splice(from, count);
    if (next && isRecorded)
      this.holeList.push({ after: before ?? null, next: { epoch: next.epoch, offset: next.offset } });
  }

  /** In small pages, whatever is asked for, so that there are many. */
  async *events(query: EventQuery): AsyncGenerator<readonly ReadRow[]> {
    this.#ask();
    const found = this.rows.filter((row) => matches(query, row));
    if (query.newestFirst) found.reverse();
    const rows = found.slice(0, query.limit);
    for (let at = 0; at < rows.length; at += PAGE_ROWS) {
      this.#ask();
      this.pagesRead++;
      yield rows.slice(at, at + PAGE_ROWS);
      // As a database does: others come in between.
      await new Promise(setImmediate);
    }
  }

  async page(_partition: number, after: Cursor, countMax: number): Promise<readonly ReadRow[]> {
    this.#ask();
    return this.rows.filter((row) => row.epoch === after.epoch && row.offset > after.offset).slice(0, countMax);
  }

  async cursorAt(_partition: number, tsUs: number): Promise<Cursor | undefined> {
    this.#ask();
    const beyond = this.rows.findIndex((row) => row.tsUs > tsUs);
    return beyond < 0 ? this.tail : this.rows[beyond - 1];
  }

  async latency({ symbol, fromUs, toUs }: Parameters<HistorySource['latency']>[0]): Promise<LatencySummary> {
    this.#ask();
    const query = {
      types: ['bbo'],
      ...(symbol ? { symbols: [symbol] } : {}),
      ...(fromUs ? { fromUs } : {}),
      ...(toUs ? { toUs } : {}),
    };
    const all = this.rows.filter((row) => matches(query, row)).map(({ columns }) => columns?.latencyMs ?? 0);
    const sorted = all.sort((a, b) => a - b);
    const rank = (share: number) => sorted[Math.floor(share * (sorted.length - 1))] ?? null;
    const mean = sorted.length === 0 ? null : sorted.reduce((sum, ms) => sum + ms, 0) / sorted.length;
    return { count: sorted.length, min: rank(0), mean, p50: rank(0.5), p95: rank(0.95), p99: rank(0.99), max: rank(1) };
  }

  async symbols(): Promise<Awaited<ReturnType<HistorySource['symbols']>>> {
    this.#ask();
    const names = [...new Set(this.rows.flatMap(({ symbol }) => (symbol === null ? [] : [symbol])))];
    return names.map((symbol) => {
      const own = this.rows.filter((row) => row.symbol === symbol);
      const count = (type: string) => own.filter((row) => row.type === type).length;
      const [firstUs, lastUs] = [own[0]?.tsUs ?? null, own.at(-1)?.tsUs ?? null];
      return { symbol, events: own.length, bbo: count('bbo'), trades: count('trade'), firstUs, lastUs };
    });
  }

  async partitions(): Promise<Awaited<ReturnType<HistorySource['partitions']>>> {
    this.#ask();
    const last = this.rows.at(-1);
    if (!last) return [];
    const position = { cursor: this.tail as Cursor, tsUs: last.tsUs, clockUs: last.clockUs };
    const first = this.holeList.at(-1)?.next ?? (this.rows[0] as Cursor);
    const dropped = { events: 0, byAge: 0, bySize: 0, byItems: 0 };
    const earliest = { epoch: first.epoch, offset: first.offset };
    return [{ partition: 0, position, earliest, events: this.rows.length, orphaned: 0, dropped }];
  }

  async epochs(): Promise<readonly EpochRecord[]> {
    this.#ask();
    return this.epochList;
  }

  async holes(): Promise<readonly HoleRecord[]> {
    this.#ask();
    return this.holeList;
  }

  async bytes(): Promise<number> {
    return 0;
  }

  #place(topic: string, payload: string): Cursor {
    const { tail } = this;
    if (topic !== 'epoch') return { epoch: tail?.epoch ?? 1, offset: (tail?.offset ?? -1) + 1 };
    const { epoch, previous_tail: text, reason } = JSON.parse(payload);
    const previousTail = text === null ? null : (tryParseCursor(text) ?? null);
    this.epochList.push({ epoch, ordinal: this.epochList.length, previousTail, reason });
    return { epoch, offset: 0 };
  }

  #ask(): void {
    if (this.isAway) throw new Error('connection refused');
  }
}

function matches(query: EventQuery, row: EventRow): boolean {
  const { types, symbols, account, everyAccount, interval, closed, openFrom, openTo, after, before, fromUs, toUs } =
    query;
  const { columns } = row;
  return (
    (types === undefined || types.includes(row.type)) &&
    (symbols === undefined || (row.symbol !== null && symbols.includes(row.symbol))) &&
    (everyAccount === true || !PRIVATE.has(row.type) || (row.account !== null && row.account === account)) &&
    (interval === undefined || columns?.interval === interval) &&
    (closed === undefined || columns?.closed === closed) &&
    (openFrom === undefined || (columns?.openTs ?? -1) >= openFrom) &&
    (openTo === undefined || (columns?.openTs ?? openTo) < openTo) &&
    (after === undefined || compareCursors(row, after) > 0) &&
    (before === undefined || compareCursors(row, before) < 0) &&
    (fromUs === undefined || row.tsUs >= fromUs) &&
    (toUs === undefined || row.tsUs < toUs)
  );
}
