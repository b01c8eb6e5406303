import { Fifo } from './fifo.ts';
import { isAt, type Position } from './position.ts';
import type { Tip } from './tip.ts';

/**
 * How long what has landed is kept. A server that syncs its file once a second loses two at most, a replica is behind
 * by less, and a master that was replaced may go on answering its clients for ten.
 */
export const RETAIN_MS = 15_000;
/** As many as one call may append again: Redis serves nobody else for half a second then. */
export const RETAIN_ENTRIES_MAX = 200_000;
export const RETAIN_BYTES_MAX = 128 * 2 ** 20;

/** A batch that is in the log. */
export interface Landed {
  readonly before: Position;
  readonly after: Position;
  /** Topic, payload, topic, payload … with nothing between them. */
  readonly text: string;
  /** Of each topic and payload in `text`. */
  readonly lengths: Uint32Array;
}

/**
 * What the log was given lately, should Redis lose it. A batch is kept as the one text that its crc was taken of:
 * thousands of small strings that live on would each be copied by the garbage collector, which costs 0.6 µs an event;
 * this costs 0.1.
 */
export class Retention {
  readonly #batches = new Fifo<Landed & { readonly landedMs: number }>();
  #entries = 0;
  #bytes = 0;

  get entries(): number {
    return this.#entries;
  }

  /**
   * What is too old goes when something lands, and not before: then Redis has shown that it still is the process that
   * holds all the rest. So an outage, however long, makes nothing too old.
   */
  keep(batch: Landed, nowMs: number): void {
    this.#batches.push({ ...batch, landedMs: nowMs });
    this.#entries += batch.lengths.length / 2;
    this.#bytes += batch.text.length;
    for (
      let { oldest } = this.#batches;
      oldest && this.#isOver(oldest.landedMs, nowMs);
      oldest = this.#batches.oldest
    ) {
      this.#batches.shift();
      this.#entries -= oldest.lengths.length / 2;
      this.#bytes -= oldest.text.length;
    }
  }

  /** The batches after a tip, oldest first; undefined when none of those that are kept begins there. */
  after(tip: Tip): readonly Landed[] | undefined {
    const batches = this.#batches.toArray();
    const from = batches.findIndex(({ before }) => isAt(tip, before));
    return from < 0 ? undefined : batches.slice(from);
  }

  #isOver(landedMs: number, nowMs: number): boolean {
    return this.#entries > RETAIN_ENTRIES_MAX || this.#bytes > RETAIN_BYTES_MAX || nowMs - landedMs > RETAIN_MS;
  }
}

/** Topic, payload, topic, payload … as they were given. */
export function entriesOf({ text, lengths }: Landed): string[] {
  let end = 0;
  return Array.from(lengths, (length) => {
    end += length;
    return text.slice(end - length, end);
  });
}
