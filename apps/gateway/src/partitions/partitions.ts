import type { BookReplica } from '@depthcast/book';
import {
  BEGINNING,
  type Cursor,
  formatShortCursor,
  PARTITIONS_MAX,
  partitionOf,
  type ResetReason,
  tryParseSessionCursor,
} from '@depthcast/protocol';
import type { Stamp } from '../fanout/format.ts';
import { Rates } from '../fanout/rates.ts';
import type { Gateway } from '../gateway.ts';
import type { ResumeRequest } from '../resume/locator.ts';
import { FollowAll, type Following, type Release } from './following.ts';

/** Where a session over several partitions goes on: in each after a cursor, or where its log begins. */
export type Places = readonly (Cursor | undefined)[];

export type LocatedPlaces = Places | { readonly lost: ResetReason };

const PARTS = /^[0-9a-z]+-[0-9a-z]+(_[0-9a-z]+-[0-9a-z]+)*$/;

/**
 * All partitions, each with a gateway of its own: its tail, window, books and groups. What concerns several of them is
 * put together here and in {@link Bundle}. In one thread, so that between two turns all of them stand still.
 */
export class Partitions {
  readonly all: readonly Gateway[];
  /** What connections may be sent a second. */
  readonly rates: Rates;
  readonly #following: Following;

  constructor(all: readonly Gateway[], following: Following = new FollowAll(all), rates = new Rates()) {
    this.all = all;
    this.rates = rates;
    this.#following = following;
  }

  /**
   * Sees that those that some symbols are in are followed, all of them for all symbols.
   *
   * @returns what is to be called when they are not needed any more.
   * @throws DepthcastError `OVERLOADED` when that takes too long.
   */
  use(symbols: Iterable<string> | undefined): Promise<Release> {
    return this.#following.use(this.indexesOf(symbols));
  }

  get count(): number {
    return this.all.length;
  }

  indexOf(symbol: string): number {
    return partitionOf(symbol, this.count);
  }

  of(symbol: string): Gateway {
    return this.all[this.indexOf(symbol)] as Gateway;
  }

  /** Those that some symbols are in; all of them for all symbols. */
  indexesOf(symbols: Iterable<string> | undefined): number[] {
    if (!symbols) return [...this.all.keys()];
    return [...new Set([...symbols].map((symbol) => this.indexOf(symbol)))].sort((a, b) => a - b);
  }

  /** Every symbol that any log has named, sorted. */
  get symbols(): readonly string[] {
    const [only] = this.all;
    if (only && this.count === 1) return only.state.symbols;
    return this.all.flatMap(({ state }) => state.symbols).sort();
  }

  hasSymbol(symbol: string): boolean {
    return this.of(symbol).state.hasSymbol(symbol);
  }

  book(symbol: string): BookReplica | undefined {
    return this.of(symbol).state.book(symbol);
  }

  /** Whether clients can be served, be it with what is stale. */
  get hasStarted(): boolean {
    return this.#following.hasStarted;
  }

  /** Redis is fit for us. */
  start(): void {
    this.#following.start();
  }

  async stop(): Promise<void> {
    this.#following.stop();
    this.rates.stop();
    await Promise.all(this.all.map((gateway) => gateway.stop()));
  }

  /**
   * What stands around the cursors of one partition in the ids of who is up to date in the others.
   *
   * @param placeOf what has been received of another one, where that is not all there is.
   */
  stamp(partition: number, placeOf: (other: number) => Cursor | undefined = this.placeOf): Stamp {
    const parts = this.all.map((_, other) =>
      other === partition ? '' : formatShortCursor(placeOf(other) ?? BEGINNING),
    );
    const before = parts.slice(0, partition).map((part) => `${part}_`);
    const after = parts.slice(partition + 1).map((part) => `_${part}`);
    return { partition, before: before.join(''), after: after.join('') };
  }

  /** All of this partition that there is has been received by whoever wants nothing of it. */
  readonly placeOf = (partition: number): Cursor | undefined => (this.all[partition] as Gateway).place;

  /** The places that a client's id names. */
  locate({ text, fromHeader }: ResumeRequest): LocatedPlaces {
    if (!fromHeader && text === '0') return this.all.map(() => undefined);
    const cursors = tryParseSessionCursor(text, this.count);
    if (cursors) return cursors.map((cursor) => (cursor.epoch === BEGINNING.epoch ? undefined : cursor));
    // As many parts as there are partitions, or nothing that anybody was ever given.
    const parts = PARTS.test(text) ? text.split('_').length : 0;
    return { lost: parts > 0 && parts <= PARTITIONS_MAX && parts !== this.count ? 'repartitioned' : 'unknown' };
  }
}
