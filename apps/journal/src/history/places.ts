import {
  BEGINNING,
  type Cursor,
  compareCursors,
  DepthcastError,
  formatCursor,
  formatSessionCursor,
  partitionOf,
  tryParseCursor,
  tryParseSessionCursor,
} from '@depthcast/protocol';

/** A place as a client names it: in the log of the one partition that it asks about, or in each of them, in their order. */
export type Place = Cursor | readonly Cursor[];

/** Places by partition; undefined: none is meant there. */
export type PlaceOfEach = readonly (Cursor | undefined)[];

/** `<epoch>-<offset>`, or of several partitions the form of `formatSessionCursor`. */
export function tryPlace(text: string, partitions: number): Place | undefined {
  return tryParseCursor(text) ?? (partitions === 1 ? undefined : tryParseSessionCursor(text, partitions));
}

export function placeInvalid(name: string, got: string, partitions: number): DepthcastError {
  return new DepthcastError(
    'CURSOR_INVALID',
    `${name}: cursor ${got} is neither <epoch>-<offset>, of one symbol's partition, nor one over all ${partitions} partitions as "next" has it`,
  );
}

/** Whether there may be anything between two places; of those in different forms nobody knows yet. */
export function isBefore(after: Place, before: Place): boolean {
  if (isEach(after) !== isEach(before)) return true;
  const ends = isEach(before) ? before : [before];
  return (isEach(after) ? after : [after]).some((cursor, i) => compareCursors(cursor, ends[i] as Cursor) < 0);
}

/** What a place is in one partition, of which a plain cursor is then meant to be. */
export function placeIn(partition: number, place: Place): Cursor {
  return isEach(place) ? (place[partition] as Cursor) : place;
}

/** The partitions that an answer is about, and how places in them are said: as one cursor, over one of them or over all. */
export class Scope {
  /** In rising order. */
  readonly partitions: readonly number[];
  readonly #count: number;
  readonly #isOfOne: boolean;

  /**
   * @param count of all partitions.
   * @param symbols that the answer is about; undefined: all, and what is of no symbol.
   */
  constructor(count: number, symbols?: readonly string[]) {
    this.#count = count;
    this.#isOfOne = count === 1 || symbols?.length === 1;
    const all = Array.from({ length: count }, (_, partition) => partition);
    const meant = new Set(symbols?.map((symbol) => partitionOf(symbol, count)) ?? all);
    this.partitions = all.filter((partition) => meant.has(partition));
  }

  /** @throws DepthcastError `CURSOR_INVALID` for a cursor of one partition where nothing says of which. */
  placeOfEach(name: string, place: Place | undefined): PlaceOfEach {
    if (place === undefined) return [];
    if (isEach(place)) return place;
    if (this.#isOfOne)
      return Array.from({ length: this.#count }, (_, p) => (this.partitions[0] === p ? place : undefined));
    throw new DepthcastError(
      'CURSOR_INVALID',
      `${name}: ${formatCursor(place)} is a place in one of ${this.#count} partitions: takes one symbol with it, or a cursor over all of them as "next" has it`,
    );
  }

  /** What `after` takes to go on behind these. */
  format(places: PlaceOfEach): string {
    const [first = 0] = this.partitions;
    if (this.#isOfOne) return formatCursor(places[first] ?? BEGINNING);
    return formatSessionCursor(Array.from({ length: this.#count }, (_, p) => places[p] ?? BEGINNING));
  }
}

function isEach(place: Place): place is readonly Cursor[] {
  return Array.isArray(place);
}
