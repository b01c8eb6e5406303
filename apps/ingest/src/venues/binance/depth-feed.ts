import { DepthSync } from '@depthcast/book';
import type { DepthRule } from '@depthcast/protocol';
import type { DepthInput, DepthSnapshotInput } from '../venue.ts';

/** Who brings snapshots: the REST API, or a capture. */
export interface SnapshotSource {
  /**
   * Asks for one snapshot, to be given to `DepthFeed.onSnapshot`.
   *
   * @param attempt how many came in a row that were too old to join the diffs; waits grow with it.
   */
  request(attempt: number): void;
  /** What was asked for is no longer wanted. */
  cancel(): void;
}

interface DiffIds {
  readonly first: number;
  readonly last: number;
  readonly prev?: number;
}

/**
 * The depth of one symbol: passes everything on, in order, and knows when a snapshot is needed. It follows the same
 * rules over the same inputs as the engine, by ids alone; the engine's word counts, this one only decides when to ask.
 * A symbol that loses its place asks for its own snapshot, the others do not notice.
 */
export class DepthFeed {
  readonly #sync: DepthSync<DiffIds>;
  readonly #source: SnapshotSource;
  readonly #emit: (input: DepthInput | DepthSnapshotInput) => void;
  #flowing = false;
  #asked = false;
  #attempt = 0;

  constructor(rule: DepthRule, source: SnapshotSource, emit: (input: DepthInput | DepthSnapshotInput) => void) {
    this.#sync = new DepthSync<DiffIds>(rule);
    this.#source = source;
    this.#emit = emit;
  }

  get synced(): boolean {
    return this.#flowing && this.#sync.state === 'synced';
  }

  /** After `feed` up: whatever was known before counts no more. */
  up(): void {
    this.down();
    this.#flowing = true;
  }

  down(): void {
    this.#flowing = false;
    this.#asked = false;
    this.#attempt = 0;
    this.#source.cancel();
    this.#sync.reset();
  }

  onDiff(input: DepthInput): void {
    this.#emit(input);
    const { first, last, prev } = input;
    this.#sync.onDiff(prev === undefined ? { first, last } : { first, last, prev });
    // Asked for only once a diff is here: a snapshot from before the first diff could not join it.
    if (this.#sync.state !== 'synced') this.#ask();
  }

  onSnapshot(input: DepthSnapshotInput): void {
    if (!this.#flowing) return;
    this.#asked = false;
    this.#emit(input);
    this.#sync.onSnapshot(input.last);
    if (this.synced) this.#attempt = 0;
    else {
      this.#attempt++;
      this.#ask();
    }
  }

  #ask(): void {
    if (this.#asked || !this.#flowing) return;
    this.#asked = true;
    this.#source.request(this.#attempt);
  }
}
