import type { DepthRule } from '@depthcast/protocol';

/** The update ids a diff covers: Binance's `U`, `u` and `pu`. */
export interface DepthIds {
  readonly first: number;
  readonly last: number;
  readonly prev?: number;
}

export type DepthSyncState = 'buffering' | 'synced' | 'gap';

/**
 * - `apply`: it is the next one, put it into the book;
 * - `buffered`: kept for the snapshot that is to come;
 * - `dropped`: a duplicate, or older than what is held;
 * - `gap`: something is missing before it; `expected` and `got` are update ids (spot `U`, USD-M `pu`).
 */
export type DiffVerdict =
  | { readonly kind: 'apply' }
  | { readonly kind: 'buffered' }
  | { readonly kind: 'dropped' }
  | { readonly kind: 'gap'; readonly expected: number; readonly got: number };

/**
 * - `synced`: the book is this snapshot, then `replay` in order;
 * - `refetch`: older than the first buffered diff (whose `U` is `first`), a newer one must be fetched;
 * - `ignored`: the book is synced already, and newer (`last`).
 */
export type SnapshotVerdict<D> =
  | { readonly kind: 'synced'; readonly replay: D[] }
  | { readonly kind: 'refetch'; readonly snapshot: number; readonly first: number }
  | { readonly kind: 'ignored'; readonly last: number };

/** Everything a {@link DepthSync} knows, as plain data. */
export interface DepthSyncMemory<D> {
  readonly state: DepthSyncState;
  readonly last: number;
  readonly joining: boolean;
  readonly olderDropped: boolean;
  readonly buffer: readonly D[];
}

/** At USD-M's fastest (some 50 diffs a second) 40 s, which is longer than a snapshot takes to come. */
export const BUFFER_DIFFS_MAX_DEFAULT = 2_000;

const APPLY: DiffVerdict = { kind: 'apply' };
const BUFFERED: DiffVerdict = { kind: 'buffered' };
const DROPPED: DiffVerdict = { kind: 'dropped' };

/**
 * How a local book keeps step with Binance, by its documents ("How to manage a local order book correctly"):
 *
 * - spot: buffer; a snapshot with `lastUpdateId` < first `U` is refetched; diffs with `u` ≤ `lastUpdateId` are
 *   dropped; the next contains `lastUpdateId + 1`; then `U` is the previous `u` + 1, and a later `U` is a gap. (An
 *   earlier `U` of a diff that reaches further overlaps, which absolute sizes allow.)
 * - USD-M: diffs with `u` < `lastUpdateId` are dropped; the first has `U` ≤ `lastUpdateId` ≤ `u`, or `pu` equal to
 *   it; then `pu` is the previous `u`, anything else a gap.
 *
 * The buffer holds one unbroken run: a diff that does not follow the one before it starts the run anew, since no
 * snapshot could bridge the hole. At `bufferDiffsMax` the oldest is dropped, which only makes an old snapshot too
 * old. A diff that opens a gap is itself buffered for the resync.
 */
export class DepthSync<D extends DepthIds> {
  readonly rule: DepthRule;
  readonly bufferDiffsMax: number;
  #state: DepthSyncState = 'buffering';
  #last = 0;
  /** Synced, but no diff has been applied since the snapshot: the venue's rule for the first one holds. */
  #joining = false;
  /** A diff from before the buffer has come after it: see #refetch. */
  #olderDropped = false;
  #buffer: D[] = [];

  constructor(rule: DepthRule, options: { bufferDiffsMax?: number } = {}) {
    this.rule = rule;
    this.bufferDiffsMax = options.bufferDiffsMax ?? BUFFER_DIFFS_MAX_DEFAULT;
    if (!Number.isSafeInteger(this.bufferDiffsMax) || this.bufferDiffsMax < 1) {
      throw new RangeError(`bufferDiffsMax ${this.bufferDiffsMax} is not a whole number ≥ 1`);
    }
  }

  static restore<D extends DepthIds>(
    rule: DepthRule,
    memory: DepthSyncMemory<D>,
    options?: { bufferDiffsMax?: number },
  ): DepthSync<D> {
    const sync = new DepthSync<D>(rule, options);
    sync.#state = memory.state;
    sync.#last = memory.last;
    sync.#joining = memory.joining;
    sync.#olderDropped = memory.olderDropped;
    sync.#buffer = [...memory.buffer];
    return sync;
  }

  get state(): DepthSyncState {
    return this.#state;
  }

  /** The last update id that was applied, 0 before the first snapshot and after {@link reset}. */
  get last(): number {
    return this.#last;
  }

  get bufferedDiffs(): number {
    return this.#buffer.length;
  }

  memory(): DepthSyncMemory<D> {
    return {
      state: this.#state,
      last: this.#last,
      joining: this.#joining,
      olderDropped: this.#olderDropped,
      buffer: [...this.#buffer],
    };
  }

  onDiff(diff: D): DiffVerdict {
    if (this.#state !== 'synced') return this.#keep(diff);
    switch (relation(this.rule, diff, this.#last, this.#joining)) {
      case 'older':
        return DROPPED;
      case 'next':
        this.#last = diff.last;
        this.#joining = false;
        return APPLY;
      default:
        this.#state = 'gap';
        this.#restartBuffer([diff]);
        return this.rule === 'spot'
          ? { kind: 'gap', expected: this.#last + 1, got: diff.first }
          : { kind: 'gap', expected: this.#last, got: diff.prev ?? diff.first };
    }
  }

  /** @param last the snapshot's `lastUpdateId`. */
  onSnapshot(last: number): SnapshotVerdict<D> {
    if (this.#state === 'synced') {
      if (last < this.#last) return { kind: 'ignored', last: this.#last };
    } else {
      const [head] = this.#buffer;
      if (head && this.rule === 'spot' && last < head.first) return this.#refetch(last, head);
    }
    const start = this.#buffer.findIndex((diff) => relation(this.rule, diff, last, true) !== 'older');
    const replay = start < 0 ? [] : this.#buffer.slice(start);
    const [next] = replay;
    if (next && relation(this.rule, next, last, true) !== 'next') return this.#refetch(last, next);
    this.#state = 'synced';
    this.#last = replay.at(-1)?.last ?? last;
    this.#joining = replay.length === 0;
    this.#restartBuffer([]);
    return { kind: 'synced', replay };
  }

  /** Forgets everything and buffers anew: the venue's stream has been opened again. */
  reset(): void {
    this.#state = 'buffering';
    this.#last = 0;
    this.#joining = false;
    this.#restartBuffer([]);
  }

  #keep(diff: D): DiffVerdict {
    const tail = this.#buffer.at(-1);
    const kin = tail === undefined ? 'next' : relation(this.rule, diff, tail.last, false);
    if (kin === 'older') {
      // Within the run it is a duplicate; from before it, it is news about the run (see #refetch).
      if (diff.first < (this.#buffer[0] as D).first) this.#olderDropped = true;
      return DROPPED;
    }
    if (kin === 'next') this.#buffer.push(diff);
    else this.#restartBuffer([diff]);
    if (this.#buffer.length > this.bufferDiffsMax) this.#buffer.shift();
    return BUFFERED;
  }

  #refetch(last: number, first: D): SnapshotVerdict<D> {
    this.#state = 'buffering';
    // Older diffs came in after this run began, and a snapshot says that they are right: an id far ahead of the
    // venue's, sent once by mistake, would otherwise hold the book back for ever.
    if (this.#olderDropped) this.#restartBuffer([]);
    return { kind: 'refetch', snapshot: last, first: first.first };
  }

  #restartBuffer(diffs: D[]): void {
    this.#buffer = diffs;
    this.#olderDropped = false;
  }
}

/** How a diff stands to a book at update `last`; `joining` when that is a snapshot's and no diff followed yet. */
function relation(rule: DepthRule, diff: DepthIds, last: number, joining: boolean): 'older' | 'next' | 'beyond' {
  if (rule === 'spot') {
    if (diff.last <= last) return 'older';
    return diff.first <= last + 1 ? 'next' : 'beyond';
  }
  if (joining) {
    if (diff.last < last) return 'older';
    return diff.first <= last || diff.prev === last ? 'next' : 'beyond';
  }
  if (diff.last <= last) return 'older';
  return diff.prev === last ? 'next' : 'beyond';
}
