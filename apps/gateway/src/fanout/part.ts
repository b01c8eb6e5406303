import { type Subscribed, wants } from './encoder.ts';
import type { Window } from './window.ts';

/** What one write may be made of at most. */
export interface PartLimits {
  readonly framesMax: number;
  /** One frame that is longer makes a part of its own. */
  readonly bytesMax: number;
}

/** What a frame of a chain, or of Socket.IO, has more than the one in the window: ids of up to 30 digits, and names. */
const REWRITTEN_BYTES_EXTRA = 96;

/**
 * Where a part of the entries `from` to `to - 1` ends that keeps to the limits: at `to` when all of them do. What is not
 * wanted counts for nothing. Costs a look at each entry, and is for those alone who are close to a limit.
 */
export function partEnd(window: Window, from: number, to: number, of: Subscribed, limits: PartLimits): number {
  const { framesMax, bytesMax } = limits;
  const extra = bytesExtra(of);
  let frames = 0;
  let bytes = 0;
  for (let position = from; position < to; ) {
    const segment = window.segmentAt(position);
    const { basePosition, frameStarts } = segment;
    const end = Math.min(segment.count, to - basePosition);
    for (let i = position - basePosition; i < end; i++) {
      if (!wants(of.filter, segment, i)) continue;
      frames++;
      bytes += (frameStarts[i + 1] as number) - (frameStarts[i] as number) + extra;
      if (frames > framesMax || (frames > 1 && bytes > bytesMax)) return basePosition + i;
    }
    position = basePosition + end;
  }
  return to;
}

function bytesExtra({ format, stamp }: Subscribed): number {
  const isRewritten = format.ids === 'int' || format.chain || format.framing === 'packets' || stamp !== undefined;
  return (isRewritten ? REWRITTEN_BYTES_EXTRA : 0) + (stamp ? stamp.before.length + stamp.after.length : 0);
}
