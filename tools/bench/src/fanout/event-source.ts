import type { LogEvent } from '@depthcast/protocol';
import { bookChangeEvent, bookSnapshotEvent, SYMBOL } from '../sample-event.ts';

/** What a publisher publishes, for as long as it is asked to. */
export interface EventSource {
  /** Before all others. */
  opening(stamp: string): LogEvent[];
  next(stamp: string): LogEvent;
}

/** Diffs of 400 B, of each symbol in turn. @param symbols all of one length. */
export function diffs(symbols: readonly string[] = [SYMBOL]): EventSource {
  let sent = 0;
  return {
    opening: (stamp) => symbols.map((symbol) => bookSnapshotEvent(stamp, symbol)),
    next(stamp) {
      const symbol = symbols[sent % symbols.length] as string;
      return bookChangeEvent(Math.floor(sent++ / symbols.length), stamp, symbol);
    },
  };
}
