import { type Cursor, compareCursors, cursorsEqual, isSuccessor } from '@depthcast/protocol';
import type { EventRow } from '../stores/event-row.ts';
import type {
  CommitOutcome,
  DroppedSummary,
  EpochRecord,
  EventQuery,
  HoleRecord,
  JournalBatch,
  JournalPosition,
  JournalStore,
  LatencyQuery,
  LatencySummary,
  PartitionSummary,
  ReadRow,
  RetentionPolicy,
  SymbolSummary,
} from '../stores/journal-store.ts';

const DAY_US = 86_400_000_000;

export interface ModelRow extends EventRow {
  readonly partition: number;
  orphaned: boolean;
}

/** What is stored of one partition; rows in its log's order. */
export interface ModelPartition {
  position: JournalPosition | undefined;
  rows: ModelRow[];
  readonly epochs: EpochRecord[];
  readonly holes: HoleRecord[];
  readonly dropped: { byAge: number; byItems: number };
  /** Whatever was missing once counts as missing, even when a later epoch has given up all that was around it. */
  floor: Cursor;
}

/**
 * What a journal's store is, said as plainly as can be: arrays, and a scan for every question. What other stores are
 * compared with; and, with places to break it, the store of tests that are about something else.
 */
export class ModelStore implements JournalStore {
  readonly description = { kind: 'duckdb', location: ':memory:' } as const;
  /** Around each commit, and before each answer: any may wait or throw. */
  beforeCommit: (batch: JournalBatch) => Promise<void> = async () => {};
  afterCommit: (batch: JournalBatch) => Promise<void> = async () => {};
  beforeRead: () => Promise<void> = async () => {};
  commits = 0;
  /** Pages that have been read. */
  pagesRead = 0;
  /** So that there are many, whatever is asked for. */
  protected pageRowsMax = Number.POSITIVE_INFINITY;
  readonly #partitions = new Map<number, ModelPartition>();

  /** All that is stored of one, to look at and to damage. */
  partition(partition = 0): ModelPartition {
    let known = this.#partitions.get(partition);
    if (!known) {
      const dropped = { byAge: 0, byItems: 0 };
      known = { position: undefined, rows: [], epochs: [], holes: [], dropped, floor: { epoch: 0, offset: 0 } };
      this.#partitions.set(partition, known);
    }
    return known;
  }

  /** As `<epoch>-<offset>`, without what is orphaned. */
  ids(partition = 0): string[] {
    return this.#kept(partition).map(({ epoch, offset }) => `${epoch}-${offset}`);
  }

  /** Their offsets. */
  orphans(partition = 0): number[] {
    return this.partition(partition)
      .rows.filter(({ orphaned }) => orphaned)
      .map(({ offset }) => offset);
  }

  async open(): Promise<void> {}
  async close(): Promise<void> {}

  async position(partition: number): Promise<JournalPosition | undefined> {
    await this.beforeRead();
    return this.#partitions.get(partition)?.position;
  }

  async commit(batch: JournalBatch): Promise<CommitOutcome> {
    await this.beforeCommit(batch);
    const { partition, after, rows, position } = batch;
    const known = this.partition(partition);
    const at = known.position?.cursor;
    if (after === null ? at !== undefined : !at || !cursorsEqual(at, after)) return 'overtaken';
    known.position = position;
    known.epochs.push(...batch.epochs);
    known.holes.push(...batch.holes);
    known.floor = batch.holes.at(-1)?.next ?? known.floor;
    for (const row of rows) known.rows.push({ ...row, partition, orphaned: false });
    for (const tail of batch.orphanedAfter) {
      for (const row of known.rows) if (row.epoch === tail.epoch && row.offset > tail.offset) row.orphaned = true;
    }
    this.commits++;
    await this.afterCommit(batch);
    return 'committed';
  }

  async *events(query: EventQuery, pageRows = 1_000): AsyncGenerator<readonly ReadRow[]> {
    await this.beforeRead();
    const found = this.#all().filter((row) => isAbout(row, query));
    if (query.newestFirst) found.reverse();
    const rows = found.slice(0, query.limit);
    const size = Math.min(pageRows, this.pageRowsMax);
    for (let at = 0; at < rows.length; at += size) {
      await this.beforeRead();
      this.pagesRead++;
      yield rows.slice(at, at + size).map(read);
      // As a database does: others come in between.
      await new Promise(setImmediate);
    }
  }

  async page(partition: number, after: Cursor, countMax: number): Promise<readonly ReadRow[]> {
    await this.beforeRead();
    const rows = this.#kept(partition).filter(({ epoch, offset }) => epoch === after.epoch && offset > after.offset);
    const gap = rows.findIndex(({ offset }, i) => offset !== after.offset + 1 + i);
    return rows.slice(0, Math.min(countMax, gap < 0 ? rows.length : gap)).map(read);
  }

  async cursorAt(partition: number, tsUs: number): Promise<Cursor | undefined> {
    await this.beforeRead();
    const rows = this.#kept(partition);
    const beyond = rows.findIndex((row) => row.tsUs > tsUs);
    if (beyond < 0) return this.#partitions.get(partition)?.position?.cursor;
    const last = rows[beyond - 1];
    return last && { epoch: last.epoch, offset: last.offset };
  }

  async latency({ symbol, ...times }: LatencyQuery): Promise<LatencySummary> {
    await this.beforeRead();
    const query = { ...times, ...(symbol === undefined ? {} : { symbols: [symbol] }), types: ['bbo'] };
    const values = this.#all()
      .filter((row) => isAbout(row, query))
      .map((row) => row.columns?.latencyMs)
      .filter((value) => value !== undefined)
      .sort((a, b) => a - b);
    if (values.length === 0) return { count: 0, min: null, mean: null, p50: null, p95: null, p99: null, max: null };
    const percentile = (p: number): number => {
      const rank = p * (values.length - 1);
      const [low, high] = [values[Math.floor(rank)] as number, values[Math.ceil(rank)] as number];
      return low + (high - low) * (rank - Math.floor(rank));
    };
    return {
      count: values.length,
      min: values[0] as number,
      mean: values.reduce((sum, value) => sum + value, 0) / values.length,
      p50: percentile(0.5),
      p95: percentile(0.95),
      p99: percentile(0.99),
      max: values.at(-1) as number,
    };
  }

  async symbols(): Promise<readonly SymbolSummary[]> {
    await this.beforeRead();
    const bySymbol = groups(
      this.#all().filter((row) => !row.orphaned && row.symbol !== null),
      ({ symbol }) => symbol as string,
    );
    return [...bySymbol.keys()].sort().map((symbol) => {
      const rows = bySymbol.get(symbol) as ModelRow[];
      const dayOf = (row: ModelRow) => row.clockUs - (row.clockUs % DAY_US);
      const series = [...groups(rows, (row) => `${row.partition} ${dayOf(row)} ${row.type}`).values()];
      return {
        symbol,
        events: rows.length,
        bbo: rows.filter((row) => row.type === 'bbo').length,
        trades: rows.filter((row) => row.type === 'trade').length,
        firstUs: Math.min(...series.map((group) => (group[0] as ModelRow).tsUs)),
        lastUs: Math.max(...series.map((group) => (group.at(-1) as ModelRow).tsUs)),
      };
    });
  }

  async partitions(): Promise<readonly PartitionSummary[]> {
    await this.beforeRead();
    return this.#sorted().map(([partition, { position, dropped, rows }]) => {
      const { byAge, byItems } = dropped;
      return {
        partition,
        position: position as JournalPosition,
        earliest: this.earliest(partition),
        events: rows.filter((row) => !row.orphaned).length,
        orphaned: rows.filter((row) => row.orphaned).length,
        dropped: { events: byAge + byItems, byAge, bySize: 0, byItems },
      };
    });
  }

  async epochs(partition: number): Promise<readonly EpochRecord[]> {
    await this.beforeRead();
    return this.#partitions.get(partition)?.epochs ?? [];
  }

  async holes(partition: number): Promise<readonly HoleRecord[]> {
    await this.beforeRead();
    return this.#partitions.get(partition)?.holes ?? [];
  }

  async bytes(): Promise<number> {
    return this.#all().reduce((sum, { payload }) => sum + payload.length, 0);
  }

  /** All at once, and never by size. */
  async retain({ ageMsMax, bboItemsMax }: RetentionPolicy): Promise<DroppedSummary> {
    await this.beforeRead();
    const newest = Math.max(...this.#sorted().map(([, { position }]) => position?.clockUs ?? 0));
    const byAge = ageMsMax === undefined ? 0 : this.#drop('byAge', (row) => row.clockUs < newest - ageMsMax * 1_000);
    const byItems = bboItemsMax === undefined ? 0 : this.#drop('byItems', beyondItems(this.#all(), bboItemsMax));
    return { events: byAge + byItems, byAge, bySize: 0, byItems };
  }

  /** Back from the position while each row follows the one before. */
  protected earliest(partition: number): Cursor | null {
    const { position, epochs, floor } = this.partition(partition);
    let earliest: Cursor | null = null;
    for (const row of this.#kept(partition).reverse()) {
      const cursor = { epoch: row.epoch, offset: row.offset };
      const previousTail = earliest && epochs.find((record) => record.epoch === earliest?.epoch)?.previousTail;
      const follows = earliest
        ? isSuccessor(cursor, earliest, previousTail ?? undefined)
        : position !== undefined && cursorsEqual(cursor, position.cursor);
      if (!follows || compareCursors(cursor, floor) < 0) break;
      earliest = cursor;
    }
    return earliest;
  }

  #drop(reason: 'byAge' | 'byItems', isDoomed: (row: ModelRow) => boolean): number {
    let count = 0;
    for (const known of this.#partitions.values()) {
      for (const row of known.rows.filter(isDoomed)) {
        count++;
        known.dropped[reason]++;
        if (compareCursors(row, known.floor) >= 0) known.floor = { epoch: row.epoch, offset: row.offset + 1 };
      }
      known.rows = known.rows.filter((row) => !isDoomed(row));
    }
    return count;
  }

  #kept(partition: number): ModelRow[] {
    return (this.#partitions.get(partition)?.rows ?? []).filter((row) => !row.orphaned);
  }

  /** One partition after the other. */
  #all(): ModelRow[] {
    return this.#sorted().flatMap(([, { rows }]) => rows);
  }

  /** Of which something has been stored. */
  #sorted(): [number, ModelPartition][] {
    return [...this.#partitions].filter(([, { position }]) => position).sort(([a], [b]) => a - b);
  }
}

function groups(rows: readonly ModelRow[], keyOf: (row: ModelRow) => string): Map<string, ModelRow[]> {
  const found = new Map<string, ModelRow[]>();
  for (const row of rows) {
    const group = found.get(keyOf(row));
    if (group) group.push(row);
    else found.set(keyOf(row), [row]);
  }
  return found;
}

/** Which BBO updates are none of the newest of their symbol. */
function beyondItems(rows: readonly ModelRow[], itemsMax: number): (row: ModelRow) => boolean {
  const counts = new Map<string, number>();
  const doomed = new Set<ModelRow>();
  for (const row of rows.filter(({ type, orphaned, symbol }) => type === 'bbo' && !orphaned && symbol).reverse()) {
    const count = (counts.get(row.symbol as string) ?? 0) + 1;
    counts.set(row.symbol as string, count);
    if (count > itemsMax) doomed.add(row);
  }
  return (row) => doomed.has(row);
}

function isAbout(row: ModelRow, query: EventQuery): boolean {
  const { columns } = row;
  const { types, symbols, account, interval, closed, openFrom, openTo, after, before, fromUs, toUs } = query;
  return (
    !row.orphaned &&
    (query.partition === undefined || row.partition === query.partition) &&
    (!types || types.includes(row.type)) &&
    (!symbols || symbols.includes(row.symbol as string)) &&
    (query.everyAccount === true || row.account === null || row.account === account) &&
    (interval === undefined || columns?.interval === interval) &&
    (closed === undefined || columns?.closed === closed) &&
    (openFrom === undefined || (columns?.openTs ?? -1) >= openFrom) &&
    (openTo === undefined || (columns?.openTs ?? Number.POSITIVE_INFINITY) < openTo) &&
    (!after || compareCursors(row, after) > 0) &&
    (!before || compareCursors(row, before) < 0) &&
    (fromUs === undefined || row.tsUs >= fromUs) &&
    (toUs === undefined || row.tsUs < toUs)
  );
}

function read({ partition, epoch, offset, type, symbol, account, tsUs, payload }: ModelRow): ReadRow {
  return { partition, epoch, offset, type, symbol, account, tsUs, payload };
}
