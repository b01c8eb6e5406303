import { ReplyError } from './reply.ts';

/** Both parts are exact: milliseconds, and offsets of a log, stay below 2^53. */
export interface StreamId {
  readonly ms: number;
  readonly seq: number;
}

export interface StreamEntry extends StreamId {
  readonly id: string;
  readonly fields: readonly string[];
  /** Bytes of the stream up to and including this entry, those trimmed before it too. */
  readonly endBytes: number;
}

export const BEFORE_ALL: StreamId = { ms: 0, seq: 0 };
export const AFTER_ALL: StreamId = { ms: Number.POSITIVE_INFINITY, seq: Number.POSITIVE_INFINITY };
/** What an entry costs beyond its text, roughly. */
const ENTRY_BYTES = 64;
/** Redis packs so many entries into a node; an approximate trim drops whole nodes. */
export const NODE_ENTRIES = 100;

/** All of a stream that can change, for undoing. */
export interface StreamMark {
  readonly length: number;
  readonly first: number;
  readonly last: StreamId;
}

/**
 * A stream as Redis 7 keeps it. What is trimmed stays in {@link everAdded}, out of every command's sight: an undo
 * needs it, and so does whoever checks the whole history afterwards.
 */
export class Stream {
  readonly #entries: StreamEntry[];
  #first = 0;
  #last: StreamId = BEFORE_ALL;

  constructor(entries: StreamEntry[] = []) {
    this.#entries = entries;
  }

  get length(): number {
    return this.#entries.length - this.#first;
  }

  get lastId(): string {
    return `${this.#last.ms}-${this.#last.seq}`;
  }

  get entriesAdded(): number {
    return this.#entries.length;
  }

  get bytes(): number {
    const trimmed = this.#entries[this.#first - 1]?.endBytes ?? 0;
    return (this.#entries.at(-1)?.endBytes ?? 0) - trimmed;
  }

  get everAdded(): readonly StreamEntry[] {
    return this.#entries;
  }

  mark(): StreamMark {
    return { length: this.#entries.length, first: this.#first, last: this.#last };
  }

  restore({ length, first, last }: StreamMark): void {
    this.#entries.length = length;
    this.#first = first;
    this.#last = last;
  }

  copy(): Stream {
    const copy = new Stream([...this.#entries]);
    copy.restore(this.mark());
    return copy;
  }

  /**
   * The id that an entry would get.
   *
   * @param text `*`, `<ms>-*`, `<ms>-<seq>` or `<ms>`.
   * @throws ReplyError when it does not lie above the last one.
   */
  idOf(text: string, clockMs: number): StreamId {
    const id = this.#nextId(text, clockMs);
    if (compareIds(id, this.#last) <= 0) {
      throw new ReplyError('ERR The ID specified in XADD is equal or smaller than the target stream top item');
    }
    return id;
  }

  add({ ms, seq }: StreamId, fields: readonly string[]): string {
    const id = `${ms}-${seq}`;
    let endBytes = (this.#entries.at(-1)?.endBytes ?? 0) + ENTRY_BYTES;
    for (const field of fields) endBytes += field.length;
    this.#entries.push({ id, ms, seq, fields, endBytes });
    this.#last = { ms, seq };
    return id;
  }

  /** The entries from `from` to `to`, both included, in order; `countMax` of them at most. */
  range(from: StreamId, to: StreamId, countMax = Number.POSITIVE_INFINITY): StreamEntry[] {
    const start = this.#indexOf(from);
    return this.#entries.slice(start, Math.min(this.#indexBehind(to), start + countMax));
  }

  /** The same from the end. */
  rangeFromEnd(from: StreamId, to: StreamId, countMax = Number.POSITIVE_INFINITY): StreamEntry[] {
    const end = this.#indexBehind(to);
    return this.#entries.slice(Math.max(this.#indexOf(from), end - countMax), end).reverse();
  }

  /** @returns how many went. Approximate: only whole nodes go. */
  trimToLength(length: number, approximate: boolean): number {
    return this.#trimTo(this.#entries.length - length, approximate);
  }

  trimBelow(id: StreamId, approximate: boolean): number {
    return this.#trimTo(this.#indexOf(id), approximate);
  }

  #trimTo(index: number, approximate: boolean): number {
    const first = approximate ? Math.floor(index / NODE_ENTRIES) * NODE_ENTRIES : index;
    const count = Math.max(0, first - this.#first);
    this.#first += count;
    return count;
  }

  #nextId(text: string, clockMs: number): StreamId {
    const { ms: lastMs, seq: lastSeq } = this.#last;
    if (text === '*') return clockMs > lastMs ? { ms: clockMs, seq: 0 } : { ms: lastMs, seq: lastSeq + 1 };
    if (!text.endsWith('-*')) return parseId(text, 0);
    const { ms } = parseId(text.slice(0, -2), 0);
    return { ms, seq: ms === lastMs ? lastSeq + 1 : 0 };
  }

  /** Of the first held entry that is above `id`. */
  #indexBehind(id: StreamId): number {
    return this.#indexOf({ ms: id.ms, seq: id.seq + 0.5 });
  }

  /** Of the first held entry that is not below `id`. */
  #indexOf(id: StreamId): number {
    let low = this.#first;
    let high = this.#entries.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (compareIds(this.#entries[middle] as StreamId, id) < 0) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}

export function compareIds(a: StreamId, b: StreamId): number {
  return a.ms - b.ms || a.seq - b.seq;
}

/** @param seq what an id without a second part stands for. */
export function parseId(text: string, seq: number): StreamId {
  const match = /^(\d+)(?:-(\d+))?$/.exec(text);
  if (!match) throw new ReplyError('ERR Invalid stream ID specified as stream command argument');
  return { ms: Number(match[1]), seq: match[2] === undefined ? seq : Number(match[2]) };
}

/** One end of a range: `-`, `+`, an id, or an id behind `(` that is left out itself. */
export function parseRangeEnd(text: string, end: 'from' | 'to'): StreamId {
  if (text === '-') return BEFORE_ALL;
  if (text === '+') return AFTER_ALL;
  const exclusive = text.startsWith('(');
  const id = parseId(exclusive ? text.slice(1) : text, end === 'from' ? 0 : Number.POSITIVE_INFINITY);
  if (!exclusive) return id;
  if (end === 'to' && id.ms === 0 && id.seq === 0) throw new ReplyError('ERR invalid end ID for the interval');
  // Between two whole numbers lies nothing that a stream could hold.
  return { ms: id.ms, seq: id.seq + (end === 'from' ? 0.5 : -0.5) };
}

/** Refuses what no stream would take, before it is looked for. */
export function assertIdToAdd(text: string): void {
  if (text === '*') return;
  const { ms, seq } = parseId(text.endsWith('-*') ? text.slice(0, -2) : text, 0);
  if (ms === 0 && seq === 0 && !text.endsWith('-*')) {
    throw new ReplyError('ERR The ID specified in XADD must be greater than 0-0');
  }
}

export function assertPairs(fields: readonly string[], command: string): void {
  if (fields.length === 0 || fields.length % 2 !== 0) {
    throw new ReplyError(`ERR wrong number of arguments for '${command}' command`);
  }
}
