import { type LogEntry, previousTailOf } from '@depthcast/log';
import { type Cursor, compareCursors } from '@depthcast/protocol';
import type { HoleRecord } from '../stores/journal-store.ts';

/** What has to be said of the place between the last stored entry and the first one that the log holds after it. */
export interface Bridge {
  readonly holes: readonly HoleRecord[];
  readonly orphanedAfter: readonly Cursor[];
}

const SEAMLESS: Bridge = { holes: [], orphanedAfter: [] };
/** Before the first offset: all of an epoch comes after it. */
const BEFORE_FIRST = -1;

/**
 * @param stored the last entry stored; undefined: nothing is.
 * @param first the first entry that the log holds after it, whatever that is.
 * @param epochs those of which entries are stored.
 */
export function bridge(stored: Cursor | undefined, first: LogEntry, epochs: readonly number[]): Bridge {
  const opens = first.topic === 'epoch' && first.offset === 0;
  const tail = opens ? previousTailOf(first.payload) : undefined;
  const next = { epoch: first.epoch, offset: first.offset };
  // The log's very beginning is whole; of any other one nobody here has seen what came before.
  if (!stored) return opens && !tail ? SEAMLESS : { ...SEAMLESS, holes: [{ after: null, next }] };
  const hole = { ...SEAMLESS, holes: [{ after: stored, next }] };
  if (first.epoch === stored.epoch) return first.offset === stored.offset + 1 ? SEAMLESS : hole;
  // An epoch without a tail begins an empty Redis: whatever followed what is stored was lost with the one before.
  if (!tail) return hole;
  const ahead = compareCursors(tail, stored);
  if (ahead === 0) return SEAMLESS;
  if (ahead > 0) return hole;
  // Redis had lost what came after the tail when this epoch began, perhaps with whole epochs among it.
  const lost = epochs.filter((epoch) => epoch > tail.epoch && epoch <= stored.epoch);
  return { holes: [], orphanedAfter: [tail, ...lost.map((epoch) => ({ epoch, offset: BEFORE_FIRST }))] };
}
