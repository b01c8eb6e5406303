import { type Cursor, compareCursors, formatCursor, isSuccessor, tryParseSessionCursor } from '@depthcast/protocol';
import type { LoggedEvent } from './log-checks.ts';

/** One event as a client got it, with its place in its partition's log. */
interface Received {
  readonly id: string;
  readonly text: string;
}

/**
 * What one client has been sent over all its connections, by partition, with what may be said of it on the way: its
 * one id never goes back in any partition, and where it is sent everything it moves by exactly one event.
 */
export class PartitionedRecord {
  /** By partition: what came, in order. */
  readonly received: readonly Received[][];
  readonly problems: string[] = [];
  readonly resets: string[] = [];
  /** The last id that it was sent. */
  lastId: string;
  #at: readonly Cursor[];

  /** @param from the id that it begins after. */
  constructor(partitions: number, from: string) {
    this.received = Array.from({ length: partitions }, () => []);
    this.lastId = from;
    const at = tryParseSessionCursor(from, partitions);
    if (!at) throw new Error(`${from} is no id over ${partitions} partitions`);
    this.#at = at;
  }

  get count(): number {
    return this.received.reduce((sum, events) => sum + events.length, 0);
  }

  /** The client's place in one partition. */
  placeIn(partition: number): Cursor {
    return this.#at[partition] as Cursor;
  }

  /** An id without an event. */
  move(id: string): void {
    const to = this.#parse(id);
    if (to) this.#go(id, to);
  }

  /** An event of a client that is sent every one: exactly one partition moves, by exactly one entry. */
  takeNext(id: string, type: string, data: string): void {
    const to = this.#parse(id);
    if (!to) return;
    const moved = to.flatMap((cursor, k) => (compareCursors(cursor, this.placeIn(k)) === 0 ? [] : [k]));
    const [partition = 0] = moved;
    const [before, next] = [this.placeIn(partition), to[partition] as Cursor];
    const follows = moved.length === 1 && isSuccessor(before, next, previousTail(type, data));
    if (!follows) this.problems.push(`${type} ${id} after ${this.lastId}: not the next event of one partition`);
    this.#keep(partition, next, `${type} ${data}`);
    this.#go(id, to);
  }

  /** An event of a client that has asked for some of them. */
  takeOf(partition: number, id: string, text: string): void {
    const to = this.#parse(id);
    if (!to) return;
    const next = to[partition] as Cursor;
    if (compareCursors(next, this.placeIn(partition)) <= 0) this.problems.push(`${id} comes after ${this.lastId}`);
    this.#keep(partition, next, text);
    this.#go(id, to);
  }

  /** An honest break: it goes on behind the tail that the reset names. */
  reset(data: string): void {
    const { reason, tail } = JSON.parse(data) as { reason: string; tail: string | null };
    this.resets.push(reason);
    const to = tail === null ? undefined : this.#parse(tail);
    if (to) {
      this.#at = to;
      this.lastId = tail as string;
    }
  }

  /**
   * How this differs from a partition's log, from the first event that came to the last; '' where it does not.
   *
   * @param textOf what the client should have been shown of an entry; undefined where it has not asked for it.
   * @param from the entry after which it began.
   */
  differenceFrom(
    partition: number,
    log: readonly LoggedEvent[],
    textOf: (entry: LoggedEvent) => string | undefined,
    from: string,
  ): string {
    const begin = log.findIndex(({ id }) => id === from) + 1;
    const wanted = log.slice(begin).flatMap((entry) => {
      const text = textOf(entry);
      return text === undefined ? [] : [{ id: entry.id, text }];
    });
    const received = this.received[partition] as Received[];
    for (let i = 0; i < Math.max(wanted.length, received.length); i++) {
      const [got, want] = [received[i], wanted[i]];
      if (got?.id === want?.id && got?.text === want?.text) continue;
      return `partition ${partition}, event ${i} of ${wanted.length}: got ${got?.id} ${got?.text}, the log has ${want?.id} ${want?.text}`;
    }
    return '';
  }

  #parse(id: string): Cursor[] | undefined {
    const to = tryParseSessionCursor(id, this.received.length);
    if (!to) this.problems.push(`${id} is no id over ${this.received.length} partitions`);
    return to;
  }

  #keep(partition: number, cursor: Cursor, text: string): void {
    this.received[partition]?.push({ id: formatCursor(cursor), text });
  }

  #go(id: string, to: readonly Cursor[]): void {
    const back = to.findIndex((cursor, k) => compareCursors(cursor, this.placeIn(k)) < 0);
    if (back >= 0) this.problems.push(`${id} goes back in partition ${back}, after ${this.lastId}`);
    this.#at = to;
    this.lastId = id;
  }
}

function previousTail(type: string, data: string): Cursor | undefined {
  if (type !== 'epoch') return undefined;
  const { previous_tail: tail } = JSON.parse(data) as { previous_tail: string | null };
  return tail === null ? undefined : tryParseSessionCursor(tail, 1)?.[0];
}
