import { type Cursor, tryParseCursor } from '@depthcast/protocol';
import { type RedisClient, retryReads } from './connect.ts';
import type { PartitionKeys } from './keys.ts';
import { readTip } from './tip.ts';

interface Span {
  readonly epoch: number;
  readonly ordinal: number;
  /** Where the epoch before it ended; undefined when it began an empty log. */
  readonly previousTail: Cursor | undefined;
}

/** How far back the chain of epochs is walked: each takes one look-up, at start only. */
const EPOCHS_MAX = 1_000;

/**
 * The epochs whose opening event is still held, oldest first. Tells what a cursor of an earlier epoch is worth, and
 * translates epochs to the ordinals of the integer ids.
 */
export class Timeline {
  readonly #spans: Span[];

  constructor(spans: readonly Span[]) {
    this.#spans = [...spans];
  }

  /** Walks from the tip back along `previous_tail` until an epoch's first entry is no longer held. */
  static async load(client: RedisClient, keys: PartitionKeys, signal?: AbortSignal): Promise<Timeline> {
    const tip = await retryReads(() => readTip(client, keys), signal);
    const spans: Span[] = [];
    let epoch = tip?.epoch;
    let ordinal = tip?.ordinal ?? 0;
    while (epoch !== undefined && spans.length < EPOCHS_MAX) {
      const id = `${epoch}-0`;
      const [entry] = await retryReads(() => client.xrange(keys.log, id, id), signal);
      const fields = entry?.[1];
      const payload =
        fields?.[0] === 'epoch' ? (JSON.parse(fields[1] ?? '{}') as { previous_tail: string | null }) : undefined;
      const previousTail = payload?.previous_tail ? tryParseCursor(payload.previous_tail) : undefined;
      // The tip's own epoch is known even when its first entry is trimmed: its ordinal stands in the tip.
      if (payload || spans.length === 0) spans.unshift({ epoch, ordinal, previousTail });
      epoch = previousTail?.epoch;
      ordinal--;
    }
    return new Timeline(spans);
  }

  /** The epoch being written; undefined in an empty log. */
  get current(): { readonly epoch: number; readonly ordinal: number } | undefined {
    return this.#spans.at(-1);
  }

  /** The tail met an `epoch` event. */
  cross(epoch: number, previousTail: Cursor | undefined): void {
    const current = this.current;
    if (current && epoch <= current.epoch) return;
    this.#spans.push({ epoch, ordinal: (current?.ordinal ?? -1) + 1, previousTail });
    if (this.#spans.length > EPOCHS_MAX) this.#spans.shift();
  }

  ordinalOf(epoch: number): number | undefined {
    return this.#spans.find((span) => span.epoch === epoch)?.ordinal ?? this.#before(epoch);
  }

  epochOf(ordinal: number): number | undefined {
    const known = this.#spans.find((span) => span.ordinal === ordinal);
    if (known) return known.epoch;
    const oldest = this.#spans[0];
    return oldest?.ordinal === ordinal + 1 ? oldest.previousTail?.epoch : undefined;
  }

  /**
   * What a cursor is worth by its epoch:
   * - `held`: on this timeline; whether it is ahead of the tail or trimmed, its offset tells;
   * - `forked`: beyond what its epoch ended with, so it saw entries that Redis lost;
   * - `trimmed`: older than every epoch known here;
   * - `unknown`: an epoch this log never had.
   */
  locate(cursor: Cursor): 'held' | 'forked' | 'trimmed' | 'unknown' {
    const oldest = this.#spans[0];
    if (!oldest) return 'unknown';
    for (const span of this.#spans) {
      if (span.epoch === cursor.epoch) {
        const next = this.#spans[this.#spans.indexOf(span) + 1];
        return next?.previousTail && cursor.offset > next.previousTail.offset ? 'forked' : 'held';
      }
    }
    const tail = oldest.previousTail;
    if (tail && tail.epoch === cursor.epoch) return cursor.offset > tail.offset ? 'forked' : 'held';
    return cursor.epoch < (tail?.epoch ?? oldest.epoch) && (tail || oldest.ordinal > 0) ? 'trimmed' : 'unknown';
  }

  /** The epoch before the oldest known one is known by its tail alone. */
  #before(epoch: number): number | undefined {
    const oldest = this.#spans[0];
    return oldest?.previousTail?.epoch === epoch ? oldest.ordinal - 1 : undefined;
  }
}
