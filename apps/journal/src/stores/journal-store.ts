import type { Cursor } from '@depthcast/protocol';
import type { EventRow } from './event-row.ts';

/** How far a partition is stored, with what the recorder needs to go on. */
export interface JournalPosition {
  readonly cursor: Cursor;
  /** Of the last row; see {@link EventRow}. */
  readonly tsUs: number;
  readonly clockUs: number;
}

/** A timeline of the log, as its `epoch` event says. */
export interface EpochRecord {
  readonly epoch: number;
  /** How many epochs came before it in this journal. */
  readonly ordinal: number;
  readonly previousTail: Cursor | null;
  readonly reason: string;
}

/** Entries that were gone from the log before they could be stored: those after `after` and before `next`. */
export interface HoleRecord {
  readonly after: Cursor | null;
  readonly next: Cursor;
}

/** What is stored in one transaction. */
export interface JournalBatch {
  readonly partition: number;
  /** The cursor that the store must still have; null: the partition is new. */
  readonly after: Cursor | null;
  /** In the log's order. */
  readonly rows: readonly EventRow[];
  /** Where the partition stands afterwards: the last row's. */
  readonly position: JournalPosition;
  readonly epochs: readonly EpochRecord[];
  readonly holes: readonly HoleRecord[];
  /** For each: rows of its epoch beyond it are marked orphaned; Redis had lost them when the next epoch began. */
  readonly orphanedAfter: readonly Cursor[];
}

/** `overtaken`: another journal has stored meanwhile; nothing of this batch was. */
export type CommitOutcome = 'committed' | 'overtaken';

/**
 * Which events; all conditions hold together. Orphaned ones are never among them, and without `account` or
 * `everyAccount` no private ones. Of several partitions one comes after the other, in their order.
 */
export interface EventQuery {
  readonly partition?: number;
  readonly types?: readonly string[];
  /** Of any of these; the history's readers ask for one mostly. */
  readonly symbols?: readonly string[];
  /** Whose private events are among them, beside the public ones. */
  readonly account?: string;
  /** Everybody's private events are. */
  readonly everyAccount?: true;
  /** `kline`. */
  readonly interval?: string;
  /** `kline`. */
  readonly closed?: boolean;
  /** `kline`: by `openTs` in ms, inclusive. */
  readonly openFrom?: number;
  /** `kline`: by `openTs` in ms, exclusive. */
  readonly openTo?: number;
  /** In the log's order, exclusive. */
  readonly after?: Cursor;
  /** In the log's order, exclusive. */
  readonly before?: Cursor;
  /** By `tsUs`, inclusive. */
  readonly fromUs?: number;
  /** By `tsUs`, exclusive. */
  readonly toUs?: number;
  readonly limit?: number;
  /** Default: the log's order. */
  readonly newestFirst?: boolean;
}

/** A row as it is read: what every reader needs. Typed members are read from `payload`, which is exact. */
export interface ReadRow {
  readonly partition: number;
  readonly epoch: number;
  readonly offset: number;
  readonly type: string;
  readonly symbol: string | null;
  readonly account: string | null;
  readonly tsUs: number;
  /** JSON, byte for byte as in the log. */
  readonly payload: string;
}

export interface LatencyQuery {
  readonly symbol?: string;
  /** By `tsUs`, inclusive. */
  readonly fromUs?: number;
  /** By `tsUs`, exclusive. */
  readonly toUs?: number;
}

export interface LatencySummary {
  readonly count: number;
  /** ms; all null when the count is 0. */
  readonly min: number | null;
  readonly mean: number | null;
  readonly p50: number | null;
  readonly p95: number | null;
  readonly p99: number | null;
  readonly max: number | null;
}

/** What is kept of one symbol, orphaned events not counted. Symbols of which nothing is kept are not listed. */
export interface SymbolSummary {
  readonly symbol: string;
  readonly events: number;
  readonly bbo: number;
  readonly trades: number;
  /** The least `tsUs` that any type's events of a day begin with, in the log's order, and the greatest they end with. */
  readonly firstUs: number | null;
  readonly lastUs: number | null;
}

/** What retention has dropped, since the database was made or by one call. `events` is the sum of the others. */
export interface DroppedSummary {
  readonly events: number;
  readonly byAge: number;
  readonly bySize: number;
  readonly byItems: number;
}

export interface PartitionSummary {
  readonly partition: number;
  readonly position: JournalPosition;
  /** The first row of the contiguous run that ends at the position: from before it nothing can be resumed. */
  readonly earliest: Cursor | null;
  /** Kept, the orphaned ones not among them. */
  readonly events: number;
  /** Kept, and never given to anybody. */
  readonly orphaned: number;
  readonly dropped: DroppedSummary;
}

export interface RetentionPolicy {
  /** Events so much older than the newest, by `clockUs`, go; undefined: kept for ever. */
  readonly ageMsMax?: number;
  /** The database's size ({@link JournalStore.bytes}) beyond which the oldest go. */
  readonly bytesMax?: number;
  /** BBO updates kept of each symbol. */
  readonly bboItemsMax?: number;
}

/**
 * The database of one journal. Whatever is committed survives a SIGKILL of this process; a commit is all or none, and
 * only if the partition's cursor is still where the batch begins: so two journals cannot store anything twice.
 *
 * Every call rejects with the driver's error when the database is away, its disk full or its answer late; the caller
 * waits and calls again. A commit that was rejected may have been stored all the same: {@link position} tells.
 */
export interface JournalStore {
  /** For logs and stats: `duckdb` or `postgres`, and where, without secrets. */
  readonly description: { readonly kind: 'duckdb' | 'postgres'; readonly location: string };
  /** Brings the tables up to date. @throws DepthcastError `JOURNAL_STORE_UNUSABLE`, the database left untouched. */
  open(): Promise<void>;
  close(): Promise<void>;

  position(partition: number): Promise<JournalPosition | undefined>;
  commit(batch: JournalBatch): Promise<CommitOutcome>;

  /**
   * In pages of at most `pageRows` (default 1,000) and never empty, the next one read when it is asked for: constant
   * memory. What retention drops meanwhile is left out.
   */
  events(query: EventQuery, pageRows?: number): AsyncIterable<readonly ReadRow[]>;
  /**
   * What follows a cursor in its epoch, for resuming clients, private events among it: at most `countMax` rows, each
   * the successor of the one before, so it ends where something is missing. Empty: what follows is not kept, or
   * orphaned, or nothing does yet; {@link partitions} and {@link epochs} tell which.
   */
  page(partition: number, after: Cursor, countMax: number): Promise<readonly ReadRow[]>;
  /**
   * The last cursor before the first event with `tsUs` beyond the moment; undefined when that is before what is kept.
   * Of a moment beyond all events it is the position.
   */
  cursorAt(partition: number, tsUs: number): Promise<Cursor | undefined>;
  /** Of `bbo` events. Percentiles are interpolated between the two nearest ranks. */
  latency(query: LatencyQuery): Promise<LatencySummary>;

  /** In alphabetical order. */
  symbols(): Promise<readonly SymbolSummary[]>;
  partitions(): Promise<readonly PartitionSummary[]>;
  /** Oldest first. */
  epochs(partition: number): Promise<readonly EpochRecord[]>;
  holes(partition: number): Promise<readonly HoleRecord[]>;
  /** Of the database on disk: what it uses, not what a file keeps free for later. */
  bytes(): Promise<number>;

  /**
   * Drops what is beyond the policy, in steps that commits fit between, and a bounded number of them: call again while
   * the answer is not 0. Orphaned events go as others do, but are not counted as items.
   */
  retain(policy: RetentionPolicy): Promise<DroppedSummary>;
}
