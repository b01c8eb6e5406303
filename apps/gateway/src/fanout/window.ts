import type { Cursor } from '@depthcast/protocol';
import { Segment } from './segment.ts';
import type { Topic } from './topics.ts';

export interface WindowLimits {
  /** Memory of all segments; the oldest are dropped beyond it. */
  readonly bytesMax: number;
  readonly entriesMax: number;
  /** One segment: the unit of dropping and of catching up. */
  readonly segmentBytes: number;
}

export const WINDOW_LIMITS: WindowLimits = { bytesMax: 64 << 20, entriesMax: 4_000_000, segmentBytes: 256 << 10 };
const SEGMENT_ENTRIES_MAX = 2_048;
/** The index arrays of a segment: three 32-bit numbers an entry, and the topic of a private one. */
const ENTRY_INDEX_BYTES = 20;

let windows = 0;

/**
 * The recent end of the log, encoded: a bounded ring of segments. Entries are counted by `position`, 0, 1, 2 … since
 * the start, through all epochs; a position is this process's own word and never leaves it.
 */
export class Window {
  /** No other window of this process has it. */
  readonly id = ++windows;
  readonly #limits: WindowLimits;
  #segments: Segment[] = [];
  #bytes = 0;
  /** The cursor before the first held entry, `undefined` where the log began. */
  #start: Cursor | undefined;
  #first = 0;
  #end = 0;

  constructor(limits: WindowLimits = WINDOW_LIMITS) {
    this.#limits = limits;
  }

  /** Position of the first entry held. */
  get first(): number {
    return this.#first;
  }

  /** Position after the last entry. */
  get end(): number {
    return this.#end;
  }

  get bytes(): number {
    return this.#bytes;
  }

  /** The last entry's cursor; where the window is empty, the one it starts after. */
  get tail(): Cursor | undefined {
    const last = this.#segments.at(-1);
    return last ? { epoch: last.epoch, offset: last.lastOffset } : this.#start;
  }

  /** The first entry's cursor. */
  get earliest(): Cursor | undefined {
    const first = this.#segments[0];
    return first && { epoch: first.epoch, offset: first.baseOffset };
  }

  /** Forgets everything and goes on after `start`. Positions go on rising, so that old ones are never taken for new. */
  restart(start: Cursor | undefined): void {
    this.#segments = [];
    this.#bytes = 0;
    this.#start = start;
    this.#first = this.#end;
  }

  append(epoch: number, ordinal: number, offset: number, topic: Topic, payload: Buffer): void {
    const frameBytes = Segment.frameBytesMax(topic, payload.length);
    let segment = this.#segments.at(-1);
    if (!segment || segment.epoch !== epoch || !segment.hasRoom(frameBytes)) {
      segment = this.#open({ epoch, ordinal, baseOffset: offset, basePosition: this.#end }, frameBytes);
    }
    segment.append(topic, payload);
    this.#end++;
  }

  /**
   * Drops the oldest segments beyond the limits, never the newest. Call it when what was appended has been written:
   * nothing is dropped that nobody has been sent.
   */
  evict(): void {
    while (
      this.#segments.length > 1 &&
      (this.#bytes > this.#limits.bytesMax || this.#end - this.#first > this.#limits.entriesMax)
    ) {
      const dropped = this.#segments.shift() as Segment;
      this.#bytes -= memoryOf(dropped);
      this.#first = dropped.endPosition;
      this.#start = { epoch: dropped.epoch, offset: dropped.lastOffset };
    }
  }

  /** The segment that holds a position from `first` to `end - 1`. */
  segmentAt(position: number): Segment {
    const segments = this.#segments;
    // Nearly every call is about the newest entries.
    let high = segments.length - 1;
    if ((segments[high] as Segment).basePosition <= position) return segments[high] as Segment;
    let low = 0;
    while (low < high) {
      const middle = (low + high + 1) >> 1;
      if ((segments[middle] as Segment).basePosition <= position) low = middle;
      else high = middle - 1;
    }
    return segments[low] as Segment;
  }

  /** Those of whom something private is at the positions `from` to `to - 1`. */
  accountsIn(from: number, to: number): ReadonlySet<string> {
    const accounts = new Set<string>();
    for (let position = from; position < to; ) {
      const segment = this.segmentAt(position);
      const end = Math.min(segment.count, to - segment.basePosition);
      segment.addAccounts(position - segment.basePosition, end, accounts);
      position = segment.basePosition + end;
    }
    return accounts;
  }

  /** The cursor of the entry at a position. */
  cursorAt(position: number): Cursor {
    const segment = this.segmentAt(position);
    return { epoch: segment.epoch, offset: segment.baseOffset + position - segment.basePosition };
  }

  /** What the frames at the positions `from` to `to - 1` take, as they stand here. */
  bytesIn(from: number, to: number): number {
    let bytes = 0;
    for (let position = from; position < to; ) {
      const { basePosition, count, frameStarts } = this.segmentAt(position);
      const end = Math.min(count, to - basePosition);
      bytes += (frameStarts[end] as number) - (frameStarts[position - basePosition] as number);
      position = basePosition + end;
    }
    return bytes;
  }

  /** The cursor of the entry before a position, be it held still or not; `undefined` where the log begins. */
  cursorBefore(position: number): Cursor | undefined {
    return position > this.#first ? this.cursorAt(position - 1) : this.#start;
  }

  /** The position that follows a cursor; `undefined` when that entry, or what follows it, is not held here. */
  positionAfter(cursor: Cursor): number | undefined {
    const start = this.#start;
    if (start && start.epoch === cursor.epoch && start.offset === cursor.offset) return this.#first;
    const segments = this.#segments;
    for (let i = segments.length - 1; i >= 0; i--) {
      const segment = segments[i] as Segment;
      if (segment.epoch < cursor.epoch) return undefined;
      if (segment.epoch > cursor.epoch || segment.baseOffset > cursor.offset) continue;
      const index = cursor.offset - segment.baseOffset;
      return index < segment.count ? segment.basePosition + index + 1 : undefined;
    }
    return undefined;
  }

  #open(origin: { epoch: number; ordinal: number; baseOffset: number; basePosition: number }, frameBytes: number) {
    const segment = new Segment(origin, Math.max(this.#limits.segmentBytes, frameBytes), SEGMENT_ENTRIES_MAX);
    this.#segments.push(segment);
    this.#bytes += memoryOf(segment);
    return segment;
  }
}

function memoryOf(segment: Segment): number {
  return segment.bytes.length + segment.topics.length * ENTRY_INDEX_BYTES;
}
