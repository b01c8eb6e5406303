import { type Cursor, compareCursors, cursorsEqual, isSuccessor } from '@depthcast/protocol';
import type { EventRow } from '../stores/event-row.ts';
import type {
  EpochRecord,
  EventQuery,
  HoleRecord,
  JournalBatch,
  JournalPosition,
  LatencyQuery,
  LatencySummary,
  PartitionSummary,
  ReadRow,
  RetentionPolicy,
  SymbolSummary,
} from '../stores/journal-store.ts';

const DAY_US = 86_400_000_000;

interface ModelRow extends EventRow {
  readonly partition: number;
  orphaned: boolean;
}

interface ModelPartition {
  position: JournalPosition;
  readonly epochs: EpochRecord[];
  readonly holes: HoleRecord[];
  readonly dropped: { byAge: number; byItems: number };
  /** Whatever was missing once counts as missing, even when a later epoch has given up all that was around it. */
  floor: Cursor;
}

/** What a journal's store is, said as plainly as can be: arrays, and a scan for every question. */
export class ModelStore {
  #rows: ModelRow[] = [];
  readonly #partitions = new Map<number, ModelPartition>();

  position(partition: number): JournalPosition | undefined {
    return this.#partitions.get(partition)?.position;
  }

  /** Only batches that begin where the partition stands. */
  commit(batch: JournalBatch): void {
    const { partition, position } = batch;
    const dropped = { byAge: 0, byItems: 0 };
    const floor = { epoch: 0, offset: 0 };
    const known = this.#partitions.get(partition) ?? { position, epochs: [], holes: [], dropped, floor };
    this.#partitions.set(partition, known);
    known.position = position;
    known.epochs.push(...batch.epochs);
    known.holes.push(...batch.holes);
    known.floor = batch.holes.at(-1)?.next ?? known.floor;
    this.#rows.push(...batch.rows.map((row) => ({ ...row, partition, orphaned: false })));
    this.#rows.sort((a, b) => a.partition - b.partition || compareCursors(a, b));
    for (const after of batch.orphanedAfter) {
      for (const row of this.#of(partition)) {
        if (row.epoch === after.epoch && row.offset > after.offset) row.orphaned = true;
      }
    }
  }

  events(query: EventQuery): ReadRow[] {
    const rows = this.#rows.filter((row) => isAbout(row, query));
    if (query.newestFirst) rows.reverse();
    return rows.slice(0, query.limit).map(read);
  }

  page(partition: number, after: Cursor, countMax: number): ReadRow[] {
    const rows = this.#of(partition).filter((row) => !row.orphaned && row.epoch === after.epoch);
    const page: ReadRow[] = [];
    for (let offset = after.offset + 1; page.length < countMax; offset++) {
      const row = rows.find((candidate) => candidate.offset === offset);
      if (!row) break;
      page.push(read(row));
    }
    return page;
  }

  cursorAt(partition: number, tsUs: number): Cursor | undefined {
    const rows = this.#of(partition).filter((row) => !row.orphaned);
    const beyond = rows.findIndex((row) => row.tsUs > tsUs);
    if (beyond < 0) return this.position(partition)?.cursor;
    const last = rows[beyond - 1];
    return last && { epoch: last.epoch, offset: last.offset };
  }

  latency({ symbol, ...times }: LatencyQuery): LatencySummary {
    const query = { ...times, ...(symbol === undefined ? {} : { symbols: [symbol] }), types: ['bbo'] };
    const values = this.#rows
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

  symbols(): SymbolSummary[] {
    const kept = this.#rows.filter((row) => !row.orphaned);
    const names = [...new Set(kept.flatMap((row) => (row.symbol === null ? [] : [row.symbol])))].sort();
    return names.map((symbol) => {
      const rows = kept.filter((row) => row.symbol === symbol);
      const series = new Map<string, ModelRow[]>();
      for (const row of rows) {
        const key = `${row.partition} ${row.clockUs - (row.clockUs % DAY_US)} ${row.type}`;
        const group = series.get(key);
        if (group) group.push(row);
        else series.set(key, [row]);
      }
      return {
        symbol,
        events: rows.length,
        bbo: rows.filter((row) => row.type === 'bbo').length,
        trades: rows.filter((row) => row.type === 'trade').length,
        firstUs: Math.min(...[...series.values()].map((group) => (group[0] as ModelRow).tsUs)),
        lastUs: Math.max(...[...series.values()].map((group) => (group.at(-1) as ModelRow).tsUs)),
      };
    });
  }

  partitions(): PartitionSummary[] {
    return [...this.#partitions]
      .sort(([a], [b]) => a - b)
      .map(([partition, { position, dropped }]) => {
        const rows = this.#of(partition);
        const { byAge, byItems } = dropped;
        return {
          partition,
          position,
          earliest: this.#earliest(partition),
          events: rows.filter((row) => !row.orphaned).length,
          orphaned: rows.filter((row) => row.orphaned).length,
          dropped: { events: byAge + byItems, byAge, bySize: 0, byItems },
        };
      });
  }

  epochs(partition: number): EpochRecord[] {
    return this.#partitions.get(partition)?.epochs ?? [];
  }

  holes(partition: number): HoleRecord[] {
    return this.#partitions.get(partition)?.holes ?? [];
  }

  /** All at once, and never by size. */
  retain({ ageMsMax, bboItemsMax }: RetentionPolicy): void {
    const newest = Math.max(...[...this.#partitions.values()].map(({ position }) => position.clockUs));
    if (ageMsMax !== undefined) this.#drop('byAge', (row) => row.clockUs < newest - ageMsMax * 1_000);
    if (bboItemsMax === undefined) return;
    const left = new Map<string, number>();
    const doomed = new Set<ModelRow>();
    for (const row of this.#rows
      .filter(({ type, orphaned, symbol }) => type === 'bbo' && !orphaned && symbol)
      .reverse()) {
      const count = (left.get(row.symbol as string) ?? 0) + 1;
      left.set(row.symbol as string, count);
      if (count > bboItemsMax) doomed.add(row);
    }
    this.#drop('byItems', (row) => doomed.has(row));
  }

  #drop(reason: 'byAge' | 'byItems', isDoomed: (row: ModelRow) => boolean): void {
    this.#rows = this.#rows.filter((row) => {
      if (!isDoomed(row)) return true;
      const known = this.#partitions.get(row.partition) as ModelPartition;
      known.dropped[reason]++;
      if (compareCursors(row, known.floor) >= 0) known.floor = { epoch: row.epoch, offset: row.offset + 1 };
      return false;
    });
  }

  /** Back from the position while each row follows the one before. */
  #earliest(partition: number): Cursor | null {
    const { position, epochs, floor } = this.#partitions.get(partition) as ModelPartition;
    const rows = this.#of(partition).filter((row) => !row.orphaned);
    let earliest: Cursor | null = null;
    for (const row of rows.reverse()) {
      const cursor = { epoch: row.epoch, offset: row.offset };
      const previousTail = earliest && epochs.find((record) => record.epoch === earliest?.epoch)?.previousTail;
      const follows = earliest
        ? isSuccessor(cursor, earliest, previousTail ?? undefined)
        : cursorsEqual(cursor, position.cursor);
      if (!follows || compareCursors(cursor, floor) < 0) break;
      earliest = cursor;
    }
    return earliest;
  }

  #of(partition: number): ModelRow[] {
    return this.#rows.filter((row) => row.partition === partition);
  }
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

function read({ epoch, offset, type, symbol, account, tsUs, payload }: ModelRow): ReadRow {
  return { epoch, offset, type, symbol, account, tsUs, payload };
}
